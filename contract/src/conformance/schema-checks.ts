// Owns: checks of what a provider says of itself without touching anything: schemas, home, want.
// Never: prepares or turns.
import { canonical } from '../json.ts'
import type { Json } from '../json.ts'
import type { Check } from './check.ts'
import { claim, none, same } from './claim.ts'
import { PLANNING, withScene } from './scene.ts'
import { differences } from './snapshot.ts'

export const schemaChecks: readonly Check[] = [
  {
    name: 'kind is family.thing, version a whole number from 1',
    async run({ provider }) {
      claim(/^[a-z0-9-]+\.[a-z0-9-]+$/.test(provider.kind), `kind must be family.thing, not ${provider.kind}`)
      claim(Number.isInteger(provider.version) && provider.version >= 1, `version must be a whole number from 1, not ${provider.version}`)
    },
  },
  {
    name: 'schemas refuse what is not theirs, and do not throw',
    async run({ provider }) {
      const strange: readonly unknown[] = [undefined, null, 7, 'text', true, [], [[]], () => 0]
      for (const what of ['spec', 'memento', 'state', 'part', 'out'] as const) {
        for (const value of strange) {
          const issues = provider.issues(what, value)
          // A part or an output may well be null or a text; a spec, a memento is always an object.
          if (what === 'spec' || what === 'memento') {
            claim(issues !== null && issues.length > 0, `schema.${what} must refuse ${String(JSON.stringify(value))} with an issue`)
          }
        }
      }
    },
  },
  {
    name: 'a spec with a key that nobody knows is refused',
    run: (subject) =>
      withScene(subject, async ({ provider, specs }) => {
        const typo = { ...objectOf(specs.a), 'no-such-key-in-any-spec': 1 }
        claim(provider.issues('spec', typo) !== null, 'schema.spec must refuse an unknown key: it is a typing error of the user')
      }),
  },
  {
    name: 'specs are described as JSON Schema for editors',
    async run({ provider }) {
      for (const what of ['spec', 'out'] as const) {
        const described = provider.describe(what)
        claim(Object.keys(objectOf(described)).length > 0, `schema.${what}.describe() must give a JSON Schema`)
      }
    },
  },
  {
    name: 'home is pure: the same spec has the same home, and making it touches nothing',
    run: (subject) =>
      withScene(subject, async (scene) => {
        const before = scene.everything()
        same(scene.provider.home(scene.specs.a), scene.provider.home(scene.specs.a), 'home must be the same each time')
        const [first, again] = [scene.provider.prepares(scene.specs.a), scene.provider.prepares(scene.specs.a)]
        claim(first === again, 'prepares must be the same each time')
        none(differences(before, scene.everything(), 'all'), 'home and prepares must touch nothing')
      }),
  },
  {
    name: 'want is deterministic, names claims, tells the specs apart and changes nothing',
    run: (subject) =>
      withScene(subject, async (scene) => {
        const { provider, at, specs } = scene
        const before = scene.everything()
        const processes = scene.processes()
        const first = await provider.want(at, specs.a, scene.look())
        const again = await provider.want(at, specs.a, scene.look())
        same(again.state, first.state, 'want must give the same state each time')
        same([...again.claims], [...first.claims], 'want must give the same claims each time')
        for (const name of first.claims) claim(/^[a-z0-9-]+:./.test(name), `a claim is family:name, not ${name}`)
        const other = await provider.want(at, specs.b, scene.look())
        claim(canonical(other.state) !== canonical(first.state), 'specs a and b of the subject must ask for different states')
        none(differences(before, scene.everything(), 'all'), 'want must change nothing')
        same([...scene.processes()], [...processes], 'want must start nothing')
      }),
  },
  {
    name: 'a frozen spec freezes to itself, and freezing changes nothing beside',
    concerns: ({ provider }) => provider.source !== null,
    run: (subject) =>
      withScene(subject, async (scene) => {
        const { provider, bench, specs } = scene
        const before = scene.outside()
        const hands = bench.hands(PLANNING, scene.at.id, 'freeze-again')
        const again = (await provider.source?.freeze(specs.a, bench.dir, hands)) ?? null
        same(provider.parseSpec(again), specs.a, 'what is frozen must freeze to itself')
        if (provider.source?.once !== true) none(differences(before, scene.outside(), 'times'), 'freezing must leave its sources alone')
      }),
  },
]

function objectOf(value: Json): { readonly [key: string]: Json } {
  claim(typeof value === 'object' && value !== null && !Array.isArray(value), `this must be a JSON object: ${JSON.stringify(value)}`)
  return Object.fromEntries(Object.entries(value))
}
