// Owns: the faults of services, each with one fixed sentence and what to do about it.
// Never: puts a secret or a whole log into a detail.
import { Fault } from '@understudy/contract'
import type { FaultClass } from '@understudy/contract'

const faults = {
  'service.unhealthy': [
    'conflict',
    'The service was started but does not answer as it should.',
    'Read its last lines, mend it, and try again; give it longer with health.startWithinMs.',
  ],
  'service.exited': [
    'conflict',
    'The service ended right after it was started.',
    'Read its last lines; run the command by hand in the same directory.',
  ],
  'service.port-taken': [
    'conflict',
    'The port of the service is taken by somebody else.',
    'End what listens there (`ss -ltnp`), or give the service another port.',
  ],
  'service.changed': ['conflict', 'The service is not what the plan saw.', 'Somebody changed it since: plan again.'],
  'service.standby-gone': [
    'conflict',
    'The instance to turn to is gone.',
    'It ended, or the machine was restarted: undo again, a fresh instance is started from what is stored.',
  ],
  'service.not-answering': [
    'conflict',
    'The instance to turn to does not answer, so nothing was turned to it.',
    'Look into its log; undo again to have a fresh one started.',
  ],
  'service.record-lost': [
    'outcome-unknown',
    'The record of an instance cannot be read, so its state is unknown.',
    'Restore the room from a backup, or remove the resource from the stack and add it again.',
  ],
  'service.not-ended': ['transient', 'An instance did not end.', 'It hangs in the kernel (state D) or is protected: see `ps` for its pid.'],
  'service.not-frozen': ['bug', 'The code of the service was not frozen.', 'This is a bug: report the command that led here.'],
  'service.code-missing': [
    'invalid',
    'The code of the service is not there.',
    'Correct `code:` in the stack file; it is relative to that file.',
  ],
  'service.code-odd': [
    'invalid',
    'The code of the service holds something that cannot be kept.',
    'Only files, folders and symbolic links can be kept.',
  ],
  'service.code-too-big': [
    'invalid',
    'The code of the service is too big to be kept.',
    'Point `code:` to what is run, not to where it is built; install big parts by other means.',
  ],
  'service.bad-dir': [
    'invalid',
    'A directory of the service is not an absolute path here.',
    'Refer to a tree (`${tree.path}`) or write the whole path.',
  ],
  'plan.known-too-late': [
    'invalid',
    'This must be known when the plan is made.',
    'Write a path: a reference has its value only while preparing.',
  ],
} as const satisfies Record<string, readonly [FaultClass, string, string]>

export function serviceFault(code: keyof typeof faults, detail: string): Fault {
  const [kind, summary, hint] = faults[code]
  return new Fault({ code, class: kind, summary, detail, hint })
}
