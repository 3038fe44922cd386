// Owns: which resources have no way back: a step without one was turned since, and nobody can turn it again.
// Never: decides to leave them; that is accepted by name.
import { canonical } from '@understudy/contract'
import type { ChangeState, StackState } from '../model/journal.ts'
import { jsonOf } from '../model/json-of.ts'
import type { Held, Revision } from '../model/plan.ts'

/** Steps of a change that were turned and cannot be turned back. */
export function oneWaySteps({ steps }: ChangeState): readonly string[] {
  return Object.values(steps).flatMap(({ step, prepared, side }) => (prepared?.reversal === 'none' && side === 'after' ? [step] : []))
}

/** Their resources: a step is named as its resource is, or `RESOURCE@old` for what stands at a former home. */
export function oneWayOf(change: ChangeState): readonly string[] {
  return [...new Set(oneWaySteps(change).map((name) => name.replace(/@old$/, '')))]
}

/** Resources that cannot be what they were in an earlier revision, in the order of names. */
export function oneWaySince(state: StackState, head: Revision, wanted: Revision | null): readonly string[] {
  const changes = new Set(state.revisions.filter(({ n }) => n > (wanted?.n ?? 0)).map(({ change }) => change))
  const names = [...changes].flatMap((id) => (state.changes[id] === undefined ? [] : oneWayOf(state.changes[id])))
  return [...new Set(names)].filter((name) => key(head.resources[name]) !== key(wanted?.resources[name])).toSorted()
}

function key(held: Held | undefined): string {
  return canonical(jsonOf(held === undefined ? null : { kind: held.kind, spec: held.spec, state: held.state }))
}
