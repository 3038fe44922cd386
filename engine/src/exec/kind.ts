// Owns: a provider with its types closed over: JSON in, JSON out, parsed at the border in both directions.
// Never: casts; never lets a value pass that would not survive being written down and read again.
import { canonical, Fault } from '@understudy/contract'
import type {
  At,
  Forked,
  Hands,
  Issue,
  Json,
  Look,
  Prepared,
  Provider,
  Schema,
  Seen,
  Side,
  Sourcing,
  Stand,
  Wanted,
} from '@understudy/contract'
import { jsonOf } from '../model/json-of.ts'

export interface Parsed {
  readonly ok: boolean
  readonly value: Json
  readonly issues: readonly Issue[]
}

/** What the engine knows of a kind. The same verbs as a provider, in JSON. */
export interface Kind {
  readonly kind: string
  readonly version: number
  readonly lasting: readonly string[]
  parseSpec(value: Json): Parsed
  describeSpec(): Json
  describeOut(): Json
  prepares(spec: Json): 'beside' | 'in-place'
  home(spec: Json): Json
  want(at: At<Json>, spec: Json, call: Look): Promise<Wanted<Json>>
  read(at: At<Json>, hint: Json | null, call: Look): Promise<Seen<Json, Json> | null>
  fork(from: At<Json>, to: At<null>, live: Json | null, spec: Json, call: Hands, unfit?: string): Promise<Forked<Json, Json>>
  close(at: At<Json | null>, call: Hands): Promise<void>
  prepare(at: At<Json>, from: Json | null, to: Json | null, call: Hands): Promise<Prepared<Json, Json>>
  look(at: At<Json>, memento: Json, depth: 'quick' | 'full', call: Look): Promise<Stand>
  turn(at: At<Json>, memento: Json, to: Side, call: Hands): Promise<Stand>
  release(at: At<Json>, memento: Json | null, call: Hands): Promise<void>
  readonly source: Sourcing | null
  readonly components: {
    list(state: Json, call: Look): Promise<readonly string[]>
    differ(a: Json | null, b: Json | null, call: Look): Promise<readonly string[]>
    get(state: Json, pointer: string, call: Look): Promise<Json | undefined>
    set(state: Json, pointer: string, value: Json | undefined, call: Look): Promise<Json>
    text(component: Json, call: Look): Promise<string | null>
  } | null
  readonly merge:
    | ((
        base: Json | null,
        ours: Json | null,
        theirs: Json | null,
        call: Look,
      ) => Promise<{ readonly merged: Json | null } | { readonly conflicts: readonly { readonly pointer: string }[] }>)
    | null
  readonly probe: ((at: At<Json>, call: Look) => Promise<{ readonly fit: boolean; readonly detail: string }>) | null
  readonly mortal: { ended(left: Json, now: Json): boolean; revive(at: At<Json>, call: Hands): Promise<void> } | null
  readonly liveBytes: ((at: At<Json>, pointer: string, call: Look) => Promise<Uint8Array | null>) | null
  readonly aside: ((at: At<Json>, call: Look) => Promise<readonly string[]>) | null
  readonly prepareParts:
    | ((at: At<Json>, from: Json, to: Json, pointers: readonly string[], call: Hands) => Promise<Prepared<Json, Json>>)
    | null
  readonly heldParts:
    | ((at: At<Json>, held: Json, from: Json, to: Json, pointers: readonly string[], call: Look) => Promise<Prepared<Json, Json> | null>)
    | null
}

const STATE_BYTES_MAX = 65_536 // the contract's limit: a state is compared, journalled and shown; bigger parts lie in the store

/** Closes over a provider's types. The only place where they are parsed. */
export function kindOf<Spec, State, Memento, Part, Out>(provider: Provider<Spec, State, Memento, Part, Out>): Kind {
  const { kind, schema } = provider
  const spec = (value: Json) => parse(kind, 'spec', schema.spec, value)
  const state = (value: Json) => parse(kind, 'state', schema.state, value)
  const stateOrNull = (value: Json | null) => (value === null ? null : state(value))
  const memento = (value: Json) => parse(kind, 'memento', schema.memento, value)
  const at = ({ world, id, part }: At<Json>): At<Part> => ({ world, id, part: parse(kind, 'part', schema.part, part) })
  const out = (what: string, value: unknown) => plain(kind, what, value)
  const { source = null, components, merging, probing, mortal, inPlaceParts } = provider
  const prepared = (made: Prepared<Memento, Out>): Prepared<Json, Json> => ({
    ...made,
    memento: out('memento', made.memento),
    out: made.out === null ? null : out('out', made.out),
  })
  return {
    kind,
    version: provider.version,
    lasting: provider.lasting,
    parseSpec(value) {
      const result = schema.spec.safeParse(value)
      if (result.success) return { ok: true, value: out('spec', result.data), issues: [] }
      return { ok: false, value, issues: result.error.issues }
    },
    describeSpec: () => schema.spec.describe(),
    describeOut: () => schema.out.describe(),
    prepares: (value) => provider.prepares(spec(value)),
    home: (value) => out('part', provider.home(spec(value))),
    async want(where, value, call) {
      const wanted = await provider.want(at(where), spec(value), call)
      return { state: out('state', wanted.state), claims: wanted.claims }
    },
    async read(where, hint, call) {
      const seen = await provider.read(at(where), stateOrNull(hint), call)
      if (seen === null) return null
      return {
        state: out('state', seen.state),
        out: out('out', seen.out),
        unmanaged: out('unmanaged', seen.unmanaged),
        volatile: out('volatile', seen.volatile),
      }
    },
    async fork(from, to, live, value, call, unfit) {
      const forked = await provider.fork(at(from), to, stateOrNull(live), spec(value), call, unfit)
      return { ...forked, part: out('part', forked.part), out: forked.out === null ? null : out('out', forked.out) }
    },
    close: (where, call) => {
      const { world, id, part } = where
      return provider.close(part === null ? { world, id, part } : at({ world, id, part }), call)
    },
    async prepare(where, from, to, call) {
      return prepared(await provider.prepare(at(where), stateOrNull(from), stateOrNull(to), call))
    },
    look: (where, value, depth, call) => provider.look(at(where), memento(value), depth, call),
    turn: (where, value, to, call) => provider.turn(at(where), memento(value), to, call),
    release: (where, value, call) => provider.release(at(where), value === null ? null : memento(value), call),
    source,
    components: components
      ? {
          list: (value, call) => components.list(state(value), call),
          differ: (a, b, call) => components.differ(stateOrNull(a), stateOrNull(b), call),
          get: (value, pointer, call) => components.get(state(value), pointer, call),
          set: async (value, pointer, part, call) => out('state', await components.set(state(value), pointer, part, call)),
          text: (part, call) => components.text(part, call),
        }
      : null,
    merge: merging
      ? async (base, ours, theirs, call) => {
          const result = await merging.merge(stateOrNull(base), stateOrNull(ours), stateOrNull(theirs), call)
          if ('conflicts' in result) return result
          return { merged: result.merged === null ? null : out('state', result.merged) }
        }
      : null,
    liveBytes: provider.liveBytes
      ? (where, pointer, call) => provider.liveBytes?.(at(where), pointer, call) ?? Promise.resolve(null)
      : null,
    aside: provider.aside ? (where, call) => provider.aside?.(at(where), call) ?? Promise.resolve([]) : null,
    probe: probing ? (where, call) => probing.probe(at(where), call) : null,
    mortal: mortal
      ? {
          ended: (left, now) => mortal.ended(state(left), state(now)),
          revive: (where, call) => mortal.revive(at(where), call),
        }
      : null,
    prepareParts: inPlaceParts
      ? async (where, from, to, pointers, call) =>
          prepared(await inPlaceParts.prepareParts(at(where), state(from), state(to), pointers, call))
      : null,
    heldParts:
      inPlaceParts?.heldParts === undefined
        ? null
        : async (where, held, from, to, pointers, call) => {
            const made = await inPlaceParts.heldParts?.(at(where), memento(held), state(from), state(to), pointers, call)
            return made === undefined || made === null ? null : prepared(made)
          },
  }
}

function parse<T>(kind: string, what: string, schema: Schema<T>, value: Json): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const first = result.error.issues[0]
  const where = first === undefined || first.path.length === 0 ? '' : ` at /${first.path.map(String).join('/')}`
  throw new Fault({
    code: `kind.invalid-${what}`,
    class: 'invalid',
    summary: `This is not a ${what} of ${kind}.`,
    detail: `${first?.message ?? 'it does not parse'}${where}`,
    hint: what === 'spec' ? 'Correct the spec in the stack file.' : 'The store may hold data of a newer version; run `understudy doctor`.',
  })
}

/** Proves that a value is JSON, small enough, and gives a copy that nobody else holds. */
function plain(kind: string, what: string, value: unknown): Json {
  let text: string
  try {
    text = canonical(jsonOf(value))
  } catch (thrown) {
    throw new Fault({
      code: 'kind.not-json',
      class: 'bug',
      summary: `Provider ${kind} gave a ${what} that is not JSON.`,
      detail: thrown instanceof Error ? thrown.message : String(thrown),
      hint: 'This is a bug of the provider: report it to its author.',
    })
  }
  if ((what === 'state' || what === 'memento') && text.length > STATE_BYTES_MAX) {
    throw new Fault({
      code: 'kind.too-big',
      class: 'bug',
      summary: `Provider ${kind} gave a ${what} that is too big.`,
      detail: `${text.length} bytes; the limit is ${STATE_BYTES_MAX}`,
      hint: 'This is a bug of the provider: bigger parts belong into the store.',
    })
  }
  const copy: Json = JSON.parse(text)
  return copy
}
