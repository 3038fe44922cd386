// Owns: the start of the program. What needs nothing is answered before anything is loaded.
// Never: imports a verb; program.ts does, when it is called.
import { readFileSync } from 'node:fs'

// Whoever read the output has gone (`| head`): what was begun is finished all the same, and its exit code says how.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}
const argv = process.argv.slice(2)
// Here and nowhere else: from a chunk of the bundle the file lies elsewhere.
const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`${version}\n`)
} else {
  const { runProgram } = await import('./program.ts')
  process.exitCode = await runProgram(argv, version)
}
