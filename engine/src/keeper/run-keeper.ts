// Owns: the life of a keeper: one per store, a socket to ask and stop it, the loop, its end when nothing is left to keep.
// Never: holds anything that is not in the store; a killed keeper loses nothing.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, faultOf, isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import type { Ports } from '../exec/ports.ts'
import { natives } from '../fx/natives.ts'
import type { Store } from '../store/store.ts'
import { guardCount, keepOnce } from './keep.ts'

const LEASE = '=keeper' // no name of a stack: the store's one keeper
const TTL_MS = 15_000
const LOOK_MS = 200 // how often an idle keeper looks whether there is something to keep; one read of one row
const IDLE_END_MS = 60_000 // nothing to keep for so long: it ends, and is started again when needed
const SOCKET_PATH_MAX = 107 // sun_path is 108 bytes with its final zero

/** The socket of a store's keeper: in the store where the path is short enough, else in a folder of this user's own. */
export function keeperSocket(dir: string): string {
  const near = join(dir, 'keeper.sock')
  if (Buffer.byteLength(near) <= SOCKET_PATH_MAX) return near
  const folder = join(tmpdir(), `understudy-${process.getuid?.() ?? 0}`)
  return join(folder, `${createHash('sha256').update(near).digest('hex').slice(0, 24)}.sock`)
}

/** Runs until it is told to stop or nothing is left to keep. `portsOf` gives the ports of each stack of the store. Resolves with why it ended. */
export async function runKeeper(
  ports: Omit<Ports, 'stack'>,
  dir: string,
  portsOf: (stack: string) => Ports,
): Promise<'stopped' | 'idle' | 'other'> {
  natives() // now, and not when it undoes something: its installation may have been replaced by then
  const answer = await ports.store.takeLease(LEASE, { ...ports.self, doing: 'keeper' }, TTL_MS, ports.gone)
  if (!answer.taken) return 'other'
  const stop = new AbortController()
  const ended = AbortSignal.any([stop.signal, ports.signal])
  const socket = keeperSocket(dir)
  const about: About = { pid: process.pid, since: ports.clock.now(), stacks: [], undid: [], fault: null }
  const open = () =>
    listen(socket, (path) => {
      if (path === '/stop') stop.abort()
      return { ...about }
    })
  let server = await open()
  let inode = inodeOf(socket)
  const store = inodeOf(dir)
  const endRenewing = ports.every(TTL_MS / 3, async () => {
    if (!(await ports.store.renewLease(LEASE, answer.lease.epoch, TTL_MS))) stop.abort()
  })
  ports.emit('keeper.started', {}, { pid: process.pid })
  // One loop a stack: the undo of one does not keep another waiting past its deadline.
  const kept = new Map<string, { readonly loop: Loop; readonly done: Promise<void> }>()
  try {
    let busyAt = ports.clock.monotonic()
    while (!ended.aborted) {
      // The store was removed, or another keeper stands here: there is nothing of ours left to keep.
      if (inodeOf(dir) !== store) return 'stopped'
      const there = inodeOf(socket)
      if (there !== null && there !== inode) return 'stopped'
      if (there === null) {
        // Whoever clears /tmp takes the socket, and not what is kept.
        server.close()
        server = await open()
        inode = inodeOf(socket)
      }
      for (const stack of await stacksIn(ports.store).catch(() => [])) {
        if (kept.has(stack)) continue
        const loop: Loop = { busyAt, actingSince: null }
        kept.set(stack, { loop, done: keepStack(portsOf(stack), about, ended, loop) })
        about.stacks.push(stack)
      }
      const now = ports.clock.monotonic()
      for (const { loop } of kept.values()) {
        // An undo may take longer than an idle keeper lives.
        const acts = loop.actingSince !== null && now - loop.actingSince > LOOK_MS * 5
        busyAt = Math.max(busyAt, acts ? now : loop.busyAt)
      }
      if (ports.clock.monotonic() - busyAt > IDLE_END_MS) return 'idle'
      await sleep(LOOK_MS, undefined, { signal: ended }).catch(() => undefined)
    }
    return 'stopped'
  } finally {
    stop.abort()
    await Promise.all([...kept.values()].map(({ done }) => done))
    endRenewing()
    server.close()
    if (inodeOf(socket) === inode) rmSync(socket, { force: true })
    await ports.store.freeLease(LEASE, answer.lease.epoch)
    ports.emit('keeper.stopped', {})
  }
}

/** What a keeper says of itself. */
interface About {
  readonly pid: number
  readonly since: number
  readonly stacks: string[]
  readonly undid: string[]
  fault: { readonly stack: string; readonly code: string; readonly detail: string } | null
}

/** When a stack last had something to keep, and since when it is being looked after just now (monotonic ms). */
interface Loop {
  busyAt: number
  actingSince: number | null
}

/** Looks after one stack until the keeper ends. */
async function keepStack(ports: Ports, about: About, ended: AbortSignal, loop: Loop): Promise<void> {
  const count = guardCount()
  while (!ended.aborted) {
    loop.actingSince = ports.clock.monotonic()
    const kept = await keepOnce(ports, count).catch((thrown: unknown) => {
      // A keeper must outlive a bad moment (a full disk, a locked store); `keeper status` shows the last one.
      const { code, detail } = faultOf(thrown)
      about.fault = { stack: ports.stack, code, detail }
      return { againMs: LOOK_MS * 5, undid: null }
    })
    if (kept.undid !== null) about.undid.push(kept.undid)
    loop.actingSince = null
    if (kept.againMs !== null) loop.busyAt = ports.clock.monotonic()
    await sleep(kept.againMs ?? LOOK_MS, undefined, { signal: ended }).catch(() => undefined)
  }
}

async function stacksIn(store: Store): Promise<readonly string[]> {
  return (await store.streams('')).filter((name) => !name.includes('/'))
}

function inodeOf(path: string): bigint | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? null
}

async function listen(socket: string, answer: (path: string) => Json) {
  try {
    mkdirSync(join(socket, '..'), { recursive: true, mode: 0o700 })
    rmSync(socket, { force: true }) // of a keeper that died: the lease says that there is no other one
  } catch (thrown) {
    throw noSocket(socket, thrown)
  }
  const server = createServer((incoming, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answer(incoming.url ?? '/')))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(noSocket(socket, error)))
    server.listen(socket, resolve)
  })
  chmodSync(socket, 0o600)
  return server
}

function noSocket(socket: string, thrown: unknown): Fault {
  return new Fault({
    code: 'keeper.no-socket',
    class: 'forbidden',
    summary: 'The keeper cannot listen.',
    detail: `${socket}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    hint: 'Its folder must be writable for this user, and nothing else may stand there.',
  })
}

/** Asks the keeper of a store; null when none answers. */
export function askKeeper(dir: string, path: '/' | '/stop'): Promise<{ readonly [key: string]: Json } | null> {
  return new Promise((resolve) => {
    const call = request({ socketPath: keeperSocket(dir), path, timeout: 2_000 }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8') || 'null')
        resolve(isObject(value) ? value : null)
      })
      response.on('error', () => resolve(null))
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve(null))
    call.end()
  })
}
