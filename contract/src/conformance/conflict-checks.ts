// Owns: checks of what happens when somebody else writes: it is seen, said, and never overwritten or dropped silently.
// Never: kills.
import { equal } from '../json.ts'
import type { Check } from './check.ts'
import { claim, faultOfCall, same } from './claim.ts'
import { settled, withScene } from './scene.ts'
import type { Case, Scene } from './scene.ts'

export const conflictChecks: readonly Check[] = [
  ...(['change', 'delete'] as const).map((name): Check => ({
    name: `${name}: an edit between reading and turning is a conflict, and it is still there`,
    run: (subject) =>
      withScene(subject, async (scene) => {
        const to = await startAtA(scene, name)
        const before = await scene.read()
        await subject.touch(scene.bench, scene.at)
        const edited = await scene.read()
        claim(!equal(settled(edited), settled(before)), 'the subject is wrong: its touch must show in what is read')
        const fault = await faultOfCall(async () => {
          const hands = scene.hands('step')
          const made = await scene.provider.prepare(scene.at, before?.state ?? null, to, hands)
          return scene.provider.turn(scene.at, made.memento, 'after', hands)
        }, 'preparing and turning from a state that is not there any more')
        claim(fault.class === 'conflict', `it must fault with class conflict, not ${fault.class}: ${fault.detail}`)
        same(settled(await scene.read()), settled(edited), 'the edit of somebody else must still be there')
      }),
  })),
  ...(['change', 'delete'] as const).map((name): Check => ({
    name: `${name}: an edit between preparing and turning is a conflict, and it is still there`,
    run: (subject) =>
      withScene(subject, async (scene) => {
        const step = await scene.prepare('step', await startAtA(scene, name))
        await subject.touch(scene.bench, scene.at)
        const edited = await scene.read()
        claim(!equal(settled(edited), settled(step.before)), 'the subject is wrong: its touch must show in what is read')
        await refuses(() => scene.turn(step, 'after'), 'turn(after) over an edit')
        same(settled(await scene.read()), settled(edited), 'the edit of somebody else must still be there')
        claim((await scene.lookAt(step, 'full')).side === 'other', 'look(full) must say other when somebody else wrote')
        await scene.release(step)
        same(settled(await scene.read()), settled(edited), 'releasing must leave the edit there')
      }),
  })),
  {
    name: 'create: what came in between is a conflict, and it is still there',
    lacks: ({ appear }) => (appear === null ? 'appear' : null),
    run: (subject) =>
      withScene(subject, async (scene) => {
        const step = await scene.prepare('step', await scene.wanted(scene.specs.a))
        await subject.appear?.(scene.bench, scene.at)
        const edited = await scene.read()
        claim(edited !== null, 'the subject is wrong: what appears must be read')
        await refuses(() => scene.turn(step, 'after'), 'turn(after) over what somebody else made')
        same(settled(await scene.read()), settled(edited), 'what somebody else made must still be there')
      }),
  },
  {
    name: 'delete: what came after it is not overwritten by the undo',
    lacks: ({ appear }) => (appear === null ? 'appear' : null),
    run: (subject) =>
      withScene(subject, async (scene) => {
        const step = await scene.prepare('step', await startAtA(scene, 'delete'))
        await scene.turn(step, 'after')
        await subject.appear?.(scene.bench, scene.at)
        const edited = await scene.read()
        await refuses(() => scene.turn(step, 'before'), 'turn(before) over what somebody else made')
        same(settled(await scene.read()), settled(edited), 'what somebody else made must still be there')
      }),
  },
  {
    name: 'L17: an edit after turn(after) is never overwritten: the undo is refused, or keeps it aside and names it',
    run: (subject) =>
      withScene(subject, async (scene) => {
        const step = await scene.prepare('step', await startAtA(scene, 'change'))
        await scene.turn(step, 'after')
        const before = await scene.read()
        await subject.touch(scene.bench, scene.at)
        const edited = await scene.read()
        claim(!equal(settled(edited), settled(before)), 'the subject is wrong: its touch must show in what is read')
        const { side } = await scene.lookAt(step, 'full')
        claim(side === 'other' || side === 'after', `look(full) after an edit must say other (or after, if it is kept aside), not ${side}`)
        if (side === 'other') {
          await refuses(() => scene.turn(step, 'before'), 'turn(before) over an edit')
          same(settled(await scene.read()), settled(edited), 'the edit must still be there')
          return
        }
        await scene.turn(step, 'before')
        namesIt(await scene.lookAt(step, 'full'))
      }),
  },
  {
    name: 'L17: a late write to the side that is not live is named, and not lost in the undo',
    lacks: ({ touchOff }) => (touchOff === null ? 'touchOff' : null),
    run: (subject) =>
      withScene(subject, async (scene) => {
        const step = await scene.prepare('step', await startAtA(scene, 'change'))
        await scene.turn(step, 'after')
        await subject.touchOff?.(scene.bench, scene.at, step.prepared.memento)
        namesIt(await scene.lookAt(step, 'full'))
        same((await scene.read())?.state ?? null, step.to, 'a late write to the other side must not change the live one')
      }),
  },
  {
    name: 'what may not be read faults as forbidden, and is not taken for absent',
    lacks: ({ forbid }) => (forbid === null ? 'forbid' : null),
    run: (subject) =>
      spoiled(subject, 'forbid', (found) => claim(found === 'forbidden', `the fault must be of class forbidden, not ${found}`)),
  },
  {
    name: 'what cannot be told faults, and is not taken for absent',
    lacks: ({ unknown }) => (unknown === null ? 'unknown' : null),
    run: (subject) => spoiled(subject, 'unknown', (found) => claim(found !== 'bug', 'a fault that one can foresee is not a bug')),
  },
]

async function startAtA(scene: Scene, name: 'change' | 'delete') {
  await scene.commit('made', scene.specs.a)
  return name === 'change' ? scene.wanted(scene.specs.b) : null
}

async function refuses(call: () => Promise<unknown>, what: string): Promise<void> {
  const fault = await faultOfCall(call, what)
  claim(fault.class === 'conflict', `${what} must fault with class conflict, not ${fault.class}: ${fault.detail}`)
}

function namesIt({ standby, late }: { readonly standby: string; readonly late?: readonly string[] }): void {
  const named = standby === 'stale' || (late ?? []).length > 0
  claim(named, `look(full) must say stale or name what was written late; it says standby ${standby}, late ${JSON.stringify(late ?? [])}`)
}

async function spoiled(subject: Case, how: 'forbid' | 'unknown', judge: (faultClass: string) => void): Promise<void> {
  await withScene(subject, async (scene) => {
    await scene.commit('made', scene.specs.a)
    const before = await scene.read()
    const mend = await subject[how]?.(scene.bench, scene.at)
    try {
      judge((await faultOfCall(() => scene.read(), 'reading what cannot be read')).class)
    } finally {
      await mend?.()
    }
    same((await scene.read())?.state ?? null, before?.state ?? null, 'mended, it must read as before')
  })
}
