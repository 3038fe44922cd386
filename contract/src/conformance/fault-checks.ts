// Owns: checks of what an effect that fails leads to: it is told, nothing is spoilt, and tried again it works.
// Never: kills; here the provider's own cleaning up runs.
import type { Hands } from '../provider.ts'
import { Fault } from '../fault.ts'
import type { Check } from './check.ts'
import { claim, none, same } from './claim.ts'
import { killPoints } from './kill-checks.ts'
import { mortalHands } from './mortal-hands.ts'
import { exactness, leftovers, momentOf, settled, withScene } from './scene.ts'
import type { Scene, Step } from './scene.ts'

export const faultChecks: readonly Check[] = [
  {
    name: 'a disk that is full for a moment while preparing: nothing shows, tried again it works, nothing is left over',
    async run(subject) {
      const points = await killPoints(subject, async (scene) => {
        const to = await start(scene)
        return { scene, call: (hands) => scene.prepare('step', to, hands) }
      })
      for (const { death, told } of points.filter((point) => !point.death.torn)) {
        await withScene(subject, async (scene) => {
          const to = await start(scene)
          const [before, moment] = [await scene.read(), momentOf(scene)]
          const made = await failing(scene, death.at, (hands) => scene.prepare('step', to, hands), told)
          same(settled(await scene.read()), settled(before), `full ${told}: preparing is invisible`)
          const step = made ?? (await scene.prepare('step', to))
          await scene.turn(step, 'after')
          same((await scene.read())?.state ?? null, to, `full ${told}, prepared again, turned`)
          await backAndAway(scene, step, told)
          none(leftovers(scene, moment, exactness(scene, step)), `full ${told}, prepared again, undone, released: left over`)
        })
      }
    },
  },
  ...(['after', 'before'] as const).map((side): Check => ({
    name: `a disk that is full for a moment in turn(${side}): it is told, and tried again it works`,
    async run(subject) {
      const ready = async (scene: Scene) => {
        const to = await start(scene)
        const moment = momentOf(scene)
        const step = await scene.prepare('step', to)
        if (side === 'before') await scene.turn(step, 'after')
        return { step, moment }
      }
      const points = await killPoints(subject, async (scene) => {
        const { step } = await ready(scene)
        return { scene, call: (hands) => scene.turn(step, side, hands) }
      })
      for (const { death, told } of points.filter((point) => !point.death.torn)) {
        await withScene(subject, async (scene) => {
          const { step, moment } = await ready(scene)
          const stand = await failing(scene, death.at, (hands) => scene.turn(step, side, hands), told)
          claim((await scene.lookAt(step, 'full')).side !== 'other', `full ${told}: look takes our own work for somebody else's`)
          if (stand === null) await scene.turn(step, side)
          const goal = side === 'after' ? step.to : (step.before?.state ?? null)
          same((await scene.read())?.state ?? null, goal, `full ${told}, ${stand === null ? 'turned again' : 'and nothing was told'}`)
          await backAndAway(scene, step, told)
          none(leftovers(scene, moment, exactness(scene, step)), `full ${told}, undone, released: left over`)
        })
      }
    },
  })),
]

async function start(scene: Scene) {
  await scene.commit('made', scene.specs.a)
  return scene.wanted(scene.specs.b)
}

async function backAndAway(scene: Scene, step: Step, told: string): Promise<void> {
  await scene.turn(step, 'before')
  same(settled(await scene.read()), settled(step.before), `full ${told}, undone`)
  await scene.release(step)
}

/** The call with one effect that fails. Null when it was told; a result that is given all the same has to be a good one. */
async function failing<T>(scene: Scene, at: number, call: (hands: Hands) => Promise<T>, told: string): Promise<T | null> {
  const { hands } = mortalHands(scene.hands('step'), { at, torn: false, survives: true })
  try {
    return await call(hands)
  } catch (thrown) {
    const foreseen = thrown instanceof Fault && thrown.fault.class !== 'bug'
    claim(foreseen, `full ${told}: an effect that fails must be told as a Fault, not as ${String(thrown)}`)
    return null
  }
}
