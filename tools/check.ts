// Owns: `npm run check`: format, lint, types, tidy and the fast unit tests. Seconds; run it all day.
// Never: needs root, installs anything, or runs what is slow (that is `npm test`).

import { spawnSync } from 'node:child_process'

const steps = [['oxfmt', '--check'], ['oxlint'], ['tsc'], ['node', 'tools/tidy.ts'], ['vitest', 'run', '--project', 'unit']] as const
for (const [command, ...args] of steps) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
