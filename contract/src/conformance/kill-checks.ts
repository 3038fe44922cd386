// Owns: checks of what a kill leaves: at every effect of every verb the process dies, and a new one must get it right.
// Never: relies on time; the death is before, within or after a counted effect.
import type { Hands } from '../provider.ts'
import type { Check } from './check.ts'
import { claim, none, same } from './claim.ts'
import { mortalHands } from './mortal-hands.ts'
import type { Death } from './mortal-hands.ts'
import { exactness, leftovers, momentOf, settled, transitions, withScene } from './scene.ts'
import type { Case, Scene, Step, Transition } from './scene.ts'

/** One way to die in a call: where, and how it is told in a message. */
export interface KillPoint {
  readonly death: Death
  readonly told: string
}

export const killChecks: readonly Check[] = transitions.flatMap((transition) => [
  killedPreparing(transition),
  killedTurning(transition, 'after'),
  killedTurning(transition, 'before'),
  killedReleasing(transition, 'before'),
  killedReleasing(transition, 'after'),
])

function killedPreparing(transition: Transition): Check {
  const start = async (scene: Scene) => {
    await scene.commit('made', scene.specOf(transition.start))
    return { to: await scene.wanted(scene.specOf(transition.goal)), before: await scene.read(), moment: momentOf(scene) }
  }
  const call = (scene: Scene, to: Step['to']) => (hands: Hands) => scene.prepare('step', to, hands)
  return {
    name: `L8: ${transition.name}: killed while preparing, it is released by key or tried again, and nothing is left over`,
    async run(subject) {
      const points = await killPoints(subject, async (scene) => ({ scene, call: call(scene, (await start(scene)).to) }))
      for (const { death, told } of points) {
        await withScene(subject, async (scene) => {
          const { to, before, moment } = await start(scene)
          await killed(scene, death, call(scene, to))
          same(settled(await scene.read()), settled(before), `killed ${told}: preparing is invisible`)
          for (let times = 0; times < 2; times += 1) {
            await scene.provider.release(scene.at, null, scene.hands('step'))
            none(leftovers(scene, moment, exactness(scene, null)), `killed ${told}, released by key: left over`)
          }
          same(settled(await scene.read()), settled(before), `killed ${told}, released by key`)
          await killed(scene, death, call(scene, to))
          const step = await scene.prepare('step', to)
          await thereAndBack(scene, step, `killed ${told}, prepared again`)
          await scene.release(step)
          none(leftovers(scene, moment, exactness(scene, step)), `killed ${told}, prepared again, undone, released: left over`)
        })
      }
    },
  }
}

function killedTurning(transition: Transition, to: 'before' | 'after'): Check {
  const back = to === 'after' ? 'before' : 'after'
  return {
    name: `L8: ${transition.name}: killed in turn(${to}), it is ours, goes on either way, and nothing is left over`,
    async run(subject) {
      const ready = async (scene: Scene) => {
        await scene.commit('made', scene.specOf(transition.start))
        const moment = momentOf(scene)
        const step = await scene.prepare('step', await scene.wanted(scene.specOf(transition.goal)))
        if (to === 'before') await scene.turn(step, 'after')
        return { step, moment, from: settled(await scene.read()) }
      }
      const points = await killPoints(subject, async (scene) => {
        const { step } = await ready(scene)
        return { scene, call: (hands) => scene.turn(step, to, hands) }
      })
      for (const { death, told } of points) {
        await withScene(subject, async (scene) => {
          const { step, moment, from } = await ready(scene)
          for (let round = 0; round < 2; round += 1) {
            await killed(scene, death, (hands) => scene.turn(step, to, hands))
            for (const depth of ['quick', 'full'] as const) {
              const { side } = await scene.lookAt(step, depth)
              claim(side !== 'other', `killed ${told}: look(${depth}) takes our own half-done work for somebody else's`)
            }
            // The first time the same way again, the second time back: recovery does either.
            if (round === 0) {
              const stand = await scene.turn(step, to)
              claim(stand.side === to, `killed ${told}, turned again: it stands at ${stand.side}`)
              const state = (await scene.read())?.state ?? null
              const goal = to === 'after' ? step.to : (step.before?.state ?? null)
              same(state, goal, `killed ${told}, turned again`)
            }
            const stand = await scene.turn(step, back)
            claim(stand.side === back, `killed ${told}, turned back: it stands at ${stand.side}`)
            same(settled(await scene.read()), from, `killed ${told}, turned back`)
          }
          await scene.turn(step, 'before')
          same(settled(await scene.read()), settled(step.before), `killed ${told}, undone`)
          await scene.release(step)
          none(leftovers(scene, moment, exactness(scene, step)), `killed ${told}, undone, released: left over`)
        })
      }
    },
  }
}

function killedReleasing(transition: Transition, side: 'before' | 'after'): Check {
  const ready = async (scene: Scene) => {
    await scene.commit('made', scene.specOf(transition.start))
    const moment = momentOf(scene)
    const step = await scene.prepare('step', await scene.wanted(scene.specOf(transition.goal)))
    await scene.turn(step, 'after')
    if (side === 'before') await scene.turn(step, 'before')
    return { step, moment, live: settled(await scene.read()) }
  }
  return {
    name: `L8: ${transition.name}: killed in release with ${side} live, it is released again, and nothing is left over`,
    async run(subject) {
      const points = await killPoints(subject, async (scene) => {
        const { step } = await ready(scene)
        return { scene, call: (hands) => scene.release(step, hands) }
      })
      // What stands after a release that nobody killed: the same paths must stand after one that was.
      const wanted = await withScene(subject, async (scene) => {
        const { step } = await ready(scene)
        await scene.release(step)
        return standing(scene)
      })
      for (const { death, told } of points) {
        await withScene(subject, async (scene) => {
          const { step, moment, live } = await ready(scene)
          await killed(scene, death, (hands) => scene.release(step, hands))
          same(settled(await scene.read()), live, `killed ${told}: releasing does not touch the live side`)
          await scene.release(step)
          same(settled(await scene.read()), live, `killed ${told}, released again`)
          if (side === 'before') none(leftovers(scene, moment, exactness(scene, step)), `killed ${told}, released again: left over`)
          same(standing(scene), wanted, `killed ${told}, released again: the same must stand as without the kill`)
        })
      }
    },
  }
}

/** Paths outside of rooms, and how many processes. */
function standing(scene: Scene) {
  return { paths: [...scene.outside().keys()].toSorted(), processes: scene.processes().length }
}

async function thereAndBack(scene: Scene, step: Step, told: string): Promise<void> {
  await scene.turn(step, 'after')
  same((await scene.read())?.state ?? null, step.to, `${told}, turned`)
  await scene.turn(step, 'before')
  same(settled(await scene.read()), settled(step.before), `${told}, turned back`)
}

/** Runs a call in a process that dies there. What it says no longer counts, and whatever it still tries has no effect. */
export async function killed(scene: Scene, death: Death, call: (hands: Hands) => Promise<unknown>, key = 'step'): Promise<void> {
  const mortal = mortalHands(scene.hands(key), death)
  try {
    await call(mortal.hands)
  } catch (thrown) {
    // Something that fails without having been killed is a fault of its own.
    if (!mortal.dead()) throw thrown
  }
  mortal.die()
}

/**
 * All points of a call: before each effect, half-way through those that can be cut, and after the last one, when the
 * result is lost. Counted in a run of its own, on a bench of its own.
 */
export async function killPoints(
  subject: Case,
  ready: (scene: Scene) => Promise<{ readonly scene: Scene; readonly call: (hands: Hands) => Promise<unknown> }>,
  key = 'step',
): Promise<readonly KillPoint[]> {
  const writes = await withScene(subject, async (scene) => {
    const target = await ready(scene)
    const mortal = mortalHands(target.scene.hands(key))
    await target.call(mortal.hands)
    return mortal.writes
  })
  const points = writes.flatMap(({ what, tearable }, at): readonly KillPoint[] => {
    const told = `effect ${at + 1} of ${writes.length} (${what})`
    const before = { death: { at, torn: false }, told: `before ${told}` }
    return tearable ? [before, { death: { at, torn: true }, told: `within ${told}` }] : [before]
  })
  return spread(
    [...points, { death: { at: writes.length, torn: false }, told: `after the last of ${writes.length} effects` }],
    subject.killPointsMax,
  )
}

/** At most so many, evenly, the first and the last among them. */
function spread<T>(items: readonly T[], max: number): readonly T[] {
  if (items.length <= max) return items
  const step = (items.length - 1) / Math.max(1, max - 1)
  return items.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step) || index === items.length - 1)
}
