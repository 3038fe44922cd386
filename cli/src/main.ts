// Owns: the start of the program. What needs nothing is answered before anything is loaded.
// Never: imports a verb; program.ts does, when it is called.
import { readFileSync } from 'node:fs'

/** Whoever read the output has gone (`| head`): what was begun is finished all the same, and its exit code says how. */
const unread = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EPIPE') throw error
}
process.stdout.on('error', unread)
const argv = process.argv.slice(2)
// Here and nowhere else: from a chunk of the bundle the file lies elsewhere.
const { version }: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`${version}\n`)
} else {
  process.stderr.on('error', unread) // not above: opening it takes a part of what `--version` may take
  const { runProgram } = await import('./program.ts')
  process.exitCode = await runProgram(argv, version)
}
