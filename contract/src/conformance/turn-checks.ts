// Owns: checks of the way there and back when nobody disturbs it: create, change and delete, each turned either way.
// Never: kills or edits behind the provider's back.
import type { Json } from '../json.ts'
import type { Stand } from '../provider.ts'
import type { Check } from './check.ts'
import { claim, none, same } from './claim.ts'
import { mortalHands } from './mortal-hands.ts'
import { exactness, momentOf, leftovers, settled, transitions, withScene } from './scene.ts'
import type { Scene, Step, Transition } from './scene.ts'
import { differences } from './snapshot.ts'

export const turnChecks: readonly Check[] = [
  {
    name: 'what is not there reads as null',
    run: (subject) =>
      withScene(subject, async (scene) => {
        claim((await scene.read()) === null, 'before anything is created, read must give null')
      }),
  },
  {
    name: 'reading changes nothing',
    run: (subject) =>
      withScene(subject, async (scene) => {
        const unread = scene.everything()
        await scene.read()
        none(differences(unread, scene.everything(), 'all'), 'reading what is not there must change nothing')
        await scene.commit('made', scene.specs.a)
        const step = await scene.prepare('step', await scene.wanted(scene.specs.b))
        const before = { outside: scene.outside(), all: scene.everything(), processes: scene.processes() }
        const seen = await scene.read()
        await scene.provider.read(scene.at, seen?.state ?? null, scene.look())
        await scene.lookAt(step, 'quick')
        await scene.lookAt(step, 'full')
        await scene.provider.probe?.(scene.at, scene.look())
        none(differences(before.outside, scene.outside(), 'all'), 'read, look and probe must change nothing, not even a time')
        // What lives in a room may write there by itself (a log), so only names count.
        none(differences(before.all, scene.everything(), 'names'), 'read, look and probe must make nothing in a room')
        same([...scene.processes()], [...before.processes], 'reading must neither start nor end a process')
      }),
  },
  {
    name: 'reading with a hint gives what reading without gives',
    run: (subject) =>
      withScene(subject, async (scene) => {
        await scene.commit('made', scene.specs.a)
        const plain = await scene.read()
        const a = await scene.wanted(scene.specs.a)
        const b = await scene.wanted(scene.specs.b)
        for (const hint of [a, b]) {
          same(settled(await scene.provider.read(scene.at, hint, scene.look())), settled(plain), 'a hint may speed up, never change')
        }
        same(settled(await scene.read()), settled(plain), 'reading twice must give the same')
      }),
  },
  ...transitions.flatMap((transition) => checksOf(transition)),
  {
    name: 'a forced step, from and to the same state, turns both ways',
    run: (subject) =>
      withScene(subject, async (scene) => {
        await scene.commit('made', scene.specs.a)
        const start = momentOf(scene)
        const step = await scene.prepare('forced', await scene.wanted(scene.specs.a))
        for (const side of ['after', 'before', 'after', 'before'] as const) {
          standsAt(await scene.turn(step, side), side, 'turn')
          standsAt(await scene.lookAt(step, 'full'), side, 'look')
          same((await scene.read())?.state ?? null, step.to, 'both sides of a forced step are the same state')
        }
        same(settled(await scene.read()), settled(step.before), 'turned back, it must read as before')
        await scene.release(step)
        none(leftovers(scene, start, exactness(scene, step)), 'turned back and released, nothing may be left over')
      }),
  },
  {
    name: 'ten changes undone and released leave no more behind than one',
    run: (subject) =>
      withScene(subject, async (scene) => {
        await scene.commit('made', scene.specs.a)
        const start = momentOf(scene)
        const sizes: number[] = []
        for (let n = 0; n < 10; n += 1) {
          const step = await scene.prepare(`change-${n}`, await scene.wanted(scene.specs.b))
          await scene.turn(step, 'after')
          await scene.turn(step, 'before')
          await scene.release(step)
          sizes.push(scene.everything().size)
        }
        claim(sizes[9] === sizes[1], `a room must not grow with each change: ${sizes.join(', ')} entries`)
        none(leftovers(scene, start, 'names'), 'changes undone and released must leave nothing over')
      }),
  },
]

/** Effects that give a name another content; a directory's sync makes them last. */
const NAMING = new Set(['create', 'copy', 'mkdir', 'symlink', 'hardlink', 'mknod', 'rename', 'exchange', 'remove'])

function checksOf(transition: Transition): readonly Check[] {
  const { name } = transition
  const check = (law: string, body: (scene: Scene, step: Step) => Promise<void>): Check => ({
    name: `${name}: ${law}`,
    run: (subject) => withScene(subject, async (scene) => body(scene, await prepared(scene, transition))),
  })
  return [
    {
      name: `${name}: preparing is invisible`,
      run: (subject) =>
        withScene(subject, async (scene) => {
          await scene.commit('made', scene.specOf(transition.start))
          const start = momentOf(scene)
          const to = await scene.wanted(scene.specOf(transition.goal))
          const step = await scene.prepare('step', to)
          same(settled(await scene.read()), settled(step.before), 'preparing must not change what is read')
          const touched = differences(start.outside, scene.outside(), exactness(scene, step)).filter((row) => !row.startsWith('+ '))
          none(touched, 'preparing must not change or remove what is there')
          none(missing(start.processes, scene.processes()), 'preparing must not end a process')
          standsAt(await scene.lookAt(step, 'quick'), 'before', 'look(quick) after preparing')
        }),
    },
    check('preparing says what it costs, and its outputs are those of the after side', async (scene, step) => {
      const { bytesHeld, losses, reversal, out } = step.prepared
      claim(Number.isFinite(bytesHeld) && bytesHeld >= 0, `bytesHeld must be a number of bytes, not ${bytesHeld}`)
      claim(['switch', 'restore', 'compensate', 'none'].includes(reversal), `reversal must be one of the four, not ${reversal}`)
      claim(
        losses.every((loss) => typeof loss === 'string' && loss !== ''),
        'losses must be texts that name what is lost',
      )
      claim((out === null) === (step.to === null), 'prepared.out must be null exactly when the after side is absence')
      await scene.turn(step, 'after')
      same((await scene.read())?.out ?? null, out, 'the outputs promised while preparing must be those that are read')
    }),
    check('after turn(after) it is what was wanted', async (scene, step) => {
      standsAt(await scene.turn(step, 'after'), 'after', 'turn(after)')
      same((await scene.read())?.state ?? null, step.to, 'read after turn(after)')
    }),
    check('turn(before) restores it exactly, also what the spec does not speak of', async (scene, step) => {
      await scene.turn(step, 'after')
      standsAt(await scene.turn(step, 'before'), 'before', 'turn(before)')
      same(settled(await scene.read()), settled(step.before), 'read after turn(before)')
    }),
    check('L9: each turn twice is once, and turn(before) of nothing is nothing', async (scene, step) => {
      standsAt(await scene.turn(step, 'before'), 'before', 'turn(before) before anything was turned')
      same(settled(await scene.read()), settled(step.before), 'turn(before) of nothing')
      for (const side of ['after', 'before'] as const) {
        await scene.turn(step, side)
        const once = { seen: settled(await scene.read()), outside: scene.outside(), processes: scene.processes() }
        standsAt(await scene.turn(step, side), side, `turn(${side}) again`)
        same(settled(await scene.read()), once.seen, `read after turn(${side}) again`)
        none(differences(once.outside, scene.outside(), exactness(scene, step)), `turn(${side}) again must change nothing`)
        same([...scene.processes()], [...once.processes], `turn(${side}) again must neither start nor end a process`)
      }
    }),
    check('L12: what was undone can be done again, and undone again', async (scene, step) => {
      await scene.turn(step, 'after')
      const after = settled(await scene.read())
      for (let round = 0; round < 2; round += 1) {
        standsAt(await scene.turn(step, 'before'), 'before', 'turn(before)')
        same(settled(await scene.read()), settled(step.before), 'undone again')
        standsAt(await scene.turn(step, 'after'), 'after', 'turn(after)')
        same(settled(await scene.read()), after, 'done again')
      }
    }),
    check('what a turn did to files is on disk when it resolves', async (scene, step) => {
      for (const side of ['after', 'before'] as const) {
        const mortal = mortalHands(scene.hands('step'))
        await scene.turn(step, side, mortal.hands)
        // In its room a provider may keep what it can do without (a cache).
        const outside = mortal.writes.filter(({ what }) => !what.includes(` ${mortal.hands.room}`))
        const verbs = outside.map(({ what }) => what.split(' ')[0] ?? '')
        const last = verbs.findLastIndex((verb) => NAMING.has(verb))
        const synced = verbs.findLastIndex((verb) => verb === 'sync')
        claim(last <= synced, `turn(${side}) must sync after its last ${verbs[last]}: a power cut would take it back`)
      }
    }),
    check('look says the side that is live, and that the other one is fit', async (scene, step) => {
      for (const side of ['before', 'after', 'before', 'after'] as const) {
        if (side !== 'before' || (await scene.lookAt(step, 'quick')).side !== 'before') await scene.turn(step, side)
        for (const depth of ['quick', 'full'] as const) {
          const stand = await scene.lookAt(step, depth)
          standsAt(stand, side, `look(${depth}) on ${side}`)
          claim(stand.standby === 'fit', `look(${depth}) on ${side}: the other side is untouched, so it is fit, not ${stand.standby}`)
          claim((stand.late ?? []).length === 0, `look(${depth}) on ${side}: nothing was written late, not ${String(stand.late)}`)
        }
      }
    }),
    {
      name: `${name}: undone and released, nothing is left over; released twice is once`,
      run: (subject) =>
        withScene(subject, async (scene) => {
          await scene.commit('made', scene.specOf(transition.start))
          const start = momentOf(scene)
          const step = await scene.prepare('step', await scene.wanted(scene.specOf(transition.goal)))
          await scene.turn(step, 'after')
          await scene.turn(step, 'before')
          for (let times = 0; times < 2; times += 1) {
            await scene.release(step)
            same(settled(await scene.read()), settled(step.before), 'releasing must not change the live side')
            none(leftovers(scene, start, exactness(scene, step)), 'undone and released, all must be as it was')
          }
        }),
    },
    {
      name: `${name}: prepared and never turned, released by memento, nothing is left over`,
      run: (subject) =>
        withScene(subject, async (scene) => {
          await scene.commit('made', scene.specOf(transition.start))
          const start = momentOf(scene)
          const step = await scene.prepare('step', await scene.wanted(scene.specOf(transition.goal)))
          await scene.release(step)
          same(settled(await scene.read()), settled(step.before), 'releasing what was never turned')
          none(leftovers(scene, start, exactness(scene, step)), 'released, all must be as it was')
        }),
    },
    check('kept and released, it stays as it was turned, and the next change works', async (scene, step) => {
      await scene.turn(step, 'after')
      const after = settled(await scene.read())
      await scene.release(step)
      await scene.release(step)
      same(settled(await scene.read()), after, 'releasing must not change the live side')
      const next = await scene.prepare('next', await scene.wanted(transition.goal === 'a' ? scene.specs.b : scene.specs.a))
      await scene.turn(next, 'after')
      same((await scene.read())?.state ?? null, next.to, 'the change after it')
      await scene.turn(next, 'before')
      same(settled(await scene.read()), after, 'the undo of the change after it')
    }),
    check('lasting outputs last', async (scene, step) => {
      await scene.turn(step, 'after')
      const [before, after] = [outOf(step.before?.out ?? null), outOf((await scene.read())?.out ?? null)]
      for (const output of scene.provider.lasting) {
        const known = [before, after].filter((out) => out !== null)
        for (const out of known) claim(out[output] !== undefined, `lasting names ${output}, which is no output`)
        if (before !== null && after !== null) same(after[output] ?? null, before[output] ?? null, `the lasting output ${output}`)
      }
    }),
  ]
}

/** The thing as the transition starts, and the step prepared. */
export async function prepared(scene: Scene, transition: Transition, key = 'step'): Promise<Step> {
  await scene.commit('made', scene.specOf(transition.start))
  return scene.prepare(key, await scene.wanted(scene.specOf(transition.goal)))
}

export function standsAt(stand: Stand, side: Stand['side'], when: string): void {
  claim(stand.side === side, `${when} must say ${side}, not ${stand.side}`)
}

function missing(before: readonly string[], after: readonly string[]): readonly string[] {
  return before.filter((row) => !after.includes(row))
}

function outOf(out: Json | null): { readonly [key: string]: Json } | null {
  return out === null || typeof out !== 'object' || Array.isArray(out) ? null : Object.fromEntries(Object.entries(out))
}
