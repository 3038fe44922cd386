// Owns: comparing what is live with what the last change left.
// Never: writes.
import { equal } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { ChangeRow } from '../model/drift.ts'
import type { Revision } from '../model/plan.ts'
import { observe, primaryWorld } from './observe.ts'

/** One row for each resource of a revision, in the order of names. */
export async function findDrift(ports: Ports, revision: Revision): Promise<readonly ChangeRow[]> {
  const world = primaryWorld(revision)
  const log = collectLog()
  const rows: ChangeRow[] = []
  for (const [resource, held] of Object.entries(revision.resources).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const seen = await observe(ports, world, held, held.state, held.terms, log.add)
    const drifted = seen === null || !equal(seen.state, held.state)
    const { components } = kindFor(ports, held.kind)
    const bound = { world, resource: held.id, during: 'differ', limits: held.terms, log: log.add }
    const pointers =
      drifted && components !== null ? await reading(ports, bound, (call) => components.differ(held.state, seen?.state ?? null, call)) : []
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
