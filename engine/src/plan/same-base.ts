// Owns: whether a plan made earlier still fits: the same revision, the same live states.
// Never: adapts a plan; it fits or it is refused.
import { equal } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import type { Plan, Revision } from '../model/plan.ts'
import { observe, primaryWorld } from './observe.ts'

export async function sameBase(ports: Ports, plan: Plan, base: Revision | null): Promise<FaultData | null> {
  const differs = (detail: string): FaultData => ({
    code: 'plan.stale',
    class: 'conflict',
    summary: 'The world is not what the plan saw.',
    detail,
    hint: 'Make a new plan: `understudy plan`.',
    stage: 'apply',
  })
  if ((base?.n ?? 0) !== plan.base) return differs(`the plan starts from revision ${plan.base}, live is ${base?.n ?? 0}`)
  const log = collectLog()
  for (const step of plan.steps) {
    const now = await observe(ports, primaryWorld(base), step, step.from, step.terms, log.add)
    const same = now === null ? step.from === null : step.from !== null && equal(now.state, step.from)
    if (!same) return { ...differs(`${step.resource} changed since the plan was made`), resource: step.resource }
  }
  return null
}
