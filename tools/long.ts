// Owns: `npm run long -- NAME`: the runs that are too long for `npm test`, and their list.
// Never: runs one that was not named.

import { spawnSync } from 'node:child_process'
import { root, toolEnvironment } from './testing/tool-environment.ts'

interface LongRun {
  readonly name: string
  readonly what: string
  readonly minutes: number
  readonly command: readonly [command: string, ...args: string[]]
}

/** The result of each is recorded in docs/benchmarks.md with seed and commit. */
const runs: readonly LongRun[] = [
  {
    name: 'sequences',
    what: 'random changes, undos and edits by hand, with the laws checked after each',
    minutes: 20,
    command: ['env', 'SEQUENCES=1000', 'vitest', 'run', '--project', 'real', 'tests/laws/sequences.test.ts'],
  },
  {
    name: 'simulation',
    what: 'courses of events from seeds, crashed at every point: a million schedules',
    minutes: 15,
    command: [
      'node',
      '--disable-warning=ExperimentalWarning',
      'tests/simulation/simulate.ts',
      '--seeds',
      '8000',
      '--from',
      '100000',
      '--jobs',
      '2',
    ],
  },
]

const [name, ...rest] = process.argv.slice(2)
const run = runs.find((candidate) => candidate.name === name)
if (run) {
  const [command, ...args] = run.command
  process.exitCode = spawnSync(command, [...args, ...rest], { cwd: root, env: toolEnvironment, stdio: 'inherit' }).status ?? 1
} else {
  if (name !== undefined) console.error(`error: no long run is called ${name}`)
  console.log('npm run long -- NAME, where NAME is one of:')
  for (const { name, what, minutes } of runs) console.log(`  ${name.padEnd(20)} ${what} (~${minutes} min)`)
  if (name !== undefined) process.exitCode = 3
}
