// Owns: checks of copies: a fork is like what it was made of, is nobody else's business, and goes without a trace.
// Never: tells the provider which world is which.
import { equal } from '../json.ts'
import type { Json } from '../json.ts'
import type { Forked, Hands } from '../provider.ts'
import type { Check } from './check.ts'
import { claim, none, same } from './claim.ts'
import { killed, killPoints } from './kill-checks.ts'
import { ID, leftovers, momentOf, settled, withScene } from './scene.ts'
import type { Scene } from './scene.ts'
import { differences } from './snapshot.ts'

const WORLD = 'w1'

export const forkChecks: readonly Check[] = [
  {
    name: 'a fork stands for the same state, with outputs of its own, and says how far it can be believed',
    run: (subject) =>
      withScene(subject, async (scene) => {
        await scene.commit('made', scene.specs.a)
        const { forked, copy } = await fork(scene)
        claim(['exact', 'partial', 'modelled'].includes(forked.fidelity), `fidelity must be one of the three, not ${forked.fidelity}`)
        claim((forked.fidelity === 'exact') === (forked.because === ''), `because must say why it is not exact: ${forked.because}`)
        const seen = await copy.read()
        claim(seen !== null, 'a copy of what is there must be there')
        same(seen.out, forked.out, 'the outputs of a fork must be those that are read there')
        same(seen.state, await copy.wanted(scene.specs.a), 'a copy must stand for what its spec asks for in its world')
        claim(!equal(copy.at.part, scene.at.part) || copy.look().room !== scene.look().room, 'a copy must be somewhere else')
        await scene.provider.close(copy.at, closing(copy))
      }),
  },
  {
    name: "a fork's writes are invisible outside, and closed it is gone; closed twice is once",
    run: (subject) =>
      withScene(subject, async (scene) => {
        await scene.commit('made', scene.specs.a)
        const start = momentOf(scene)
        const primary = settled(await scene.read())
        const { copy } = await fork(scene)
        const unharmed = (when: string): void => {
          const rows = differences(start.outside, scene.outside(), 'times').filter((row) => !row.startsWith('+ '))
          none(rows, `${when} must change nothing outside`)
          none(
            start.processes.filter((process) => !scene.processes().includes(process)),
            `${when} must end no process outside`,
          )
        }
        unharmed('forking')
        for (const [key, spec] of [
          ['change', scene.specs.b],
          ['delete', null],
          ['create', scene.specs.a],
        ] as const) {
          const step = await copy.prepare(`shadow-${key}`, await copy.wanted(spec))
          await copy.turn(step, 'after')
          same((await copy.read())?.state ?? null, step.to, `${key} in the copy`)
          same(settled(await scene.read()), primary, `${key} in the copy must not show outside`)
          await copy.turn(step, 'before')
          await copy.turn(step, 'after')
          await copy.release(step)
          unharmed(`${key} in the copy`)
        }
        const open = await copy.prepare('shadow-open', await copy.wanted(scene.specs.b))
        await copy.turn(open, 'after')
        for (let times = 0; times < 2; times += 1) {
          await scene.provider.close(copy.at, closing(copy))
          none(leftovers(scene, start, 'times'), 'closed, a copy must be gone with all that was prepared in it')
        }
        same(settled(await scene.read()), primary, 'closing a copy must not show outside')
      }),
  },
  {
    name: 'writes outside do not show in a fork, nor those of one fork in another',
    run: (subject) =>
      withScene(subject, async (scene) => {
        await scene.commit('made', scene.specs.a)
        const first = await fork(scene)
        const second = await fork(scene, 'w2')
        const before = settled(await first.copy.read())
        await scene.commit('outside', scene.specs.b)
        await second.copy.commit('beside', null)
        same(settled(await first.copy.read()), before, 'a copy is nobody else’s to change')
        same((await scene.read())?.state ?? null, await scene.wanted(scene.specs.b), 'and changes nobody else')
        for (const { copy } of [second, first]) await scene.provider.close(copy.at, closing(copy))
      }),
  },
  {
    name: 'a fork of what is not there is only a place: it can be created there',
    run: (subject) =>
      withScene(subject, async (scene) => {
        const start = momentOf(scene)
        const { forked, copy } = await fork(scene)
        claim(forked.out === null, 'a fork of nothing has no outputs')
        claim((await copy.read()) === null, 'a fork of nothing must read as null')
        const step = await copy.prepare('shadow-create', await copy.wanted(scene.specs.a))
        await copy.turn(step, 'after')
        same((await copy.read())?.state ?? null, step.to, 'created in the copy')
        claim((await scene.read()) === null, 'what is created in a copy must not show outside')
        await copy.turn(step, 'before')
        claim((await copy.read()) === null, 'undone in the copy')
        await scene.provider.close(copy.at, closing(copy))
        none(leftovers(scene, start, 'times'), 'closed, nothing may be left over')
      }),
  },
  {
    name: 'L8: killed while forking, it is closed without its part or forked again, and nothing is left over',
    async run(subject) {
      const call = (scene: Scene) => (hands: Hands) => forkWith(scene, WORLD, hands)
      const points = await killPoints(
        subject,
        async (scene) => {
          await scene.commit('made', scene.specs.a)
          return { scene: scene.elsewhere(WORLD, null), call: call(scene) }
        },
        keyOf(WORLD),
      )
      for (const { death, told } of points) {
        await withScene(subject, async (scene) => {
          await scene.commit('made', scene.specs.a)
          const start = momentOf(scene)
          const primary = settled(await scene.read())
          const world = scene.elsewhere(WORLD, null)
          await killed(world, death, call(scene), keyOf(WORLD))
          same(settled(await scene.read()), primary, `killed ${told}: forking is invisible outside`)
          for (let times = 0; times < 2; times += 1) {
            await scene.provider.close({ world: WORLD, id: ID, part: null }, world.hands(keyOf(WORLD)))
            none(leftovers(scene, start, 'times'), `killed ${told}, closed: left over`)
          }
          await killed(world, death, call(scene), keyOf(WORLD))
          const { forked, copy } = await fork(scene)
          same((await copy.read())?.state ?? null, await copy.wanted(scene.specs.a), `killed ${told}, forked again`)
          same((await copy.read())?.out ?? null, forked.out, `killed ${told}, forked again: outputs`)
          await scene.provider.close(copy.at, closing(copy))
          none(leftovers(scene, start, 'times'), `killed ${told}, forked again, closed: left over`)
        })
      }
    },
  },
  {
    name: 'L8: killed while closing, it is closed again, and nothing is left over',
    async run(subject) {
      const ready = async (scene: Scene) => {
        await scene.commit('made', scene.specs.a)
        const start = momentOf(scene)
        const { copy } = await fork(scene)
        const step = await copy.prepare('shadow-step', await copy.wanted(scene.specs.b))
        await copy.turn(step, 'after')
        return { copy, start, primary: settled(await scene.read()) }
      }
      const points = await killPoints(
        subject,
        async (scene) => {
          const { copy } = await ready(scene)
          return { scene: copy, call: (hands) => scene.provider.close(copy.at, hands) }
        },
        keyOf(WORLD),
      )
      for (const { death, told } of points) {
        await withScene(subject, async (scene) => {
          const { copy, start, primary } = await ready(scene)
          await killed(copy, death, (hands) => scene.provider.close(copy.at, hands), keyOf(WORLD))
          await scene.provider.close(copy.at, closing(copy))
          none(leftovers(scene, start, 'times'), `killed ${told}, closed again: left over`)
          same(settled(await scene.read()), primary, `killed ${told}, closed again`)
        })
      }
    },
  },
]

/** The engine forks and closes under one key, which names world and resource. */
function keyOf(world: string): string {
  return `${world}-${ID}`
}

function closing(copy: Scene): Hands {
  return copy.hands(keyOf(copy.at.world))
}

async function forkWith(scene: Scene, world: string, hands: Hands): Promise<Forked<Json, Json>> {
  const live = (await scene.read())?.state ?? null
  return scene.provider.fork(scene.at, { world, id: ID, part: null }, live, scene.specs.a, hands)
}

async function fork(scene: Scene, world = WORLD): Promise<{ readonly forked: Forked<Json, Json>; readonly copy: Scene }> {
  const forked = await forkWith(scene, world, scene.elsewhere(world, null).hands(keyOf(world)))
  return { forked, copy: scene.elsewhere(world, forked.part) }
}
