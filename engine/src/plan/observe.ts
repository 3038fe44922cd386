// Owns: reading what is live, for planning and for verification.
// Never: writes; takes "could not tell" for absent (a provider faults then, and so does the plan).
import type { Json, Seen } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { CallLog, Limits } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { Revision } from '../model/plan.ts'
import type { World } from '../model/world.ts'
import { PRIMARY } from '../model/world.ts'

/** The primary as a world: where a revision says its resources are. */
export function primaryWorld(revision: Pick<Revision, 'resources'> | null): World {
  const held = Object.values(revision?.resources ?? {})
  return { id: PRIMARY, parent: null, parts: Object.fromEntries(held.map(({ id, part }) => [id, part])) }
}

export interface Subject {
  readonly id: string
  readonly kind: string
  readonly part: Json
}

/** What is there now; null is absent. `hint` is the last known state. */
export function observe(
  ports: Ports,
  world: World,
  subject: Subject,
  hint: Json | null,
  limits: Limits,
  log: CallLog,
): Promise<Seen<Json, Json> | null> {
  const kind = kindFor(ports, subject.kind)
  const at = { world: world.id, id: subject.id, part: subject.part }
  return reading(ports, { world, resource: subject.id, during: 'read', limits, log, shielded: true }, (call) => kind.read(at, hint, call))
}

/** Several at once, at most `ports.parallelism`; the first fault ends it. */
export async function observeAll<T extends Subject>(
  ports: Ports,
  world: World,
  subjects: readonly (T & { readonly hint: Json | null; readonly limits: Limits })[],
  log: CallLog,
): Promise<ReadonlyMap<string, Seen<Json, Json> | null>> {
  const seen = new Map<string, Seen<Json, Json> | null>()
  const queue = [...subjects]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      seen.set(next.id, await observe(ports, world, next, next.hint, next.limits, log))
    }
  }
  await Promise.all(Array.from({ length: Math.min(ports.parallelism, subjects.length) }, work))
  return seen
}
