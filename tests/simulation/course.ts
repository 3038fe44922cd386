// Owns: one seed: a course of events, and from every point of it what is found after a crash there, and how it ends.
// Never: asks the machine it runs on for time or chance.
import { faultOf } from '@understudy/contract'
import { apply, decideHeld, recover, rollback, withLease, loadStack } from '@understudy/engine'
import type { Ports } from '@understudy/engine'
import { makeIntent, plainOptions, plainRequest } from '@understudy/engine/testing'
import { judge } from './judge.ts'
import { fileOf, pass } from './machine.ts'
import { chanceFrom } from './random.ts'
import type { Chance } from './random.ts'
import { scenarioFrom, wishesOf } from './scenario.ts'
import type { Action, Scenario } from './scenario.ts'
import { cut, kill, newUniverse, STACK, startProcess, violated } from './universe.ts'
import type { Fate, Fates, Process, Universe } from './universe.ts'

export interface Found {
  readonly seed: number
  /** `ACTION`, or `ACTION.POINT` where a crash came after so many points. */
  readonly at: string
  readonly invariant: string
  readonly text: string
}

export interface Course {
  readonly schedules: number
  readonly crashes: number
  readonly found: readonly Found[]
}

const calm: Fates = () => 'ok'
const PASSES_MAX = 5_000

export interface CourseOptions {
  /** Of a seed, or made smaller. */
  readonly scenario: Scenario
  /** One crash, as `Found.at` names it; null: all. */
  readonly only: string | null
  readonly tell: (line: string) => void
}

export async function runCourse(seed: number, options: Partial<CourseOptions> = {}): Promise<Course> {
  return course(seed, options).catch((thrown: unknown) => {
    const text = thrown instanceof Error ? thrown.message : String(thrown)
    return { schedules: 1, crashes: 0, found: [{ seed, at: '', invariant: 'code', text }] }
  })
}

async function course(seed: number, options: Partial<CourseOptions>): Promise<Course> {
  const { scenario = scenarioOf(seed), only = null, tell = () => undefined } = options
  const chance = chanceFrom(seed, FAULTS)
  const universe = newUniverse(tell)
  const faulty = chance.once(2)
  const found: Found[] = []
  let [schedules, crashes] = [0, 0]
  const take = (from: Universe, at: string): void => {
    for (const { invariant, message } of from.violations.splice(0)) found.push({ seed, at, invariant, text: message })
  }
  for (const [index, action] of scenario.actions.entries()) {
    tell(`ACTION ${index} ${JSON.stringify(action)}`)
    const cuts: Universe[] = []
    const edit = chance.once(5) ? chance.below(60) : -1
    const pause = edit < 0 && chance.once(6) ? chance.below(60) : -1
    const more = edit < 0 && pause < 0 && chance.once(8) ? chance.below(60) : -1
    const others: Promise<void>[] = []
    let waiting: (() => void) | null = null
    const process = startProcess(universe, {
      fates: faulty ? fatesFrom(chance) : calm,
      parallelism: 1 + chance.below(3),
      onPoint(self) {
        if (self.dead) return
        cuts.push(cut(universe))
        if (cuts.length === edit) writeOutside(universe, scenario, chance)
        if (cuts.length === pause) self.paused = new Promise((resolve) => (waiting = resolve))
        if (cuts.length === more) others.push(besides(universe))
      },
    })
    schedules += 1
    const work = performed(universe, process, scenario, action, index, !faulty && edit < 0 && pause < 0)
    await drive(universe, work, () => waiting !== null)
    process.remote = waiting !== null && chance.once(3)
    if (waiting !== null) await takeOver(universe, process, waiting, work)
    for (const other of others) await drive(universe, other)
    kill(universe, process)
    const held = await settle(universe, chanceFrom(seed, FAULTS + index * 100_000), scenario, false)
    take(universe, `${index}`)
    for (const [point, fork] of cuts.entries()) {
      const at = `${index}.${point}`
      if (only !== null && only !== at) continue
      tell(`CRASH at ${at}`)
      schedules += 1
      crashes += 1 + (await crashed(fork, chanceFrom(seed, CRASHES + index * 100_000 + point), scenario))
      take(fork, at)
    }
    if (held || found.length > 0) break
  }
  return { schedules, crashes, found }
}

const [SCENARIO, FAULTS, CRASHES] = [1, 2, 3]

export function scenarioOf(seed: number): Scenario {
  return scenarioFrom(chanceFrom(seed, SCENARIO))
}

/** Where nothing fails and nobody interferes, what is asked for is done. */
function judgeCalm(universe: Universe, result: unknown): void {
  if (typeof result !== 'object' || result === null) return
  const { outcome, code, by } = { outcome: '', code: '', by: '', ...result }
  const good =
    /^(nothing|recorded|ended|undone|settled)$/.test(outcome) ||
    by === 'policy' ||
    /^rollback\.(no-resource|no-revision|closure|refers)$/.test(code)
  const failed = 'result' in result && JSON.stringify(result.result).includes('"outcome":"undone"')
  if (!good || failed) violated(universe, 'done', `nothing fails, and yet: ${JSON.stringify(result).slice(0, 300)}`)
}

/** Somebody else comes while the first one works, and is told so. */
async function besides(universe: Universe): Promise<void> {
  const process = startCalm(universe)
  await recover(process.ports).catch((thrown: unknown) => {
    if (faultOf(thrown).code !== 'lease.held') violated(universe, 'I5', JSON.stringify(faultOf(thrown)))
  })
  kill(universe, process)
}

function startCalm(universe: Universe): Process {
  return startProcess(universe, { fates: calm, parallelism: 2, onPoint: () => undefined })
}

/** What an action says is not judged, but where nothing interferes: what is there afterwards is. */
function performed(
  universe: Universe,
  { ports }: Process,
  scenario: Scenario,
  action: Action,
  index: number,
  calmly: boolean,
): Promise<void> {
  const said = (result: unknown): void => {
    if (calmly && universe.foreign.size === 0) judgeCalm(universe, result)
  }
  return perform(ports, scenario, action, index).then(said, (thrown: unknown) => said(faultOf(thrown)))
}

/** All that there is was found after a crash: it is recovered from, perhaps through more crashes and faults, until all is calm. */
async function crashed(universe: Universe, chance: Chance, scenario: Scenario): Promise<number> {
  const mode = chance.below(4)
  if (chance.once(8)) universe.time.wall += chance.pick([-3_600_000, 30 * 86_400_000])
  if (mode < 2) {
    await calmDown(universe, chance, scenario)
    return 0
  }
  const onPoint = mode === 2 ? dieAt(universe, chance.below(30)) : () => undefined
  const process = startProcess(universe, { fates: mode === 3 ? fatesFrom(chance) : calm, parallelism: 2, onPoint })
  await drive(universe, recover(process.ports), () => process.dead)
  const died = process.dead
  kill(universe, process)
  const later = died ? cut(universe) : universe
  await calmDown(later, chance, scenario)
  if (died) universe.violations.push(...later.violations)
  return died ? 1 : 0
}

/** Nothing fails any more: all that was begun ends; then the stack can be worked with. */
async function calmDown(universe: Universe, chance: Chance, scenario: Scenario): Promise<void> {
  const held = await settle(universe, chance, scenario, true)
  if (held || !chance.once(4)) return
  const process = startCalm(universe)
  const index = chance.below(scenario.actions.length)
  const action = chance.once(2) ? { act: 'undo' as const } : scenario.actions[index]
  if (action === undefined) return
  await drive(universe, performed(universe, process, scenario, action, index, true))
  kill(universe, process)
  await settle(universe, chance, scenario, false)
}

function dieAt(universe: Universe, at: number): (process: Process) => void {
  let points = 0
  return (process) => {
    if (points === at) kill(universe, process)
    points += 1
  }
}

/** Nothing fails any more: all that was begun ends, and ending it twice is ending it once (I8). True where a person has to decide. */
async function settle(universe: Universe, chance: Chance, scenario: Scenario, twice: boolean): Promise<boolean> {
  const step = async (work: (ports: Ports) => Promise<unknown>): Promise<void> => {
    const process = startCalm(universe)
    const done = work(process.ports).catch((thrown: unknown) => {
      violated(universe, 'I11', `after all faults: ${JSON.stringify(faultOf(thrown))}`)
    })
    await drive(universe, done)
    kill(universe, process)
  }
  await step((ports) => recover(ports))
  if (await isHeld(universe))
    await step((ports) =>
      withLease(ports, 'recover', (writable) => decideHeld(writable, { resume: true, skip: [], force: [], abandon: false })),
    )
  const stays = await judge(universe, scenario)
  if (twice && !stays && chance.once(4)) {
    const [entries, writes] = [universe.log.length, universe.machine.writes]
    await step((ports) => recover(ports))
    if (universe.log.length !== entries || universe.machine.writes !== writes) violated(universe, 'I8', 'a second recovery did something')
  }
  return stays
}

async function isHeld({ store }: Universe): Promise<boolean> {
  return Object.values((await loadStack(store, STACK)).changes).some(({ phase }) => phase === 'held')
}

/** The writer is paused past its lease; somebody else recovers; then it comes back. */
async function takeOver(universe: Universe, process: Process, go: () => void, work: Promise<void>): Promise<void> {
  const until = universe.time.monotonic + 20_000
  while (universe.time.monotonic < until && pass(universe.time)) await quiet()
  universe.time.monotonic = Math.max(universe.time.monotonic, until)
  const other = startCalm(universe)
  await drive(universe, recover(other.ports))
  process.paused = null
  go()
  await drive(universe, work, () => process.dead)
  kill(universe, other)
}

function fatesFrom(chance: Chance): Fates {
  const often = chance.pick([10, 25, 60])
  return (verb) => {
    if (!chance.once(often)) return 'ok'
    if (verb === 'append') return 'passes'
    const fates: readonly Fate[] =
      verb === 'turn' ? ['fails', 'passes', 'lost', 'hangs', 'slow', 'lies', 'fades'] : ['fails', 'passes', 'lost', 'hangs', 'slow']
    return chance.pick(fates)
  }
}

function writeOutside(universe: Universe, { resources }: Scenario, chance: Chance): void {
  const path = `p/${chance.pick(resources).name}`
  const text = `outside ${universe.ids} ${universe.machine.inode}`
  const was = universe.machine.live.get(path)
  const made = fileOf(universe.machine, text)
  universe.machine.live.set(path, chance.once(2) && was !== undefined ? { ...made, inode: was.inode } : made)
  universe.foreign.set(path, text)
}

async function perform(ports: Ports, scenario: Scenario, action: Action, index: number): Promise<unknown> {
  const message = `asked ${index}`
  const state = await loadStack(ports.store, STACK)
  const head = state.revisions.at(-1)?.n ?? 0
  const undo = { only: [], withClosure: true, resolve: null, acceptLoss: [], acceptIrreversible: [], why: 'asked for' }
  switch (action.act) {
    case 'apply':
    case 'destroy': {
      const wanted = action.act === 'apply' ? wishesOf(scenario, action.wanted) : {}
      const intent = makeIntent(ports.store, STACK, wanted, { askAt: 1000, refuseAt: 1000 })
      return apply(ports, plainRequest(intent, '/', { destroy: action.act === 'destroy' }), { ...plainOptions, message })
    }
    case 'undo':
      return rollback(ports, { ...undo, to: null, message: '' })
    case 'undo to':
      return rollback(ports, { ...undo, to: Math.max(0, head - action.back), message: '' })
    case 'undo one':
      return rollback(ports, { ...undo, to: null, only: [{ resource: action.name, pointer: null }], message: `one ${action.name}` })
    default:
      return action satisfies never
  }
}

/** Until the work has ended, well or badly, or `stop` says so. Time passes where nothing else does. */
async function drive(universe: Universe, work: Promise<unknown>, stop: () => boolean = () => false): Promise<void> {
  let done = false
  const end = (): void => void (done = true)
  void work.then(end, end)
  for (let passes = 0; passes < PASSES_MAX;) {
    await quiet()
    if (done || stop()) return
    if (!pass(universe.time)) return violated(universe, 'I11', 'it waits for nothing')
    passes += 1
  }
  violated(universe, 'I11', 'it does not end')
}

function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
