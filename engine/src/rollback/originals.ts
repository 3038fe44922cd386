// Owns: what stood there before a stack looked after it: a change met it where it wanted to create, or an import took it over.
// Never: speaks of what was forgotten or kept since: that is somebody else's again.
import type { Json } from '@understudy/contract'
import { artefactIfKept } from '../journal/load-stack.ts'
import type { StackState } from '../model/journal.ts'
import type { Held, Plan, Revision } from '../model/plan.ts'
import type { Store } from '../store/store.ts'

/** A thing that a revision did not look after, in the state in which it was found after it. */
export interface Original {
  /** What the resource was called that took it over. */
  readonly name: string
  readonly kind: string
  readonly id: string
  readonly part: Json
  /** Of the resource: how it is forked and how long it may take; what it asked for is not wanted here. */
  readonly asked: Json
  readonly spec: Json
  readonly terms: Held['terms']
  /** Null: what it was cannot be read any more, nor whether it was there. */
  readonly state: Json | null
}

/**
 * Those that are looked after since `wanted` and still are, or were deleted since as resources of the stack. In the order in
 * which they were taken over; `wanted` null is nothing.
 */
export async function originalsSince(store: Store, state: StackState, wanted: Revision | null): Promise<readonly Original[]> {
  const since = state.revisions.filter(({ n }) => n > (wanted?.n ?? 0))
  const found = new Map<string, Original>()
  const known = new Map<string, Original | null>() // null: made by a change
  let before = wanted
  let gap = false // what came with a revision that cannot be read is not told apart from what was there
  for (const row of since) {
    const revision = await artefactIfKept(store, 'revision', row.digest)
    if (revision === null) {
      gap = true
      continue
    }
    const change = state.changes[row.change]
    const plan = change === undefined ? null : await artefactIfKept(store, 'plan', change.plan)
    gap ||= change !== undefined && plan === null
    // Of an undo that was planned, the steps lead there; of one that turned a change back, they lead away.
    const away = row.back !== null && row.back.how !== (change?.back?.how ?? 'redone')
    const [was, is] = [byId(before), byId(revision)]
    for (const [id, [name, held]] of is) {
      if (was.has(id)) continue
      const taken = gap ? { name, ...held, state: null } : metBy(plan, id, name, held)
      // A change that is turned back brings again what it had deleted: that was ours, unless it is known whose it was.
      const ours = change === undefined ? taken : null
      const original = away ? (known.has(id) ? (known.get(id) ?? null) : ours) : taken
      known.set(id, original)
      if (original !== null) found.set(id, original)
    }
    for (const id of was.keys()) {
      const deleted = !away && plan?.steps.some((step) => step.id === id && step.action === 'delete') === true
      if (!is.has(id) && !deleted) found.delete(id)
    }
    before = revision
    gap = false
  }
  const held = byId(wanted)
  return [...found.values()].filter(({ id }) => !held.has(id))
}

/** What a change found where it wanted to create, or took over as it was; null where it made it. */
function metBy(plan: Plan | null, id: string, name: string, held: Held): Original | null {
  const step = plan?.steps.find((one) => one.id === id && one.action !== 'delete')
  if (step === undefined) return { name, ...held }
  return step.from === null ? null : { name, ...held, state: step.from }
}

function byId(revision: Revision | null): ReadonlyMap<string, readonly [name: string, held: Held]> {
  return new Map(Object.entries(revision?.resources ?? {}).map(([name, held]) => [held.id, [name, held]]))
}

/** How changes found what they turned, and how they left it, by place. */
export async function turnedStates(
  store: Store,
  { order, changes }: StackState,
): Promise<readonly { readonly part: Json; readonly state: Json | null }[]> {
  const states: { part: Json; state: Json | null }[] = []
  for (const id of order) {
    const change = changes[id]
    const plan = change === undefined ? null : await artefactIfKept(store, 'plan', change.plan)
    for (const { name, part } of plan?.steps ?? []) {
      const prepared = change?.steps[name]?.prepared
      if (prepared) states.push({ part, state: prepared.from }, { part, state: prepared.to })
    }
  }
  return states
}
