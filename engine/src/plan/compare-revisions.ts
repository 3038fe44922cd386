// Owns: what differs between two revisions, component by component where the kind has them.
// Never: writes.
import { equal } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { Bound } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { Held, Revision } from '../model/plan.ts'
import { findDrift } from './drift.ts'
import { primaryWorld } from './observe.ts'

export interface ResourceDifference {
  readonly resource: string
  readonly before: Json
  readonly after: Json
  /** Text of both sides; null where it is absent or not text. */
  readonly components: readonly { readonly pointer: string; readonly before: string | null; readonly after: string | null }[]
}

function boundTo(held: Held, revision: Revision): Bound {
  return { world: primaryWorld(revision), resource: held.id, during: 'differ', limits: held.terms, log: collectLog().add }
}

/** The pointers of a resource's components; empty where its kind has none. */
export function componentsOf(ports: Ports, revision: Revision, name: string): Promise<readonly string[]> {
  const held = revision.resources[name]
  const components = held === undefined ? null : kindFor(ports, held.kind).components
  if (held === undefined || components === null) return Promise.resolve([])
  return reading(ports, boundTo(held, revision), (call) => components.list(held.state, call))
}

/** The revision as it would be if what is live were taken over. */
export async function liveRevision(ports: Ports, head: Revision): Promise<Revision> {
  const rows = await findDrift(ports, head)
  const resources: Record<string, Held> = {}
  for (const { resource, live } of rows) {
    const held = head.resources[resource]
    if (held !== undefined && live !== null) resources[resource] = { ...held, state: live.state, out: live.out }
  }
  return { ...head, resources }
}

export async function diffRevisions(ports: Ports, a: Revision, b: Revision): Promise<readonly ResourceDifference[]> {
  const names = [...new Set([...Object.keys(a.resources), ...Object.keys(b.resources)])].toSorted()
  const rows: ResourceDifference[] = []
  for (const resource of names) {
    const was = a.resources[resource]
    const is = b.resources[resource]
    if (was !== undefined && is !== undefined && equal(was.state, is.state)) continue
    const held = is ?? was
    if (held === undefined) continue
    rows.push({
      resource,
      before: was?.state ?? null,
      after: is?.state ?? null,
      components: await differing(ports, held, is === undefined ? a : b, was, is),
    })
  }
  return rows
}

async function differing(
  ports: Ports,
  held: Held,
  revision: Revision,
  was: Held | undefined,
  is: Held | undefined,
): Promise<ResourceDifference['components']> {
  const { components } = kindFor(ports, held.kind)
  if (components === null || (was !== undefined && is !== undefined && was.kind !== is.kind)) return []
  return reading(ports, boundTo(held, revision), async (call) => {
    const text = async (state: Json | undefined, pointer: string): Promise<string | null> => {
      const part = state === undefined ? undefined : await components.get(state, pointer, call)
      return part === undefined ? null : components.text(part, call)
    }
    const pointers = await components.differ(was?.state ?? null, is?.state ?? null, call)
    const rows: ResourceDifference['components'][number][] = []
    for (const pointer of pointers) rows.push({ pointer, before: await text(was?.state, pointer), after: await text(is?.state, pointer) })
    return rows
  })
}
