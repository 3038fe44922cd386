// Owns: checks of the optional powers, each by its laws: components, merging, probing, turning of parts.
// Never: asks for a power that is not there.
import { equal } from '../json.ts'
import type { Json } from '../json.ts'
import type { Components, Merging } from '../provider.ts'
import type { Check } from './check.ts'
import { claim, faultOfCall, none, same } from './claim.ts'
import { exactness, leftovers, momentOf, settled, withScene } from './scene.ts'
import type { Case, Scene } from './scene.ts'
import { differences } from './snapshot.ts'

export const powerChecks: readonly Check[] = [
  componentCheck(
    'components: list names each once, get finds each, setting what is there changes nothing',
    async (scene, power, states) => {
      for (const state of states) {
        const pointers = await power.list(state, scene.look())
        claim(new Set(pointers).size === pointers.length, `list must name each once: ${pointers.join(' ')}`)
        for (const pointer of pointers) {
          claim(/^(\/([^~/]|~[01])*)*$/.test(pointer), `a component is named by a JSON pointer, not ${pointer}`)
          const component = await power.get(state, pointer, scene.look())
          claim(component !== undefined, `get must find what list names: ${pointer}`)
          same(await power.set(state, pointer, component, scene.look()), state, `set(get) of ${pointer} must change nothing`)
          const shown = await power.text(component, scene.look())
          claim(shown === null || typeof shown === 'string', 'text must be a text, or null')
        }
        const nowhere = await power.get(state, '/no~1such~1component', scene.look())
        claim(nowhere === undefined, 'get of what is not there must be undefined')
      }
    },
  ),
  componentCheck('components: differ names exactly what differs; absence differs in all', async (scene, power, states) => {
    for (const a of states) {
      none(await power.differ(a, a, scene.look()), 'a state does not differ from itself')
      const all = await power.list(a, scene.look())
      same([...(await power.differ(null, a, scene.look()))].toSorted(), [...all].toSorted(), 'from absence, all differs')
      same([...(await power.differ(a, null, scene.look()))].toSorted(), [...all].toSorted(), 'to absence, all differs')
      for (const b of states) {
        const named = await power.differ(a, b, scene.look())
        const pointers = new Set([...all, ...(await power.list(b, scene.look())), ...named])
        for (const pointer of pointers) {
          const [left, right] = [await power.get(a, pointer, scene.look()), await power.get(b, pointer, scene.look())]
          const differs = left === undefined || right === undefined ? left !== right : !equal(left, right)
          claim(
            named.includes(pointer) === differs,
            `differ must name ${pointer} exactly when it differs (it ${differs ? 'does' : 'does not'})`,
          )
        }
      }
    }
  }),
  componentCheck('components: all differences of b set on a give b', async (scene, power, states) => {
    for (const a of states) {
      for (const b of states) {
        let state = a
        for (const pointer of await power.differ(a, b, scene.look())) {
          state = await power.set(state, pointer, await power.get(b, pointer, scene.look()), scene.look())
        }
        same(state, b, 'apply(differ(a, b), a) must be b')
      }
    }
  }),
  componentCheck('components: reading them changes nothing', async (scene, power, states) => {
    const before = scene.everything()
    const [a = null, b = null] = states
    for (const pointer of await power.differ(a, b, scene.look())) {
      if (a !== null && b !== null) await power.set(a, pointer, await power.get(b, pointer, scene.look()), scene.look())
    }
    none(differences(before, scene.everything(), 'all'), 'components are about states, not about what is there')
  }),
  mergeCheck('merging: who changed nothing loses nothing', async (scene, merge, states) => {
    const sides = [null, ...states]
    for (const base of sides) {
      for (const other of sides) {
        same(await merged(scene, merge, base, base, other), other, 'merge(base, base, x) must be x')
        same(await merged(scene, merge, base, other, base), other, 'merge(base, x, base) must be x')
        same(await merged(scene, merge, base, other, other), other, 'merge(base, x, x) must be x')
      }
    }
  }),
  mergeCheck('merging: ours and theirs may change places', async (scene, merge, states) => {
    const sides = [null, ...states]
    for (const base of sides) {
      for (const ours of sides) {
        for (const theirs of sides) {
          const [one, two] = [await merge(base, ours, theirs, scene.look()), await merge(base, theirs, ours, scene.look())]
          if ('merged' in one && 'merged' in two) same(one.merged, two.merged, 'merging the other way round')
          else if ('conflicts' in one && 'conflicts' in two) {
            claim(one.conflicts.length > 0 && two.conflicts.length > 0, 'a conflict must be named')
            const turned = two.conflicts.map(({ pointer, base: at, ours: left, theirs: right }) => ({
              pointer,
              base: at,
              ours: right,
              theirs: left,
            }))
            const told = one.conflicts.map(({ pointer, base: at, ours: left, theirs: right }) => ({
              pointer,
              base: at,
              ours: left,
              theirs: right,
            }))
            same(sorted(told), sorted(turned), 'conflicts, the other way round')
          } else claim(false, 'what conflicts one way round must conflict the other way round')
        }
      }
    }
  }),
  {
    name: 'probing: what stands can answer, what is not there cannot',
    concerns: ({ provider }) => provider.probe !== null,
    run: (subject) =>
      withScene(subject, async (scene) => {
        const { probe } = scene.provider
        if (probe === null) return
        const absent = await probe(scene.at, scene.look())
        claim(!absent.fit && absent.detail !== '', 'what is not there is not fit, and the detail says why')
        await scene.commit('made', scene.specs.a)
        const live = await probe(scene.at, scene.look())
        claim(live.fit, `what was just made must be fit: ${live.detail}`)
        await scene.commit('gone', null)
        claim(!(await probe(scene.at, scene.look())).fit, 'what was deleted is not fit')
      }),
  },
  {
    name: 'parts: turning one component changes only that one, either way',
    concerns: ({ provider }) => provider.prepareParts !== null && provider.components !== null,
    run: (subject) =>
      withParts(subject, async (scene, pointer, to) => {
        const before = await scene.read()
        const start = momentOf(scene)
        const step = await preparedPart(scene, pointer, to)
        same(settled(await scene.read()), settled(before), 'preparing a part is invisible')
        for (let round = 0; round < 2; round += 1) {
          const stand = await scene.turn(step, 'after')
          claim(stand.side === 'after', `turn(after) of ${pointer} must say after, not ${stand.side}`)
          same((await scene.read())?.state ?? null, to, `turn(after) of ${pointer} must change that and nothing else`)
          claim((await scene.turn(step, 'before')).side === 'before', `turn(before) of ${pointer} must say before`)
          same(settled(await scene.read()), settled(before), `turn(before) of ${pointer}`)
        }
        await scene.release(step)
        none(leftovers(scene, start, exactness(scene, step)), 'undone and released, nothing may be left over')
      }),
  },
  {
    name: 'parts: an edit to that component in between is a conflict, and it is still there',
    concerns: ({ provider }) => provider.prepareParts !== null && provider.components !== null,
    run: (subject) =>
      withParts(subject, async (scene, _pointer, to) => {
        const before = await scene.read()
        await subject.touch(scene.bench, scene.at)
        const edited = await scene.read()
        const power = scene.provider.components
        if (power === null || before === null || edited === null) return
        // Of the components that the touch changed, one; others may be turned beside an edit.
        const [pointer] = await power.differ(before.state, edited.state, scene.look())
        if (pointer === undefined) return
        const goal = await power.set(before.state, pointer, await power.get(to, pointer, scene.look()), scene.look())
        if (equal(goal, before.state) || equal(goal, edited.state)) return
        const fault = await faultOfCall(async () => {
          const hands = scene.hands('part')
          const made = await scene.provider.prepareParts?.(scene.at, before.state, goal, [pointer], hands)
          return scene.provider.turn(scene.at, made?.memento ?? null, 'after', hands)
        }, `turning ${pointer} over an edit`)
        claim(fault.class === 'conflict', `it must fault with class conflict, not ${fault.class}`)
        same(settled(await scene.read()), settled(edited), 'the edit must still be there')
      }),
  },
]

function componentCheck(name: string, body: (scene: Scene, power: Components<Json>, states: readonly Json[]) => Promise<void>): Check {
  return {
    name,
    concerns: ({ provider }) => provider.components !== null,
    run: (subject) =>
      withScene(subject, async (scene) => {
        if (scene.provider.components !== null) await body(scene, scene.provider.components, await statesOf(scene))
      }),
  }
}

function mergeCheck(name: string, body: (scene: Scene, merge: Merging<Json>['merge'], states: readonly Json[]) => Promise<void>): Check {
  return {
    name,
    concerns: ({ provider }) => provider.merge !== null,
    run: (subject) =>
      withScene(subject, async (scene) => {
        if (scene.provider.merge !== null) await body(scene, scene.provider.merge, await statesOf(scene))
      }),
  }
}

/** The states of all specs, as they read when they are really there. */
async function statesOf(scene: Scene): Promise<readonly Json[]> {
  const states: Json[] = []
  for (const [name, spec] of Object.entries(scene.specs)) {
    if (spec === null) continue
    await scene.commit(`made-${name}`, spec)
    const seen = await scene.read()
    if (seen !== null) states.push(seen.state)
  }
  return states
}

async function merged(
  scene: Scene,
  merge: Merging<Json>['merge'],
  base: Json | null,
  ours: Json | null,
  theirs: Json | null,
): Promise<Json> {
  const result = await merge(base, ours, theirs, scene.look())
  return 'merged' in result ? result.merged : claim(false, `merging what one side did not change is no conflict: ${JSON.stringify(result)}`)
}

/** a is live; `to` is a with its first component that differs in b, as in b. */
async function withParts(subject: Case, body: (scene: Scene, pointer: string, to: Json) => Promise<void>): Promise<void> {
  await withScene(subject, async (scene) => {
    const [a, b] = await statesOf(scene)
    const power = scene.provider.components
    if (power === null || a === undefined || b === undefined) return
    await scene.commit('again', scene.specs.a)
    const [pointer] = await power.differ(a, b, scene.look())
    if (pointer === undefined) return
    await body(scene, pointer, await power.set(a, pointer, await power.get(b, pointer, scene.look()), scene.look()))
  })
}

async function preparedPart(scene: Scene, pointer: string, to: Json) {
  const before = await scene.read()
  const parts = scene.provider.prepareParts
  if (parts === null || before === null) return claim(false, 'there must be something to turn a part of')
  return { key: 'part', before, to, prepared: await parts(scene.at, before.state, to, [pointer], scene.hands('part')) }
}

function sorted(conflicts: readonly { readonly pointer: string; readonly base: Json; readonly ours: Json; readonly theirs: Json }[]): Json {
  return [...conflicts].toSorted((a, b) => (a.pointer < b.pointer ? -1 : a.pointer > b.pointer ? 1 : 0))
}
