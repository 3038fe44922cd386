// Owns: the faults of routes, each with one fixed sentence and what to do about it.
// Never: puts a whole log into a detail.
import { Fault } from '@understudy/contract'
import type { FaultClass } from '@understudy/contract'

const faults = {
  'route.port-taken': [
    'conflict',
    'The port of the route is taken by somebody else.',
    'End what listens there (`ss -ltnp`), or give the route another port.',
  ],
  'route.not-started': [
    'conflict',
    'The front could not be started.',
    'Read its last lines; ports below 1024 need the right to bind them.',
  ],
  'route.silent': [
    'transient',
    'The front is there but does not answer on its control socket.',
    'It is stopped or overloaded: see `ps` for its pid.',
  ],
  'route.changed': ['conflict', 'The route is not what the plan saw.', 'Somebody turned it since: plan again.'],
  'route.backend-unfit': [
    'conflict',
    'The backend does not answer, so no traffic was turned to it.',
    'Look into the log of the service; undo again to have a fresh one started.',
  ],
  'route.standby-gone': [
    'conflict',
    'The side to turn to is not known to the front any more.',
    'Undo again: the way back is prepared anew.',
  ],
  'route.state-lost': [
    'outcome-unknown',
    'The state of the front cannot be read, so it is unknown where traffic goes.',
    'Restore the room from a backup, or remove the route from the stack and add it again.',
  ],
  'route.refused': ['transient', 'The front could not do what was asked.', 'Its disk may be full: it writes its state before it turns.'],
  'route.not-ended': ['transient', 'The front did not end.', 'It hangs in the kernel (state D) or is protected: see `ps` for its pid.'],
} as const satisfies Record<string, readonly [FaultClass, string, string]>

export function routeFault(code: keyof typeof faults, detail: string): Fault {
  const [kind, summary, hint] = faults[code]
  return new Fault({ code, class: kind, summary, detail, hint })
}
