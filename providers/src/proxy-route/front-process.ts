// Owns: the front as a process: started when it is not there, asked, ended. It is known by a mark in its environment, so
// no record of it can be lost.
// Never: ends a front that is only slow; its port would be gone for everybody.
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '@understudy/contract'
import type { At, Hands, Json, Look, ProcessId } from '@understudy/contract'
import { CONTROL_MS, readFront, SOCKET } from './front-state.ts'
import type { Front, FrontSide } from './front-state.ts'
import { portOwner } from '../process-service/port-owner.ts'
import { routeFault } from './route-fault.ts'
import type { RoutePart } from './spec.ts'

const MARK = 'UNDERSTUDY_INSTANCE' // the same name as for services: whoever cleans up by hand looks for one
const LOG = 'front.log'
const START_MS = 15_000 // Node starts in some 50 ms; a machine out of breath takes seconds
const POLL_MS = 10
const DYING_MS = 500 // the kernel takes about a millisecond from the last sign of life to closing the sockets
const END_GRACE_MS = 6_000 // the front itself drains for up to 5 s
const KILL_WAIT_MS = 5_000
const TAIL_BYTES = 2_048

/** The front of this room, running: started again from its state when it is not there. */
export async function ensureFront({ part }: At<RoutePart>, call: Hands): Promise<Front> {
  const found = await readFront(call)
  if (found.running) return found
  if (processes(call).length === 0) {
    if (await staysTaken(part, call)) {
      throw routeFault('route.port-taken', `${part.host}:${part.port}: ${await portOwner(part.port, call)} listens there.`)
    }
    const argv = [process.execPath, '--disable-warning=ExperimentalWarning', program(), part.host, String(part.port)]
    const options = { cwd: call.room, env: { [MARK]: mark(call) }, log: join(call.room, LOG) }
    return untilUp(part, await call.fx.process.spawn(argv, options), call)
  }
  return untilUp(part, null, call)
}

/** A process that is just dying shows no mark any more and still has its port: it gets a moment. */
async function staysTaken({ host, port }: RoutePart, call: Hands): Promise<boolean> {
  const until = call.fx.time.monotonic() + DYING_MS
  while (await call.fx.net.accepts(host, port, 1_000)) {
    if (call.fx.time.monotonic() > until) return true
    await call.fx.time.wait(POLL_MS)
  }
  return false
}

async function untilUp(part: RoutePart, id: ProcessId | null, call: Hands): Promise<Front> {
  const until = call.fx.time.monotonic() + START_MS
  for (;;) {
    const front = await readFront(call)
    if (front.running) return front
    if (id !== null && !call.fx.process.alive(id)) {
      const tail = logTail(call)
      const code = tail.includes('EADDRINUSE') ? 'route.port-taken' : 'route.not-started'
      throw routeFault(code, `${part.host}:${part.port}. Its last lines:\n${tail}`)
    }
    if (call.fx.time.monotonic() > until) throw routeFault('route.silent', `after ${START_MS} ms`)
    await call.fx.time.wait(POLL_MS)
  }
}

/** Adds a side, or replaces what is known of it. */
export async function know(side: FrontSide, call: Hands): Promise<void> {
  const { to, retry, timeoutMs, drainMs } = side.state
  const heldBy = [...side.heldBy]
  await order('know', { name: side.name, to, retry, timeoutMs, drainMs, heldBy, state: side.state }, call)
}

/** Compare-and-swap: 409 is somebody else's flip. */
export async function flip(from: string | null, to: string | null, call: Hands): Promise<void> {
  await order('flip', { from, to }, call)
}

export async function letGo(holder: string, call: Hands): Promise<void> {
  await order('let-go', { holder }, call)
}

async function order(what: 'know' | 'flip' | 'let-go', body: Json, call: Hands): Promise<void> {
  const response = await call.fx.http.send({
    method: 'POST',
    url: `http://front/${what}`,
    socket: `${call.room}/${SOCKET}`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
    timeoutMs: CONTROL_MS,
  })
  if (response.status === 200) return
  const detail = Buffer.from(response.body).toString('utf8').slice(0, 500)
  throw routeFault(response.status === 409 ? 'route.changed' : 'route.refused', `${what}: ${detail}`)
}

/** Ends it, gracefully first. Twice is once. */
export async function endFront(call: Hands): Promise<void> {
  const { process: processFx, time } = call.fx
  const started = time.monotonic()
  for (const id of processes(call)) processFx.signal(id, 'SIGTERM')
  for (;;) {
    const left = processes(call)
    if (left.length === 0) return
    const ms = time.monotonic() - started
    if (ms > END_GRACE_MS) for (const id of left) processFx.signal(id, 'SIGKILL')
    if (ms > END_GRACE_MS + KILL_WAIT_MS) throw routeFault('route.not-ended', `processes ${left.map(({ pid }) => pid).join(', ')}`)
    await time.wait(POLL_MS)
  }
}

function processes(call: Look): readonly ProcessId[] {
  return call.fx.process.find(MARK, mark(call))
}

function mark(call: Look): string {
  return call.name(Buffer.from(`${call.room}\0front`)).slice(2, 42)
}

/** Beside this file in a checkout; in a bundle it is an entry of its own, `front.js`, beside the bundle or above its chunks. */
function program(): string {
  const here = fileURLToPath(import.meta.url)
  if (here.endsWith('.ts')) return join(dirname(here), 'front', 'main.ts')
  const folder = dirname(here)
  return join(basename(folder) === 'chunks' ? dirname(folder) : folder, 'front.js')
}

function logTail(call: Look): string {
  try {
    const dir = call.fx.fs.open(call.room)
    try {
      return dir.stat(LOG) === null ? '' : Buffer.from(dir.read(LOG).slice(-TAIL_BYTES)).toString('utf8').trimEnd()
    } finally {
      dir.close()
    }
  } catch (error) {
    if (error instanceof Fault) return ''
    throw error
  }
}
