// Owns: the assessment: risk, forecast, gates, decision. Pure.
// Never: reads or writes anything.
import type { Digest } from '@understudy/contract'
import type { Assessment, Rehearsal } from '../model/artefacts.ts'
import type { Policy } from '../model/intent.ts'
import type { Plan } from '../model/plan.ts'
import { forecast } from './forecast.ts'
import { scoreRisk } from './risk.ts'
import type { Baseline } from './risk.ts'

export interface Consent {
  /** Resources whose missing way back was accepted by name. */
  readonly irreversible: readonly string[]
  /** Resources whose losses were accepted by name. */
  readonly loss: readonly string[]
  /** A person said yes to what policy asks about. */
  readonly yes: boolean
}

export interface Digests {
  readonly plan: Digest
  readonly rehearsal: Digest
}

export function assess(
  plan: Plan,
  rehearsal: Rehearsal,
  digests: Digests,
  policy: Pick<Policy, 'askAt' | 'refuseAt'>,
  baseline: Baseline,
  consent: Consent,
  tombstone: string | null,
): Assessment {
  const ahead = forecast(plan, rehearsal, baseline.aroundMs)
  const { risk, likelihood, hardness, contributions } = scoreRisk(plan, rehearsal, ahead.undoMs.high, baseline)
  const gates = gatesOf(plan, rehearsal, policy, consent, risk, tombstone)
  const decision = gates.some((gate) => gate.decision === 'refuse')
    ? 'refuse'
    : gates.some((gate) => gate.decision === 'ask')
      ? 'ask'
      : 'apply'
  return {
    artefact: 'assessment',
    plan: digests.plan,
    rehearsal: digests.rehearsal,
    risk,
    likelihood,
    hardness,
    contributions,
    gates,
    decision,
    forecast: ahead,
  }
}

function gatesOf(
  plan: Plan,
  rehearsal: Rehearsal,
  policy: Pick<Policy, 'askAt' | 'refuseAt'>,
  consent: Consent,
  risk: number,
  tombstone: string | null,
): Assessment['gates'] {
  const gates: Assessment['gates'][number][] = []
  const refuse = (name: string, text: string): void => void gates.push({ name, decision: 'refuse', text })
  if (rehearsal.failed !== null) refuse('rehearsal', rehearsal.certificate.reason)
  if (tombstone !== null)
    refuse('tombstone', `this content was undone with change ${tombstone}; \`understudy tombstone lift\` allows it again`)
  for (const { step, certificate, reversal, idle } of rehearsal.failed === null ? rehearsal.steps : []) {
    if (idle) continue
    const resource = plan.steps.find(({ name }) => name === step)?.resource ?? step
    if (reversal === 'none' && !consent.irreversible.includes(resource)) {
      refuse('irreversible', `${resource} has no way back; --accept-irreversible ${resource} accepts that`)
    }
    if (certificate.losses.length > 0 && !consent.loss.includes(resource)) {
      refuse('lossy', `an undo of ${resource} would lose ${certificate.losses.join(', ')}; --accept-loss ${resource} accepts that`)
    }
  }
  const accepted = gates.length === 0 && [...consent.irreversible, ...consent.loss].length > 0
  if (rehearsal.failed === null && risk >= policy.refuseAt && !accepted)
    refuse('risk', `risk ${risk} is ${policy.refuseAt} or more (policy.refuseAt)`)
  else if (risk >= policy.askAt && !consent.yes)
    gates.push({ name: 'risk', decision: 'ask', text: `risk ${risk} is ${policy.askAt} or more (policy.askAt)` })
  if (rehearsal.downtime.length > 0 && !consent.yes) {
    gates.push({ name: 'downtime', decision: 'ask', text: `${rehearsal.downtime.join(', ')} would not answer in between` })
  }
  return gates
}
