// Owns: a provider with its types closed over. Every value that crosses goes through JSON text and its schema, as
// between two processes, so each check also checks that values survive being written down.
// Never: casts, and never keeps a live object of the provider's.
import { deepEqual } from 'node:assert/strict'
import { canonical } from '../json.ts'
import type { Json } from '../json.ts'
import type { At, Components, Forked, Hands, Look, Merging, Prepared, Provider, Seen, Side, Sourcing, Stand, Wanted } from '../provider.ts'
import type { Schema } from '../schema.ts'
import { claim, text } from './claim.ts'

export type What = 'spec' | 'state' | 'memento' | 'part' | 'out'

export interface PlainProvider {
  readonly kind: string
  readonly version: number
  readonly lasting: readonly string[]
  /** Issues of a value; null when it parses. */
  issues(what: What, value: unknown): readonly string[] | null
  describe(what: 'spec' | 'out'): Json
  parseSpec(value: Json): Json
  prepares(spec: Json): 'beside' | 'in-place'
  home(spec: Json): Json
  want(at: At<Json>, spec: Json, call: Look): Promise<Wanted<Json>>
  read(at: At<Json>, hint: Json | null, call: Look): Promise<Seen<Json, Json> | null>
  fork(from: At<Json>, to: At<null>, live: Json | null, spec: Json, call: Hands): Promise<Forked<Json, Json>>
  close(at: At<Json | null>, call: Hands): Promise<void>
  prepare(at: At<Json>, from: Json | null, to: Json | null, call: Hands): Promise<Prepared<Json, Json>>
  look(at: At<Json>, memento: Json, depth: 'quick' | 'full', call: Look): Promise<Stand>
  turn(at: At<Json>, memento: Json, to: Side, call: Hands): Promise<Stand>
  release(at: At<Json>, memento: Json | null, call: Hands): Promise<void>
  readonly source: Sourcing | null
  readonly components: Components<Json> | null
  readonly merge: Merging<Json>['merge'] | null
  readonly probe: ((at: At<Json>, call: Look) => Promise<{ readonly fit: boolean; readonly detail: string }>) | null
  readonly prepareParts:
    | ((at: At<Json>, from: Json, to: Json, pointers: readonly string[], call: Hands) => Promise<Prepared<Json, Json>>)
    | null
}

/** States and mementos are journalled, compared and shown: what is bigger lies in the store (provider.ts). */
export const JSON_BYTES_MAX = 65_536

/** Closes over a provider's types. */
export function plainProvider<Spec, State, Memento, Part, Out>(provider: Provider<Spec, State, Memento, Part, Out>): PlainProvider {
  const { schema, source = null, components, merging, probing, inPlaceParts } = provider
  const parsers = { spec: schema.spec, state: schema.state, memento: schema.memento, part: schema.part, out: schema.out }
  const spec = (value: Json): Spec => parsed('spec', schema.spec, value)
  const state = (value: Json): State => parsed('state', schema.state, value)
  const stateOrNull = (value: Json | null): State | null => (value === null ? null : state(value))
  const memento = (value: Json): Memento => parsed('memento', schema.memento, value)
  const at = ({ world, id, part }: At<Json>): At<Part> => ({ world, id, part: parsed('part', schema.part, part) })
  const stateOut = (value: State): Json => written('state', value, schema.state)
  const outOut = (value: Out | null): Json | null => (value === null ? null : written('out', value, schema.out))
  const preparedOut = (made: Prepared<Memento, Out>): Prepared<Json, Json> => {
    const { reversal, bytesHeld, losses } = made
    return { reversal, bytesHeld, losses, memento: written('memento', made.memento, schema.memento), out: outOut(made.out) }
  }
  return {
    kind: provider.kind,
    version: provider.version,
    lasting: provider.lasting,
    issues(what, value) {
      const result = parsers[what].safeParse(value)
      return result.success ? null : result.error.issues.map(({ message, path }) => `${message} at /${path.map(String).join('/')}`)
    },
    describe: (what) => written(`description of ${what}`, what === 'spec' ? schema.spec.describe() : schema.out.describe()),
    parseSpec: (value) => written('spec', spec(value), schema.spec),
    prepares: (value) => provider.prepares(spec(value)),
    home: (value) => written('part', provider.home(frozen(spec(value))), schema.part),
    async want(where, value, call) {
      const { state: wanted, claims } = await provider.want(at(where), frozen(spec(value)), call)
      return { state: stateOut(wanted), claims }
    },
    async read(where, hint, call) {
      const seen = await provider.read(at(where), stateOrNull(hint), call)
      if (seen === null) return null
      return {
        state: stateOut(seen.state),
        out: written('out', seen.out, schema.out),
        unmanaged: written('unmanaged', seen.unmanaged),
        volatile: written('volatile', seen.volatile),
      }
    },
    async fork(from, to, live, value, call) {
      const { part, out, fidelity, because } = await provider.fork(at(from), to, stateOrNull(live), spec(value), call)
      return { part: written('part', part, schema.part), out: outOut(out), fidelity, because }
    },
    close: ({ world, id, part }, call) => provider.close(part === null ? { world, id, part } : at({ world, id, part }), call),
    prepare: async (where, from, to, call) => preparedOut(await provider.prepare(at(where), stateOrNull(from), stateOrNull(to), call)),
    look: (where, value, depth, call) => provider.look(at(where), memento(value), depth, call),
    turn: (where, value, to, call) => provider.turn(at(where), memento(value), to, call),
    release: (where, value, call) => provider.release(at(where), value === null ? null : memento(value), call),
    source,
    components: components
      ? {
          list: (value, call) => components.list(state(value), call),
          differ: (a, b, call) => components.differ(stateOrNull(a), stateOrNull(b), call),
          async get(value, pointer, call) {
            const found = await components.get(state(value), pointer, call)
            return found === undefined ? undefined : written(`component ${pointer}`, found)
          },
          set: async (value, pointer, part, call) => stateOut(await components.set(state(value), pointer, part, call)),
          text: (part, call) => components.text(part, call),
        }
      : null,
    merge: merging
      ? async (base, ours, theirs, call) => {
          const result = await merging.merge(stateOrNull(base), stateOrNull(ours), stateOrNull(theirs), call)
          if ('conflicts' in result) return result
          return { merged: result.merged === null ? null : stateOut(result.merged) }
        }
      : null,
    probe: probing ? (where, call) => probing.probe(at(where), call) : null,
    prepareParts: inPlaceParts
      ? async (where, from, to, pointers, call) =>
          preparedOut(await inPlaceParts.prepareParts(at(where), state(from), state(to), pointers, call))
      : null,
  }
}

function parsed<T>(what: string, schema: Schema<T>, value: Json): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  return claim(false, `a ${what} must parse: ${result.error.issues.map(({ message }) => message).join('; ')} in ${text(value)}`)
}

/** Through JSON text and back: it is the same value, it parses again, to the same. */
function written(what: string, value: unknown, schema?: Schema<unknown>): Json {
  const lines = JSON.stringify(value)
  claim(lines !== undefined, `a ${what} must be JSON, not ${typeof value}`)
  const copy: Json = JSON.parse(lines)
  try {
    deepEqual(copy, value)
  } catch (thrown) {
    claim(false, `a ${what} must survive JSON as it is: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
  const bytes = Buffer.byteLength(canonical(copy))
  if (what === 'state' || what === 'memento') claim(bytes <= JSON_BYTES_MAX, `a ${what} of ${bytes} bytes is over ${JSON_BYTES_MAX}`)
  if (schema !== undefined) {
    const again = schema.safeParse(copy)
    if (!again.success) {
      return claim(
        false,
        `a ${what} must parse by its own schema: ${again.error.issues.map(({ message }) => message).join('; ')} in ${text(copy)}`,
      )
    }
    const second: unknown = JSON.parse(JSON.stringify(again.data))
    claim(canonicalOf(second) === canonical(copy), `a ${what} parsed again must be equal: ${text(copy)} became ${text(second)}`)
  }
  return copy
}

function canonicalOf(value: unknown): string {
  const copy: Json = JSON.parse(JSON.stringify(value))
  return canonical(copy)
}

/** So that a pure function that changes what it was given is found out. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) frozen(member)
  }
  return value
}
