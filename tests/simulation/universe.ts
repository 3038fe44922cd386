// Owns: one course of events: machine, store, time, processes that work on them, and what must hold of every effect.
// Never: lets a process that has died do anything more.
import { isObject } from '@understudy/contract'
import type { Digest, Fault, Hands, Json, Look, Side } from '@understudy/contract'
import { createMemoryStore } from '@understudy/engine'
import type { Holder, MemoryStore, Plan, Ports, Store } from '@understudy/engine'
import { after, copyMachine, newMachine, newTime, simFault, textOf } from './machine.ts'
import type { Machine, Time } from './machine.ts'
import { simulatedKinds } from './kinds.ts'

export const STACK = 's'

/** What becomes of one effect. */
export type Fate = 'ok' | 'fails' | 'passes' | 'lost' | 'hangs' | 'slow' | 'lies' | 'fades'

/** Decides what becomes of the next effect of this verb. */
export type Fates = (verb: string) => Fate

export class Violation extends Error {
  readonly invariant: string
  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`)
    this.invariant = invariant
  }
}

export interface Universe {
  readonly machine: Machine
  readonly store: MemoryStore
  readonly time: Time
  /** Bodies of the stack's log, as they are durable. */
  readonly log: Body[]
  readonly plans: Map<string, Plan>
  /** Which steps of a change were turned and are not back, as the machine saw it. */
  readonly turned: Map<string, Set<string>>
  /** Paths that somebody tried to turn, since the last entry that says what is turned. */
  readonly tried: Set<string>
  /** Paths that somebody outside wrote to, and what. */
  readonly foreign: Map<string, string>
  readonly processes: Set<number>
  readonly violations: Violation[]
  /** What was written, answered for, and will be gone in so many points. */
  readonly fading: { points: number; readonly undo: () => void }[]
  /** The log took nothing the last time. */
  full: boolean
  /** For who looks into one course. */
  readonly tell: (line: string) => void
  epoch: number
  ids: number
  pids: number
}

export interface Body {
  readonly type: string
  readonly [key: string]: Json
}

export function newUniverse(tell: (line: string) => void = () => undefined): Universe {
  const time = newTime()
  const rest = {
    log: [],
    plans: new Map(),
    turned: new Map(),
    tried: new Set<string>(),
    foreign: new Map(),
    processes: new Set<number>(),
    violations: [],
    fading: [],
    full: false,
    tell,
  }
  return { machine: newMachine(), store: createMemoryStore({ clock: clockOf(time) }), time, ...rest, epoch: 0, ids: 0, pids: 0 }
}

/** What is found after all processes have died and what was not durable is gone. */
export function cut(universe: Universe): Universe {
  const { machine, store, time, log, plans, turned, tried, foreign, tell, epoch, ids, pids } = universe
  const later: Time = { monotonic: time.monotonic, wall: time.wall, timers: [] }
  return {
    machine: copyMachine(machine),
    store: store.cut(clockOf(later)),
    time: later,
    log: [...log],
    plans: new Map(plans),
    turned: new Map([...turned].map(([change, steps]) => [change, new Set(steps)])),
    tried: new Set(tried),
    foreign: new Map(foreign),
    processes: new Set(),
    violations: [],
    fading: [],
    full: false,
    tell,
    epoch,
    ids,
    pids,
  }
}

function clockOf(time: Time) {
  return { now: () => time.monotonic + time.wall, monotonic: () => time.monotonic }
}

export interface Process {
  readonly pid: number
  readonly ports: Ports
  /** True from its death on: nothing it does has an effect, and nothing it waits for comes. */
  dead: boolean
  /** On a host of its own: nobody can end it from here, and machines refuse what comes from an older holder of the lease. */
  remote: boolean
  /** Everything it does waits for this. */
  paused: Promise<void> | null
}

export interface ProcessOptions {
  readonly fates: Fates
  /** Called before and after each effect and each write to the log. */
  readonly onPoint: (process: Process) => void
  readonly parallelism: number
}

/** What a process does with the machine: chance, death and the rules come in here. */
export interface Effect {
  readonly path: string
  readonly verb: 'fork' | 'close' | 'prepare' | 'turn' | 'release'
  readonly side?: Side
  readonly call: Hands
  readonly write: () => void
}

export function startProcess(universe: Universe, options: ProcessOptions): Process {
  const { time } = universe
  universe.pids += 1
  const pid = universe.pids
  universe.processes.add(pid)
  const self: Holder = { who: 'sim', host: 'h', boot: 'b', pid, start: pid, doing: '' }
  const never = (): Promise<never> => new Promise(() => undefined)
  const running = processesOf(universe)
  const point = async (): Promise<void> => {
    await alive()
    fade(universe)
    options.onPoint(process)
    await alive()
  }
  const alive = async (): Promise<void> => {
    if (process.paused !== null) await process.paused
    if (process.dead) await never()
  }
  const effect = async ({ path, verb, side, call, write }: Effect): Promise<void> => {
    await point()
    const fate = options.fates(verb)
    if (verb === 'turn') universe.tried.add(path)
    universe.tell(`${pid} ${verb} ${path} ${side ?? ''} ${fate}`)
    if (call.signal.aborted) throw cancelled()
    if (fate === 'fails') throw simFault('sim.refused', 'forbidden')
    if (fate === 'passes') throw simFault('sim.busy', 'transient')
    if (fate === 'slow') await new Promise<void>((resolve) => void after(time, 500, resolve))
    if (fate === 'hangs') await aborted(call)
    await alive()
    if (process.remote && call.epoch < universe.epoch) throw simFault('sim.stale', 'conflict')
    if (fate !== 'lies') {
      judge(universe, { path, verb, ...(side === undefined ? {} : { side }), key: call.key, epoch: call.epoch })
      universe.machine.writes += 1
      const undo = asItIs(universe.machine, path, call.key)
      write()
      if (fate === 'fades') universe.fading.push({ points: 3, undo })
      if (verb === 'turn') markTurned(universe, call.key, side ?? 'after')
    }
    await point()
    if (fate === 'lost') throw simFault('sim.no-answer', 'outcome-unknown')
  }
  const ports: Ports = {
    kinds: new Map(simulatedKinds(universe.machine, effect).map((kind) => [kind.kind, kind])),
    stack: STACK,
    store: watched(universe, point, alive, options.fates),
    unusable: {},
    clock: clockOf(time),
    newId: (prefix) => {
      universe.ids += 1
      return `${prefix}${universe.ids}`
    },
    uptimeMs: () => time.monotonic,
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        const stop = after(time, ms, resolve)
        signal.addEventListener('abort', () => (stop(), reject(new Error('aborted'))), { once: true })
      }),
    deadline: (ms) => {
      const controller = new AbortController()
      after(time, ms, () => controller.abort())
      return controller.signal
    },
    every(ms, body) {
      let stopped = false
      const again = (): void => void after(time, ms, () => void (stopped || process.dead || body().then(again)))
      again()
      return () => void (stopped = true)
    },
    async lockEffects() {
      await alive()
      const ended = [...running].filter((one) => one !== process && !one.dead && !one.remote)
      for (const one of ended) kill(universe, one)
      return { ended: ended.map((one) => one.pid), share: () => ({ fd: 0, end: () => undefined }), free: () => undefined }
    },
    openEffects: () => nothingReal,
    reserve: { keep: () => undefined, free: () => undefined },
    rooms: '/rooms',
    signal: new AbortController().signal,
    emit: () => undefined,
    by: { who: 'sim', host: 'h', through: 'cli' },
    self,
    gone: ({ pid: other }) => !universe.processes.has(other),
    parallelism: options.parallelism,
  }
  const process: Process = { pid, ports, dead: false, remote: false, paused: null }
  running.add(process)
  return process
}

const all = new WeakMap<Universe, Set<Process>>()

function processesOf(universe: Universe): Set<Process> {
  const known = all.get(universe) ?? new Set()
  all.set(universe, known)
  return known
}

export function kill(universe: Universe, process: Process): void {
  process.dead = true
  universe.processes.delete(process.pid)
}

function aborted({ signal }: Look): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(cancelled()), { once: true }))
}

function cancelled(): Fault {
  return simFault('step.cancelled', 'outcome-unknown')
}

const gone = () => ({ close: () => undefined, remove: () => undefined })

/** Simulated kinds write to the machine only; the engine itself makes and removes rooms. */
const nothingReal = {
  reads: {},
  effects: { fs: { ensure: () => undefined, open: gone } },
} as unknown as ReturnType<Ports['openEffects']>

function fade({ fading }: Universe): void {
  for (const one of fading.splice(0)) {
    one.points -= 1
    if (one.points > 0) fading.push(one)
    else one.undo()
  }
}

/** Puts back what stands under a path and beside it now. */
function asItIs({ live, beside }: Machine, path: string, key: string): () => void {
  const slot = `${path}!${key}`
  const [file, other] = [live.get(path), beside.get(slot)]
  return () => {
    if (file === undefined) live.delete(path)
    else live.set(path, file)
    if (other !== undefined) beside.set(slot, other)
  }
}

/** The store as a process sees it: a point before and after each append, nothing at all after its death. */
function watched(universe: Universe, point: () => Promise<void>, alive: () => Promise<void>, fates: Fates): Store {
  const { store } = universe
  return {
    objects: store.objects,
    async append(stream, epoch, expectedSeq, bodies) {
      if (stream !== STACK) {
        await point()
        return store.append(stream, epoch, expectedSeq, bodies)
      }
      await point()
      universe.full = fates('append') === 'passes'
      if (universe.full) throw simFault('store.busy', 'transient')
      const entries = await store.append(stream, epoch, expectedSeq, bodies)
      for (const body of bodies) await note(universe, body)
      await point()
      return entries
    },
    async entries(...args) {
      await alive()
      return store.entries(...args)
    },
    async head(stream) {
      await alive()
      return store.head(stream)
    },
    async streams(prefix) {
      await alive()
      return store.streams(prefix)
    },
    async dropStream(stream) {
      await point()
      return store.dropStream(stream)
    },
    send: (...args) => store.send(...args),
    inbox: (...args) => store.inbox(...args),
    async takeLease(...args) {
      await point()
      return store.takeLease(...args)
    },
    async renewLease(...args) {
      await alive()
      return store.renewLease(...args)
    },
    async freeLease(...args) {
      await point()
      return store.freeLease(...args)
    },
    leaseOf: (stack) => store.leaseOf(stack),
    close: () => Promise.resolve(),
  }
}

async function note(universe: Universe, body: Json): Promise<void> {
  if (!isObject(body) || typeof body['type'] !== 'string') return
  const entry: Body = { ...body, type: body['type'] }
  universe.log.push(entry)
  universe.tell(JSON.stringify(entry))
  const change = typeof entry['change'] === 'string' ? entry['change'] : ''
  if (entry.type === 'change.begun') {
    const bytes = await universe.store.objects.get(entry['plan'] as Digest)
    universe.plans.set(change, JSON.parse(Buffer.from(bytes).toString('utf8')) as Plan)
    universe.turned.set(change, new Set())
  }
  if (entry.type === 'turning') universe.tried.clear()
  if (entry.type === 'change.committed') judgeClaim(universe, change, 'after')
}

/** I12: what is said to be verified is there. */
function judgeClaim(universe: Universe, change: string, side: Side): void {
  for (const { step, from, to, path } of preparedOf(universe, change)) {
    const wanted = side === 'after' ? to : from
    const live = universe.machine.live.get(path)
    const text = live === undefined ? null : textOf(live)
    if (text === wanted || universe.foreign.has(path)) continue
    violated(universe, 'I12', `${change} is said to be ${side}, and ${step} is ${text} instead of ${wanted}`)
  }
}

interface PreparedText {
  readonly step: string
  readonly key: string
  readonly path: string
  readonly from: string | null
  readonly to: string | null
}

/** Prepared steps of a change, as its log says. */
export function preparedOf({ log, plans }: Universe, change: string): readonly PreparedText[] {
  const plan = plans.get(change)
  return log.flatMap((entry) => {
    if (entry.type !== 'step.prepared' || entry['change'] !== change) return []
    const step = wordIn(entry['step'])
    const part = plan?.steps.find(({ name }) => name === step)?.part
    const path = isObject(part) ? wordIn(part['path']) : ''
    const text = (state: Json | undefined): string | null => (isObject(state) ? wordIn(state['text']) : null)
    return [{ step, key: wordIn(entry['key']), path, from: text(entry['from']), to: text(entry['to']) }]
  })
}

function wordIn(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function violated(universe: Universe, invariant: string, text: string): void {
  universe.tell(`VIOLATION ${invariant} ${text}`)
  universe.violations.push(new Violation(invariant, text))
}

interface Judged {
  readonly path: string
  readonly verb: string
  readonly side?: Side
  readonly key: string
  readonly epoch: number
}

/** What must hold before an effect on the primary. */
function judge(universe: Universe, { path, verb, side, key, epoch }: Judged): void {
  if (!path.startsWith('p/')) return
  if (verb === 'fork' || verb === 'close') return violated(universe, 'I13', `${verb} wrote to ${path}`)
  if (epoch < universe.epoch) violated(universe, 'I5', `${verb} of ${path} by epoch ${epoch}, after one of ${universe.epoch}`)
  universe.epoch = Math.max(universe.epoch, epoch)
  const began = universe.log.findLast((entry) => entry.type === 'step.preparing' && entry['key'] === key)
  if (began === undefined) return violated(universe, 'I1', `${verb} of ${path} with ${key}, of which the log says nothing`)
  if (verb !== 'turn') return
  const [change, step] = [wordIn(began['change']), wordIn(began['step'])]
  const prepared = universe.log.some((entry) => entry.type === 'step.prepared' && entry['key'] === key)
  if (!prepared) violated(universe, 'I1', `${step} is turned and what was before is not in the log`)
  const said = universe.log.filter((entry) => entry.type === 'turning' && entry['change'] === change)
  const names = (entry: Body | undefined): boolean => Array.isArray(entry?.['steps']) && entry['steps'].includes(step)
  // Back is where recovery would go, too: on a full disk that need not be said again.
  const last = said.at(-1)
  if (universe.full && side === 'before' ? !said.some(names) : !(last?.['to'] === side && names(last)))
    violated(universe, 'I1', `${step} is turned to ${side} and the log does not say so`)
  judgeOrder(universe, change, step, side ?? 'after')
}

/** I6: what others rest on goes first, and back last; what could not go back does not keep the others from it. */
function judgeOrder(universe: Universe, change: string, step: string, side: Side): void {
  const steps = universe.plans.get(change)?.steps ?? []
  const done = universe.turned.get(change) ?? new Set()
  const prepared = preparedOf(universe, change)
  const pathOf = (name: string): string => prepared.find((one) => one.step === name)?.path ?? ''
  if (side === 'after') {
    const needs = steps.find(({ name }) => name === step)?.after ?? []
    const early = needs.filter((name) => pathOf(name) !== '' && !done.has(name) && !universe.foreign.has(pathOf(name)))
    if (early.length > 0) violated(universe, 'I6', `${step} is turned before ${early.join(', ')}`)
    return
  }
  const users = steps.filter(({ name, after: needs }) => needs.includes(step) && done.has(name)).map(({ name }) => name)
  const late = users.filter((name) => !universe.tried.has(pathOf(name)) && !universe.foreign.has(pathOf(name)))
  if (late.length > 0) violated(universe, 'I6', `${step} goes back before ${late.join(', ')}`)
}

/** What really was turned: a write that met somebody else's did nothing. */
function markTurned({ log, turned }: Universe, key: string, side: Side): void {
  const began = log.findLast((entry) => entry.type === 'step.preparing' && entry['key'] === key)
  const done = turned.get(wordIn(began?.['change']))
  if (side === 'after') done?.add(wordIn(began?.['step']))
  else done?.delete(wordIn(began?.['step']))
}
