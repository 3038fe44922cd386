// Owns: which resources have no way back: a step without one was turned since, and nobody can turn it again.
// Never: decides to leave them; that is accepted by name.
import { canonical } from '@understudy/contract'
import { artefactOf } from '../journal/load-stack.ts'
import type { ChangeState, StackState } from '../model/journal.ts'
import { jsonOf } from '../model/json-of.ts'
import type { Held, Revision } from '../model/plan.ts'
import type { Store } from '../store/store.ts'

/** Steps of a change that were turned and cannot be turned back. */
export function oneWaySteps({ steps }: ChangeState): readonly string[] {
  return Object.values(steps).flatMap(({ step, prepared, side }) => (prepared?.reversal === 'none' && side === 'after' ? [step] : []))
}

/** Their resources. */
export async function oneWayOf(store: Store, change: ChangeState): Promise<readonly string[]> {
  const steps = oneWaySteps(change)
  if (steps.length === 0) return []
  const plan = await artefactOf(store, 'plan', change.plan)
  return [...new Set(plan.steps.flatMap(({ name, resource }) => (steps.includes(name) ? [resource] : [])))]
}

/** Resources that cannot be what they were in an earlier revision, in the order of names. */
export async function oneWaySince(store: Store, state: StackState, head: Revision, wanted: Revision | null): Promise<readonly string[]> {
  const changes = new Set(state.revisions.filter(({ n }) => n > (wanted?.n ?? 0)).map(({ change }) => change))
  const names = new Set<string>()
  for (const id of changes) {
    const change = state.changes[id]
    for (const name of change === undefined ? [] : await oneWayOf(store, change)) {
      if (key(head.resources[name]) !== key(wanted?.resources[name])) names.add(name)
    }
  }
  return [...names].toSorted()
}

function key(held: Held | undefined): string {
  return canonical(jsonOf(held === undefined ? null : { kind: held.kind, spec: held.spec, state: held.state }))
}
