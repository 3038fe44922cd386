// Owns: starting and ending one instance. Its record is durable before the process is started and after; in between it
// is found by its mark. Whoever ends it finds it either way.
// Never: decides which instance is the live one.
import { isAbsolute, join } from 'node:path'
import type { Fault, FoundProcess, Hands, Look } from '@understudy/contract'
import { codePath, materialise } from './code.ts'
import { urlOf, waitUntilUp } from './health.ts'
import { portOwner } from './port-owner.ts'
import { ensureLogs, logPath, logTail, writeRecord } from './room.ts'
import type { InstanceRecord } from './room.ts'
import { serviceFault } from './service-fault.ts'
import { MARK } from './spec.ts'
import type { ServicePart, ServiceState } from './spec.ts'

const PORT_TRIES = 4 // a free port can be lost between asking and listening; twice in a row is rare, four times is a cause
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const TAKEN = /EADDRINUSE|address (is )?already in use/i
const END_POLL_MS = 20
const DYING_MS = 500 // the kernel takes about a millisecond from the last sign of life to closing the sockets
const KILL_WAIT_MS = 5_000 // a killed process goes at once unless it hangs in the kernel
const LATE_EXEC_MS = 50 // a process forked just before its starter was killed shows its mark only after exec

/** Name of the instance that a step makes. */
export function instanceName(key: string, call: Look): string {
  return call.name(Buffer.from(key)).slice(2, 26)
}

export function newInstance(state: ServiceState, name: string, heldBy: string, port: number, call: Look): InstanceRecord {
  const mark = call.name(Buffer.from(`${call.room}\0${name}`)).slice(2, 42)
  return { name, mark, port, phase: 'down', id: null, starts: 0, startedAt: 0, heldBy: [heldBy], state }
}

/** The port that a new instance gets. */
export async function choosePort(part: ServicePart, state: ServiceState, call: Look): Promise<number> {
  return isFree(part, state) ? call.fx.net.freePort(state.host) : fixedPort(state)
}

function isFree(part: ServicePart, state: ServiceState): boolean {
  return state.port === 'auto' || part.ports === 'free'
}

function fixedPort({ port }: ServiceState): number {
  if (port === 'auto') throw new Error('a port that is not fixed was asked for')
  return port
}

export interface Starting {
  /** What it is known by must stay (it was up before, somebody refers to it); else another free port is tried when its own was lost. */
  readonly keepPort: boolean
  /** `answer`: to its health check. `life`: it is a copy of one that does not answer, or that one itself: living is enough. */
  readonly until: 'answer' | 'life'
}

/** Starts it and waits until it is up. When it does not come up it is ended again. */
export async function start(part: ServicePart, instance: InstanceRecord, how: Starting, call: Hands): Promise<InstanceRecord> {
  if (instance.state.code !== null) await materialise(instance.state.code, instance.state.user, call)
  ensureLogs(call)
  let next = instance
  for (let tries = 1; ; tries += 1) {
    const outcome = await startOnce(next, how.until, call)
    if ('up' in outcome) return outcome.up
    if (!outcome.portTaken || how.keepPort || tries >= PORT_TRIES || !isFree(part, next.state)) throw outcome.fault
    next = { ...outcome.down, port: await call.fx.net.freePort(next.state.host) }
  }
}

/** @throws Fault `service.port-taken` (conflict) when somebody else listens where it is to listen. */
export async function refuseTaken({ state, port }: InstanceRecord, call: Hands): Promise<void> {
  if (!(await staysTaken(state.host, port, call))) return
  throw serviceFault(
    'service.port-taken',
    `${urlOf(state.host, port).slice('http://'.length)}: ${await portOwner(port, call)} listens there.`,
  )
}

type Started = { readonly up: InstanceRecord } | { readonly fault: Fault; readonly portTaken: boolean; readonly down: InstanceRecord }

async function startOnce(instance: InstanceRecord, until: Starting['until'], call: Hands): Promise<Started> {
  const { state, name, port } = instance
  const where = urlOf(state.host, port).slice('http://'.length)
  const taken = (why: string, down: InstanceRecord): Started => ({
    fault: serviceFault('service.port-taken', `${where}: ${why}`),
    portTaken: true,
    down,
  })
  // Whoever answers there now would be taken for ours by the health check.
  if (await staysTaken(state.host, port, call)) return taken(`${await portOwner(port, call)} listens there.`, instance)
  const starting: InstanceRecord = { ...instance, phase: 'starting', id: null, starts: instance.starts + 1, startedAt: call.fx.time.now() }
  writeRecord(call, starting)
  const { argv, options, secrets } = await commandOf(starting, call)
  const id = await call.fx.process.spawn(argv, options)
  const running: InstanceRecord = { ...starting, id }
  writeRecord(call, running)
  let outcome: Awaited<ReturnType<typeof waitUntilUp>>
  try {
    outcome = await waitUntilUp(until === 'answer' ? running : { ...running, state: { ...state, health: null } }, id, call)
  } catch (error) {
    // Cancelled: there is no time to wait for it, but it must not stay either.
    for (const each of marked(running, call)) call.fx.process.signal(each, 'SIGKILL')
    throw error
  }
  if (outcome === 'up') return { up: nowUp(running, call) }
  const down = await end(running, call)
  const tail = blanked(logTail(call, name, starting.starts), secrets)
  const last = tail === '' ? 'It wrote nothing.' : `Its last lines:\n${tail}`
  if (outcome !== 'exited') {
    const { health } = state
    const detail = `${where}: ${outcome.detail} after ${health?.startWithinMs ?? 0} ms. ${last}`
    return { fault: serviceFault('service.unhealthy', detail), portTaken: false, down }
  }
  if (TAKEN.test(tail) || (await call.fx.net.accepts(state.host, port, 1_000))) return taken(last, down)
  return { fault: serviceFault('service.exited', `${argv.join(' ')}. ${last}`), portTaken: false, down }
}

/** A process that is just dying shows no mark any more and still has its port: it gets a moment. */
async function staysTaken(host: string, port: number, call: Hands): Promise<boolean> {
  const until = call.fx.time.monotonic() + DYING_MS
  while (await call.fx.net.accepts(host, port, 1_000)) {
    if (call.fx.time.monotonic() > until) return true
    await call.fx.time.wait(END_POLL_MS)
  }
  return false
}

async function commandOf(instance: InstanceRecord, call: Hands) {
  const { state, port, mark, name, starts } = instance
  const fill = (text: string): string => text.replaceAll('{port}', String(port)).replaceAll('{host}', state.host)
  const env: Record<string, string> = { PATH: DEFAULT_PATH }
  const secrets: string[] = []
  for (const [variable, value] of Object.entries(state.env)) {
    const plain = typeof value === 'string' ? fill(value) : await call.reveal(value)
    if (typeof value !== 'string') secrets.push(plain)
    env[variable] = plain
  }
  env[state.portEnv] = String(port)
  env[MARK] = mark
  const dirs = Object.entries(state.dirs).toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [index, [variable, path]] of dirs.entries()) {
    if (!isAbsolute(path)) throw serviceFault('service.bad-dir', `${variable}: ${JSON.stringify(path)}`)
    env[variable] = `/proc/self/fd/${FIRST_DIR + index}`
  }
  const { nofile, memoryBytes } = state.limits
  const options = {
    cwd: cwdOf(state, call.room),
    env,
    log: logPath(call, name, starts),
    dirs: dirs.map(([, path]) => path),
    ...(state.user === null ? {} : { user: state.user }),
    limits: { ...(nofile === null ? {} : { nofile }), ...(memoryBytes === null ? {} : { memoryBytes }) },
  }
  return { argv: state.command.map(fill), options, secrets }
}

const HIDDEN_MIN = 4 // characters; a shorter secret would blank the whole text, and is no secret

/** A service that fails likes to say with what. */
function blanked(text: string, secrets: readonly string[]): string {
  let clean = text
  for (const secret of secrets) {
    if (secret.length < HIDDEN_MIN) continue
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64')]) {
      clean = clean.replaceAll(form, '***')
    }
  }
  return clean
}

const FIRST_DIR = 3 // the first descriptor after standard input, output and error

function cwdOf(state: ServiceState, room: string): string {
  if (state.code === null) return state.cwd ?? '/'
  return state.cwd === null ? codePath(room, state.code) : join(codePath(room, state.code), state.cwd)
}

/**
 * Ends all of it: gracefully, then not. Twice is once. Gives the record without a process, already kept. Its own group is told
 * first; once that is over, whatever it started in others. Each is told once: whoever got it twice would take the second
 * for an order to drop everything.
 */
export async function end(instance: InstanceRecord, call: Hands): Promise<InstanceRecord> {
  const { time, process } = call.fx
  if (instance.id === null && instance.starts > 0) await time.wait(LATE_EXEC_MS)
  const { signal, graceMs } = instance.state.stop
  writeRecord(call, { ...instance, phase: 'ending' })
  const killAt = time.monotonic() + graceMs
  const told = new Set<number>()
  const tell = (id: FoundProcess): void => {
    if (told.has(id.pid) || told.has(id.group)) return
    told.add(id.pid)
    process.signal(id, signal)
    process.signal(id, 'SIGCONT') // a paused one could not hear it
  }
  const leader = leaderOf(instance, call)
  if (leader !== null) tell(leader)
  for (;;) {
    const over = time.monotonic() - killAt
    if (over < 0 && isUp(instance, call)) {
      await time.wait(END_POLL_MS)
      continue
    }
    const left = marked(instance, call)
    if (left.length === 0) break
    for (const id of left) {
      if (over < 0) tell(id)
      else process.signal(id, 'SIGKILL')
    }
    if (over > KILL_WAIT_MS) throw serviceFault('service.not-ended', `processes ${left.map(({ pid }) => pid).join(', ')}`)
    await time.wait(END_POLL_MS)
  }
  const ended: InstanceRecord = { ...instance, phase: 'down', id: null }
  writeRecord(call, ended)
  return ended
}

/** Its leader, and whatever else carries its mark: what it left behind, or what no record knows. */
export function marked(instance: InstanceRecord, call: Look): readonly FoundProcess[] {
  const found = call.fx.process.find(MARK, instance.mark)
  const leader = leaderOf(instance, call)
  return leader === null || found.some(({ pid }) => pid === leader.pid) ? found : [leader, ...found]
}

/** It was started in a session of its own, so its group is named by it. */
function leaderOf({ id }: InstanceRecord, call: Look): FoundProcess | null {
  return id !== null && call.fx.process.alive(id) ? { ...id, group: id.pid } : null
}

/** Notes that it has answered. */
export function nowUp(instance: InstanceRecord, call: Hands): InstanceRecord {
  const up: InstanceRecord = { ...instance, phase: 'up' }
  writeRecord(call, up)
  return up
}

/** Its process is there; whether it answers is another matter. */
export function isUp({ id }: InstanceRecord, call: Look): boolean {
  return id !== null && call.fx.process.alive(id)
}
