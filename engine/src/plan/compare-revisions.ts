// Owns: what differs between two revisions, component by component where the kind has them.
// Never: writes.
import { equal, Fault, isDigest, isObject } from '@understudy/contract'
import type { Json, Look, Secret } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { Bound } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Kind } from '../exec/kind.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import { createRecorder, HIDDEN_MIN } from '../fx/recorder.ts'
import type { Held, Revision } from '../model/plan.ts'
import { secretPieces } from '../model/secret-pieces.ts'
import { PRIMARY } from '../model/world.ts'
import { findDrift } from './drift.ts'
import { primaryWorld } from './observe.ts'

export interface ResourceDifference {
  readonly resource: string
  readonly before: Json
  readonly after: Json
  /** Text of both sides; null where it is absent, or there is none to be shown (`textual` is false then). */
  readonly components: readonly {
    readonly pointer: string
    readonly before: string | null
    readonly after: string | null
    readonly textual: boolean
  }[]
}

function boundTo(held: Held, revision: Pick<Revision, 'resources'>): Bound {
  return { world: primaryWorld(revision), resource: held.id, during: 'differ', limits: held.terms, log: collectLog().add }
}

/** The pointers of a resource's components; empty where its kind has none. */
export function componentsOf(ports: Ports, revision: Pick<Revision, 'resources'>, name: string): Promise<readonly string[]> {
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

/** `others`: more revisions whose secrets are blanked: an old one may have been put back by hand. `live`: the second one is what is live now (`liveRevision`); its content is read there. */
export async function diffRevisions(
  ports: Ports,
  a: Revision,
  b: Revision,
  live: boolean,
  others: readonly Revision[] = [],
): Promise<readonly ResourceDifference[]> {
  const names = [...new Set([...Object.keys(a.resources), ...Object.keys(b.resources)])].toSorted()
  const rows: ResourceDifference[] = []
  for (const resource of names) {
    const was = a.resources[resource]
    const is = b.resources[resource]
    if (was !== undefined && is !== undefined && equal(was.state, is.state)) continue
    const held = is ?? was
    if (held === undefined) continue
    const components = await differing(
      ports,
      held,
      is === undefined ? a : b,
      was,
      is,
      live,
      others.flatMap(({ resources }) => resources[resource]?.spec ?? []),
    )
    rows.push({ resource, before: was?.state ?? null, after: is?.state ?? null, components })
  }
  return rows
}

async function differing(
  ports: Ports,
  held: Held,
  revision: Revision,
  was: Held | undefined,
  is: Held | undefined,
  live: boolean,
  specs: readonly Json[],
): Promise<ResourceDifference['components']> {
  const { components, liveBytes } = kindFor(ports, held.kind)
  if (components === null || (was !== undefined && is !== undefined && was.kind !== is.kind)) return []
  return reading(ports, boundTo(held, revision), async (call) => {
    const redact = await redactorOf(ports, [was?.spec ?? null, is?.spec ?? null, ...specs], call)
    const text = async (state: Json | undefined, pointer: string, from: Look) => {
      const part = state === undefined ? undefined : await components.get(state, pointer, from)
      const plain = part === undefined ? null : await textOf(components, part, from)
      return { there: part !== undefined, text: plain === null ? null : redact(plain) }
    }
    const pointers = await components.differ(was?.state ?? null, is?.state ?? null, call)
    const rows: ResourceDifference['components'][number][] = []
    for (const pointer of pointers) {
      const before = await text(was?.state, pointer, call)
      const bytes = live && liveBytes !== null ? () => liveBytes({ world: PRIMARY, id: held.id, part: held.part }, pointer, call) : null
      const after = await text(is?.state, pointer, bytes === null ? call : alsoFrom(call, bytes))
      const alike = before.there && after.there && before.text === after.text // all that differs is a secret
      const textual = !alike && [before, after].every((side) => !side.there || side.text !== null)
      rows.push({ pointer, before: textual ? before.text : null, after: textual ? after.text : null, textual })
    }
    return rows
  })
}

/** Blanks the secrets that these specs name out of a text; nothing of it is shown where one of them cannot be known any more. */
async function redactorOf({ clock, signal }: Ports, specs: readonly Json[], call: Look): Promise<(text: string) => string | null> {
  const recorder = createRecorder(clock, signal)
  const short: string[] = [] // a recorder does not blank them
  for (const secret of specs.flatMap((spec) => secretsIn(spec))) {
    const value = await call.reveal(secret).catch((thrown: unknown) => {
      if (isMissing(thrown)) return null
      throw thrown
    })
    if (value === null) return () => null
    const [whole, ...pieces] = secretPieces(secret, value)
    for (const piece of pieces.length > 0 ? pieces : [whole ?? value]) {
      if (piece.length < HIDDEN_MIN) short.push(piece)
      else recorder.hide(piece) // what stands around it may be seen
    }
  }
  return (text) => (short.some((piece) => text.includes(piece)) ? null : recorder.redact(text))
}

function secretsIn(value: Json): readonly Secret[] {
  if (Array.isArray(value)) return value.flatMap((item: Json) => secretsIn(item))
  if (!isObject(value)) return []
  const { secret, mac } = value
  if (typeof secret === 'string' && isDigest(mac)) return [{ secret, mac }]
  return Object.values(value).flatMap((member) => secretsIn(member))
}

/** Content that is not in the store is taken from the live thing, if it is that. */
function alsoFrom(call: Look, live: () => Promise<Uint8Array | null>): Look {
  return {
    ...call,
    async get(digest) {
      try {
        return await call.get(digest)
      } catch (thrown) {
        if (!isMissing(thrown)) throw thrown
        const bytes = await live()
        if (bytes === null || call.name(bytes) !== digest) throw thrown
        return bytes
      }
    },
  }
}

/** What a revision's content was is let go of in time, and what is live is in no store: then there is no text to show. */
async function textOf(components: NonNullable<Kind['components']>, part: Json, call: Look): Promise<string | null> {
  try {
    return await components.text(part, call)
  } catch (thrown) {
    if (isMissing(thrown)) return null
    throw thrown
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fault.code === 'store.missing'
}
