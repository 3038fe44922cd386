// Owns: the section `policy:` with its defaults.
// Never: decides anything.
import type { Policy } from '../model/intent.ts'
import type { Complaints } from './complaints.ts'
import { fieldsOf } from './fields.ts'
import { memberOf } from './located.ts'
import type { Tree } from './located.ts'

/** What holds where the stack file is silent. Scores as PREDICTION.md argues for; guards long enough for a slow first request. */
export const defaultPolicy: Policy = {
  askAt: 40,
  refuseAt: 80,
  guardForMs: 30_000,
  guardEveryMs: 1_000,
  guardFailures: 3,
  onGuard: 'undo',
  keepRevisions: 20,
}

export const policyKeys = ['askAt', 'refuseAt', 'guards', 'keep']
export const guardKeys = ['for', 'every', 'failures', 'on']

export function readPolicy(tree: Tree | undefined, complaints: Complaints): Policy {
  const fields = fieldsOf(complaints)
  const map = fields.mapping(tree, 'policy') ?? undefined
  const guards = fields.mapping(memberOf(map, 'guards'), 'guards of policy') ?? undefined
  if (map !== undefined) fields.known(map, policyKeys, 'policy')
  if (guards !== undefined) fields.known(guards, guardKeys, 'guards of policy')
  const every = memberOf(guards, 'every')
  const guardEveryMs = fields.duration(every, 'every of guards') ?? defaultPolicy.guardEveryMs
  if (guardEveryMs < 10 && every !== undefined) {
    const hint = 'Leave at least 10ms between two probes.'
    complaints.add({ code: 'intent.wrong-value', span: every.span, detail: 'every of guards is too short', hint })
  }
  const askAt = fields.count(memberOf(map, 'askAt'), 'askAt of policy', 0, 101) ?? defaultPolicy.askAt
  const refuseAt = fields.count(memberOf(map, 'refuseAt'), 'refuseAt of policy', 0, 101) ?? Math.max(askAt, defaultPolicy.refuseAt)
  const wrongOrder = memberOf(map, 'refuseAt') ?? memberOf(map, 'askAt')
  if (refuseAt < askAt && wrongOrder !== undefined) {
    const hint = 'Asking comes first: refuseAt must not be smaller than askAt. 101 means never.'
    complaints.add({ code: 'intent.wrong-value', span: wrongOrder.span, detail: `askAt is ${askAt}, refuseAt is ${refuseAt}`, hint })
  }
  return {
    askAt,
    refuseAt,
    guardForMs: fields.duration(memberOf(guards, 'for'), 'for of guards') ?? defaultPolicy.guardForMs,
    guardEveryMs,
    guardFailures: fields.count(memberOf(guards, 'failures'), 'failures of guards', 1, 1_000) ?? defaultPolicy.guardFailures,
    onGuard: fields.choice(memberOf(guards, 'on'), 'on of guards', ['keep', 'hold', 'undo']) ?? defaultPolicy.onGuard,
    keepRevisions: fields.count(memberOf(map, 'keep'), 'keep of policy', 1, 100_000) ?? defaultPolicy.keepRevisions,
  }
}
