// Owns: one fresh bench with the subject on it, and the moves that checks are made of, as the engine would make them.
// Never: decides what is right; that is the checks' business.
import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { equal } from '../json.ts'
import type { Json } from '../json.ts'
import type { At, Hands, Look, Prepared, Seen, Side, Stand } from '../provider.ts'
import type { Bench } from './bench.ts'
import { claim, same } from './claim.ts'
import { watchProcesses } from './living.ts'
import type { Watch } from './living.ts'
import type { PlainProvider } from './plain-provider.ts'
import { differences, snapshot } from './snapshot.ts'
import type { Depth, Snapshot } from './snapshot.ts'
import type { Spoil, SpecSource, Edit } from './subject.ts'

/** A subject with its types closed over. */
export interface Case {
  readonly provider: PlainProvider
  readonly stage: () => Bench | Promise<Bench>
  readonly specs: { readonly a: SpecSource; readonly b: SpecSource; readonly c: SpecSource | null }
  readonly touch: Edit
  readonly appear: Edit | null
  readonly touchOff: ((bench: Bench, at: At<Json>, memento: Json) => void | Promise<void>) | null
  readonly forbid: Spoil | null
  readonly unknown: Spoil | null
  readonly sizes: { readonly small: readonly [SpecSource, SpecSource]; readonly large: readonly [SpecSource, SpecSource] } | null
  readonly secretSpec: ((bench: Bench) => Promise<{ readonly spec: Json; readonly text: string }>) | null
  readonly ignores: (path: string) => boolean
  readonly killPointsMax: number
  readonly timeoutMs: number
  readonly flags: Readonly<Record<string, string>>
}

export const PRIMARY = 'primary'
/** Where sources are frozen; nothing else happens there. */
export const PLANNING = 'planning'
export const ID = 'thing'

/** A change of the thing: what stands at the start, and what shall stand. */
export interface Transition {
  readonly name: 'create' | 'change' | 'delete'
  readonly start: 'a' | 'b' | null
  readonly goal: 'a' | 'b' | null
}

export const transitions: readonly Transition[] = [
  { name: 'create', start: null, goal: 'a' },
  { name: 'change', start: 'a', goal: 'b' },
  { name: 'delete', start: 'b', goal: null },
]

export type View = Seen<Json, Json> | null

/** A step that is prepared, with what stood before it. */
export interface Step {
  readonly key: string
  readonly before: View
  readonly to: Json | null
  readonly prepared: Prepared<Json, Json>
}

export interface Scene {
  readonly bench: Bench
  readonly provider: PlainProvider
  readonly at: At<Json>
  /** Frozen, parsed. */
  readonly specs: { readonly a: Json; readonly b: Json; readonly c: Json | null }
  look(): Look
  hands(key: string): Hands
  read(): Promise<View>
  /** The state that a spec asks for; null for null. */
  wanted(spec: Json | null): Promise<Json | null>
  specOf(side: 'a' | 'b' | null): Json | null
  prepare(key: string, to: Json | null, hands?: Hands): Promise<Step>
  turn(step: Step, to: Side, hands?: Hands): Promise<Stand>
  lookAt(step: Step, depth: 'quick' | 'full'): Promise<Stand>
  release(step: Step, hands?: Hands): Promise<void>
  /** Prepares, turns to after and releases: as a change long past. Nothing happens where it stands so already. */
  commit(key: string, spec: Json | null): Promise<void>
  /** What is on the bench outside of rooms. */
  outside(): Snapshot
  /** What is in the bench's folder and the rooms in it. */
  everything(): Snapshot
  /** Living processes, as text, sorted. */
  processes(): readonly string[]
  /** The same thing in another world, whose part is this. */
  elsewhere(world: string, part: Json): Scene
}

/** Puts the subject on a fresh bench, and closes it whatever happens. */
export async function withScene<T>(subject: Case, body: (scene: Scene) => Promise<T>): Promise<T> {
  return onBench(subject, async (bench, watch) => body(await openScene(subject, bench, watch)))
}

/** A fresh bench, closed whatever happens. What a failed check leaves running must not hide why it failed. */
export async function onBench<T>(subject: Case, body: (bench: Bench, watch: Watch) => Promise<T>): Promise<T> {
  const bench = await subject.stage()
  const watch = watchProcesses(bench.dir, () => bench.processes?.() ?? [])
  const close = async (): Promise<void> => {
    await watch.endAll()
    await bench.close()
  }
  let result: T
  try {
    result = await body(bench, watch)
  } catch (thrown) {
    await close().catch(() => undefined)
    throw thrown
  }
  await close()
  return result
}

export async function openScene(subject: Case, bench: Bench, watch: Watch): Promise<Scene> {
  const { provider } = subject
  const { a: sourceA, b: sourceB, c: sourceC } = subject.specs
  const a = await specFrom(provider, sourceA, bench, 'a')
  const b = await specFrom(provider, sourceB, bench, 'b')
  const c = sourceC === null ? null : await specFrom(provider, sourceC, bench, 'c')
  const home = provider.home(a)
  same(provider.home(b), home, 'specs a and b of a subject must have one home')
  // Known from the start: a room may be made at any time, and never counts.
  const rooms = new Set([PLANNING, PRIMARY].map((world) => bench.look(world, ID).room))
  return makeScene({ subject, bench, watch, specs: { a, b, c }, rooms }, { world: PRIMARY, id: ID, part: home })
}

/** A spec as the planner would have it: written, parsed, frozen, parsed again. */
export async function specFrom(provider: PlainProvider, source: SpecSource, bench: Bench, name: string): Promise<Json> {
  const written = typeof source === 'function' ? await source(bench) : source
  const issues = provider.issues('spec', written)
  claim(issues === null, `spec ${name} of the subject must parse: ${issues?.join('; ') ?? ''}`)
  const parsed = provider.parseSpec(written)
  if (provider.source === null) return parsed
  return provider.parseSpec(await provider.source.freeze(parsed, bench.dir, bench.hands(PLANNING, ID, `freeze-${name}`)))
}

interface Ground {
  readonly subject: Case
  readonly bench: Bench
  readonly watch: Watch
  readonly specs: Scene['specs']
  /** Rooms met so far; left out of what counts as outside. */
  readonly rooms: Set<string>
}

function makeScene(ground: Ground, at: At<Json>): Scene {
  const { subject, bench, watch, specs, rooms } = ground
  const { provider } = subject
  const noted = <T extends Look>(call: T): T => {
    rooms.add(call.room)
    return call
  }
  const inRoom = (path: string): boolean => [...rooms].some((room) => `${bench.dir}/${path}/`.startsWith(`${room}/`))
  const aboveRoom = (path: string): boolean => [...rooms].some((room) => room.startsWith(`${bench.dir}/${path}/`))
  const scene: Scene = {
    bench,
    provider,
    at,
    specs,
    look: () => noted(bench.look(at.world, at.id)),
    hands: (key) => noted(bench.hands(at.world, at.id, key)),
    read: () => provider.read(at, null, scene.look()),
    async wanted(spec) {
      return spec === null ? null : (await provider.want(at, spec, scene.look())).state
    },
    specOf: (side) => (side === null ? null : specs[side]),
    async prepare(key, to, hands = scene.hands(key)) {
      const before = await scene.read()
      return { key, before, to, prepared: await provider.prepare(at, before?.state ?? null, to, hands) }
    },
    turn: (step, to, hands = scene.hands(step.key)) => provider.turn(at, step.prepared.memento, to, hands),
    lookAt: (step, depth) => provider.look(at, step.prepared.memento, depth, scene.look()),
    release: (step, hands = scene.hands(step.key)) => provider.release(at, step.prepared.memento, hands),
    async commit(key, spec) {
      const to = await scene.wanted(spec)
      const from = (await scene.read())?.state ?? null
      if (from === null ? to === null : to !== null && equal(from, to)) return
      const step = await scene.prepare(key, to)
      const stand = await scene.turn(step, 'after')
      claim(stand.side === 'after', `turn(after) must end on after, not on ${stand.side}`)
      await scene.release(step)
    },
    outside: () => snapshot(bench.dir, (path) => inRoom(path) || aboveRoom(path) || subject.ignores(path)),
    everything() {
      const found = new Map(snapshot(bench.dir, subject.ignores))
      for (const room of [...rooms].filter((path) => relative(bench.dir, path).startsWith('..') && existsSync(path))) {
        for (const [path, entry] of snapshot(room, subject.ignores)) found.set(`${room}/${path}`, entry)
      }
      return found
    },
    processes: () => watch.living().map(({ pid, start }) => `${pid} since ${start}`),
    elsewhere: (world, part) => makeScene(ground, { world, id: at.id, part }),
  }
  return scene
}

/** What a view says, apart from what changes by itself. */
export function settled(view: View): Json {
  return view === null ? null : { state: view.state, out: view.out, unmanaged: view.unmanaged }
}

/** How exactly the ground must be as it was: a side kept whole is the same file; data shared by both sides may lie otherwise. */
export function exactness(scene: Scene, step: Step | null): Depth {
  if (scene.provider.prepares(scene.specs.a) === 'in-place') return 'names'
  return step === null || step.prepared.reversal === 'switch' ? 'times' : 'content'
}

/** How a bench stood at some moment, apart from rooms. */
export interface Moment {
  readonly outside: Snapshot
  readonly processes: readonly string[]
}

export function momentOf(scene: Scene): Moment {
  return { outside: scene.outside(), processes: scene.processes() }
}

/** What is on the bench now that was not there, or is not as it was. Where a side is not kept whole, a process may be another one. */
export function leftovers(scene: Scene, start: Moment, depth: Depth): readonly string[] {
  const processes = scene.processes()
  const came = processes.filter((process) => !start.processes.includes(process))
  const went = start.processes.filter((process) => !processes.includes(process))
  const replaced = depth !== 'times' && came.length === went.length
  return [
    ...differences(start.outside, scene.outside(), depth),
    ...(replaced ? [] : [...came.map((process) => `+ process ${process}`), ...went.map((process) => `- process ${process}`)]),
  ]
}
