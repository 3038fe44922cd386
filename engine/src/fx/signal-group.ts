// Owns: a signal to a process group, only while its leader is still the process that was meant.
// Never: signals by pid alone.
import { Fault } from '@understudy/contract'
import type { ProcessId } from '@understudy/contract'
import { statOf } from './process-identity.ts'
import { codeOf } from './system-error.ts'
import type { Recorder } from './recorder.ts'

/**
 * To the group that it leads; to it alone when it leads none (a child found by its environment). A leader that is dead
 * but not reaped: its group still gets the signal (others in it may live), and the answer is false.
 */
export function signalGroup(recorder: Recorder, id: ProcessId, signal: NodeJS.Signals): boolean {
  const startedMs = recorder.clock.monotonic()
  const note = (result: string): void =>
    recorder.note({ channel: 'process', verb: 'signal', target: `${signal} ${id.pid}`, startedMs, result, bytes: 0 })
  const stat = statOf(id)
  if (stat === null) {
    note('gone')
    return false
  }
  try {
    process.kill(stat.group === id.pid ? -id.pid : id.pid, signal)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ESRCH') {
      note('gone')
      return false
    }
    note('process.not-ours')
    throw new Fault({
      code: 'process.not-ours',
      class: 'forbidden',
      summary: 'The process may not be signalled.',
      detail: `${signal} to process ${id.pid}: ${code}.`,
      hint: 'It runs as another user: run as root, or as the user that started it.',
    })
  }
  note('ok')
  return stat.state !== 'Z'
}
