// Owns: the one table of exit codes, and which faults lead to which.
// Never: a number anywhere else.
import type { FaultData } from '@understudy/contract'

export const exitCodes = {
  ok: { code: 0, text: 'done, or nothing to do' },
  failed: { code: 1, text: 'failed' },
  differences: { code: 2, text: 'there are differences (with --exit-code)' },
  usage: { code: 3, text: 'configuration or usage; says file, line and column' },
  forbidden: { code: 4, text: 'not authenticated or not allowed' },
  refused: { code: 5, text: 'refused by policy, certificate, tombstone, closure or missing approval' },
  'not-found': { code: 6, text: 'no such stack, resource, revision or change' },
  unverified: { code: 7, text: 'what is live is not what it should be' },
  cancelled: { code: 8, text: 'cancelled; what was begun is undone' },
  busy: { code: 9, text: 'timeout, or somebody else holds the stack' },
  'rolled-back': { code: 10, text: 'failed, and was rolled back' },
  conflict: { code: 11, text: 'the world changed since the plan' },
  held: { code: 12, text: 'partial or held: a person is needed' },
  bug: { code: 255, text: 'a bug; a report file is written' },
} as const

export type Exit = keyof typeof exitCodes

export function exitCodeOf(exit: Exit): number {
  return exitCodes[exit].code
}

const notFound = new Set([
  'rollback.no-revision',
  'rollback.no-resource',
  'rollback.no-such-component',
  'plan.no-resource',
  'stack.none',
  'show.none',
])
const busy = new Set(['lease.held', 'lease.not-ended', 'step.timeout', 'sql.busy'])

const refused = new Set(['plan.protected'])

/** The exit of a command that ended with this fault. */
export function exitOf(fault: FaultData): Exit {
  if (notFound.has(fault.code)) return 'not-found'
  if (busy.has(fault.code)) return 'busy'
  if (refused.has(fault.code)) return 'refused'
  if (fault.code === 'step.cancelled') return 'cancelled'
  switch (fault.class) {
    case 'invalid':
      return 'usage'
    case 'forbidden':
      return 'forbidden'
    case 'conflict':
      return 'conflict'
    case 'bug':
      return 'bug'
    case 'transient':
    case 'outcome-unknown':
      return 'failed'
    default:
      return fault.class satisfies never
  }
}
