// Owns: comparing what is live with what the last change left.
// Never: writes.
import { equal, faultOf } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { CallLog } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { ChangeRow } from '../model/drift.ts'
import type { Held, Revision } from '../model/plan.ts'
import type { World } from '../model/world.ts'
import { observe, primaryWorld } from './observe.ts'

/** One row for each resource of a revision, in the order of names. */
export async function findDrift(ports: Ports, revision: Revision): Promise<readonly ChangeRow[]> {
  const world = primaryWorld(revision)
  const log = collectLog()
  const rows: ChangeRow[] = []
  for (const [resource, held] of Object.entries(revision.resources).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const seen = await observe(ports, world, held, held.state, held.terms, log.add)
    const drifted = seen === null || !equal(seen.state, held.state)
    const pointers = drifted ? await driftedComponents(ports, world, held, seen?.state ?? null, log.add) : []
    rows.push({
      resource,
      kind: held.kind,
      drifted,
      saved: held.state,
      live: seen === null ? null : { state: seen.state, out: seen.out },
      pointers,
    })
  }
  return rows
}

/** Pointers of what somebody else wrote to; empty where the kind has no components. */
export function driftedComponents(ports: Ports, world: World, held: Held, live: Json | null, log: CallLog): Promise<readonly string[]> {
  const { components } = kindFor(ports, held.kind)
  if (components === null) return Promise.resolve([])
  const bound = { world, resource: held.id, during: 'differ', limits: held.terms, log }
  return reading(ports, bound, (call) => components.differ(held.state, live, call)).catch((thrown: unknown) => {
    // What the last change left is not kept any more: that it is another one is known, not where.
    if (faultOf(thrown).code === 'store.missing') return []
    throw thrown
  })
}
