// Owns: `npm run check`: format, lint, types, tidy and the fast unit tests. Seconds; run it all day.
// Never: needs root, installs anything, or runs what is slow (that is `npm test`).

import { spawnSync } from 'node:child_process'
import { fastSuites, suites } from './suites.ts'
import { root, toolEnvironment } from './testing/tool-environment.ts'

const failed = suites
  .filter(({ name }) => fastSuites.includes(name))
  .filter(({ command: [command, ...args] }) => {
    return spawnSync(command, args, { cwd: root, env: toolEnvironment, stdio: 'inherit' }).status !== 0
  })
console.log(failed.length === 0 ? 'check: good' : `check: ${failed.map(({ name }) => name).join(', ')} failed`)
if (failed.length > 0) process.exitCode = 1
