// Owns: a run on the primary: new, or picked up from what the log says of it.
// Never: made without a Writable, that is without the lease.
import type { Writable } from '../journal/lease.ts'
import type { ChangeState } from '../model/journal.ts'
import type { Plan } from '../model/plan.ts'
import { PRIMARY } from '../model/world.ts'
import type { CallLog } from './attempt.ts'
import type { Run } from './run.ts'

export function primaryRun(writable: Writable, plan: Plan, change: string, log: CallLog, past: ChangeState | null): Run {
  const parts = new Map(Object.values(plan.live).map(({ id, part }) => [id, part] as const))
  for (const { id, part } of Object.values(plan.resources)) parts.set(id, part)
  for (const { id, part } of plan.steps) parts.set(id, part)
  const run: Run = {
    ports: writable.ports,
    plan,
    change,
    world: { id: PRIMARY, parent: null, parts: Object.fromEntries(parts) },
    parts,
    makePlace: null,
    journal: writable.journal,
    log,
    outs: new Map(),
    before: new Map(),
    prepared: new Map(),
    idle: new Map(),
    turned: new Set(),
    shielded: past !== null,
  }
  for (const [name, { id }] of Object.entries(plan.resources)) {
    const live = plan.live[id]
    if (live !== undefined) run.outs.set(name, live.out)
  }
  for (const step of plan.steps) {
    const live = plan.live[step.id]
    run.before.set(step.name, { state: live?.state ?? null, unmanaged: live?.unmanaged ?? null })
    const stand = past?.steps[step.name]
    if (stand?.prepared) {
      run.prepared.set(step.name, stand.prepared)
      if (mayBeTurned(past, step.name)) run.turned.add(step.name)
      if (stand.prepared.out !== null && step.action !== 'delete') run.outs.set(step.resource, stand.prepared.out)
    }
    if (stand?.idle) run.idle.set(step.name, stand.idle)
  }
  return run
}

/** That a step is to be turned is journalled before it is; what became of it only after the whole wave. Going back says it of all. */
function mayBeTurned(past: ChangeState | null, name: string): boolean {
  if (past?.phase !== 'applying' && past?.phase !== 'undone') return true
  return past.turning?.steps.includes(name) === true || past.steps[name]?.side === 'after'
}

/** Names of the steps that a change got as far as preparing, in the order of turning. */
export function begunSteps(plan: Plan, past: ChangeState): readonly string[] {
  return plan.waves.flat().filter((name) => (past.steps[name]?.key ?? null) !== null)
}
