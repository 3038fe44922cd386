// Owns: one record for each write to the file system, well or badly ended.
// Never: records a read.
import { Fault } from '@understudy/contract'
import { shownName } from './names.ts'
import type { Recorder } from './recorder.ts'

export interface FsRecords {
  taken<T>(verb: string, target: string, bytes: number, act: () => T): T
  /** For what knows only afterwards how many bytes it was. */
  sized(verb: string, target: string, act: () => number): void
}

export function fsRecords(recorder: Recorder): FsRecords {
  const { clock } = recorder
  const note = (verb: string, target: string, startedMs: number, result: string, bytes: number): void =>
    recorder.note({ channel: 'fs', verb, target: shownName(target), startedMs, result, bytes })
  const codeOfFault = (error: unknown): string => (error instanceof Fault ? error.fault.code : 'internal.unexpected')
  return {
    taken(verb, target, bytes, act) {
      const startedMs = clock.monotonic()
      try {
        const value = act()
        note(verb, target, startedMs, value === false ? 'cannot' : 'ok', bytes)
        return value
      } catch (error) {
        note(verb, target, startedMs, codeOfFault(error), 0)
        throw error
      }
    },
    sized(verb, target, act) {
      const startedMs = clock.monotonic()
      try {
        note(verb, target, startedMs, 'ok', act())
      } catch (error) {
        note(verb, target, startedMs, codeOfFault(error), 0)
        throw error
      }
    },
  }
}
