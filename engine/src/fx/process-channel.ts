// Owns: the process channel of `call.fx`: runs commands to their end, starts processes that outlive us, signals them.
// Never: goes through a shell with text that is not fixed here; never records a value of an environment.
import type { Reads, Writes } from '@understudy/contract'
import type { EffectsLock } from './effects-lock.ts'
import { bootId, findByEnv, isAlive, residentBytes } from './process-identity.ts'
import { runCommand } from './run-command.ts'
import { signalGroup } from './signal-group.ts'
import { spawnDetached } from './spawn-detached.ts'
import type { Recorder } from './recorder.ts'

export function processChannel(
  recorder: Recorder,
  lock?: EffectsLock,
): { readonly reads: Reads['process']; readonly writes: Writes['process'] } {
  return {
    reads: {
      alive: isAlive,
      memory: residentBytes,
      find: findByEnv,
      get bootId() {
        return bootId()
      },
    },
    writes: {
      run: (argv, options) => runCommand(recorder, argv, options, lock),
      spawn: (argv, options) => spawnDetached(recorder, argv, options),
      signal: (id, signal) => signalGroup(recorder, id, signal),
    },
  }
}
