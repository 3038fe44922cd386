// Owns: time as a provider sees it, and the moment in which others may run.
// Never: has a clock of its own.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '@understudy/contract'
import type { Reads } from '@understudy/contract'
import type { Recorder } from './recorder.ts'

export function timeChannel({ clock, signal }: Recorder): Reads['time'] {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    async wait(ms) {
      if (signal.aborted) throw cancelled()
      try {
        await sleep(ms, undefined, { signal })
      } catch {
        throw cancelled() // nothing else ends a timer early
      }
    },
  }
}

export async function pauseFor(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await nextTurn()
  if (signal.aborted) throw cancelled()
}

function cancelled(): Fault {
  return new Fault({
    code: 'step.cancelled',
    class: 'transient',
    summary: 'The step was cancelled.',
    detail: 'Somebody stopped it, or its time was up.',
    hint: 'It can be tried again: what was half done is found by its key.',
  })
}
