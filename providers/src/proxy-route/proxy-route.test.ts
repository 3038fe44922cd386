import { createHash, createSecretKey } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, createServer, request as httpRequest } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import type { Server as NetServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { canonical, Fault } from '@understudy/contract'
import type { At, Digest, FaultData, Hands, Json, Look, Prepared } from '@understudy/contract'
import { createRecorder, handsCall, lookCall } from '@understudy/engine'
import { openEffects } from '@understudy/engine/testing'
import { proxyRoute as route } from './provider.ts'
import type { RouteMemento, RouteOut, RoutePart, RouteSpec, RouteState } from './spec.ts'

/** For programs that are written into a folder of their own. */
const { resolve } = createRequire(import.meta.url)
const clock = { now: () => Date.now(), monotonic: () => performance.now() }

const UNUSED = { flush: async () => undefined, drop: async () => undefined, usage: async () => ({ objects: 0, bytes: 0 }) }

let base: string
let room: string
let recorder: ReturnType<typeof createRecorder>
let at: At<RoutePart>
let servers: (Server | NetServer)[]
let sockets: Set<Socket>

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'proxy-route-'))
  room = join(base, 'room')
  recorder = createRecorder(clock, new AbortController().signal)
  servers = []
  sockets = new Set()
  at = { world: 'w', id: 'web', part: { host: '127.0.0.1', port: await look().fx.net.freePort('127.0.0.1') } }
})

afterEach(async () => {
  await route.close(at, hands('end'))
  for (const socket of sockets) socket.destroy()
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  const left = fronts()
  rmSync(base, { recursive: true })
  expect(left).toEqual([])
})

function options() {
  const name = (bytes: Uint8Array): Digest => `h:${createHash('sha256').update('key').update(bytes).digest('hex')}`
  const objects = {
    name,
    nameKey: createSecretKey(Buffer.from('key')),
    put: async (bytes: Uint8Array) => name(bytes),
    get: () => Promise.reject(new Error('empty')),
    has: async () => false,
    ...UNUSED,
  }
  return { objects, recorder, fx: openEffects(recorder), room }
}

const look = (): Look => lookCall(options())
const hands = (key: string): Hands => handsCall(options(), key, 1)

/** Front processes of this test, by their working directory. */
function fronts(): readonly number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      const alive = Number.isInteger(pid) && pid !== process.pid && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      return alive &&
        readFileSync(`/proc/${pid}/environ`, 'utf8').includes('UNDERSTUDY_INSTANCE') &&
        statSync(`/proc/${pid}/cwd`).ino === statSync(room).ino
        ? [pid]
        : []
    } catch {
      return []
    }
  })
}

function track(server: Server | NetServer): void {
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })
}

async function listening(server: Server | NetServer, port = 0): Promise<string> {
  track(server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

const serve = (listener: RequestListener): Promise<string> => listening(createServer(listener))
const says = (word: string): Promise<string> => serve((_request, response) => response.end(word))

function spec(to: string, more: Record<string, Json> = {}): RouteSpec {
  const parsed = route.schema.spec.safeParse({ listen: at.part.port, to, ...more })
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  return parsed.data
}

async function want(to: string, more: Record<string, Json> = {}): Promise<RouteState> {
  return (await route.want(at, spec(to, more), look())).state
}

type Step = Prepared<RouteMemento, RouteOut>

async function create(to: string, more: Record<string, Json> = {}): Promise<Step> {
  const step = await route.prepare(at, null, await want(to, more), hands('c1'))
  await route.turn(at, step.memento, 'after', hands('c1'))
  return step
}

async function live(): Promise<RouteState> {
  const seen = await route.read(at, null, look())
  if (seen === null) throw new Error('it is absent')
  return seen.state
}

async function counters(): Promise<Record<string, number>> {
  return (await route.read(at, null, look()))?.volatile as Record<string, number>
}

async function get(method = 'GET', body?: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${at.part.port}/`, { method, ...(body === undefined ? {} : { body }) })
  return { status: response.status, text: await response.text() }
}

async function faultOf(promise: Promise<unknown>): Promise<FaultData> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Fault) return error.fault
    throw error
  }
  throw new Error('it did not fault')
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5)
}

test('creating: bound and answering 503 until it is turned; then as wanted', async () => {
  const state = await want(await says('one'))
  const step = await route.prepare(at, null, state, hands('c1'))
  expect(step).toMatchObject({ reversal: 'switch', out: { url: `http://127.0.0.1:${at.part.port}`, port: at.part.port } })
  expect((await get()).status).toBe(503)
  expect(await route.read(at, null, look())).toBeNull()
  expect(await route.turn(at, step.memento, 'after', hands('c1'))).toEqual({ side: 'after', standby: 'fit' })
  expect(await get()).toEqual({ status: 200, text: 'one' })
  expect(canonical(await live())).toBe(canonical(state))
  expect(await route.probing?.probe(at, look())).toMatchObject({ fit: true })
  expect(statSync(join(room, 'control.sock')).mode & 0o777).toBe(0o600)
})

test('a taken port is named while preparing, and nothing stays', async () => {
  const url = await says('other')
  const there = { ...at, part: { host: '127.0.0.1', port: Number(new URL(url).port) } }
  const fault = await faultOf(route.prepare(there, null, await want(url), hands('c1')))
  expect([fault.code, fault.class]).toEqual(['route.port-taken', 'conflict'])
  expect(fault.detail).toContain(`${url.slice(7)}: `)
  await route.release(there, null, hands('c1'))
  expect(fronts()).toEqual([])
})

test('L6: a backend that does not answer, or answers wrongly, gets no traffic', async () => {
  const nobody = `http://127.0.0.1:${await look().fx.net.freePort('127.0.0.1')}`
  expect((await faultOf(route.prepare(at, null, await want(nobody), hands('c1')))).code).toBe('route.backend-unfit')
  await route.release(at, null, hands('c1'))
  expect(fronts()).toEqual([])
  let status = 200
  const one = await says('one')
  const two = await serve((_request, response) => response.writeHead(status).end('two'))
  await create(one)
  const step = await route.prepare(at, await live(), await want(two, { health: '/up' }), hands('c2'))
  status = 500
  const fault = await faultOf(route.turn(at, step.memento, 'after', hands('c2')))
  expect([fault.code, fault.detail]).toEqual(['route.backend-unfit', `${two}/up answers 500, not 200`])
  expect((await get()).text).toBe('one')
})

test('50 flips under load: nothing fails, and nothing begun after a flip is answered by the side that is off', async () => {
  const one = await says('one')
  const two = await says('two')
  await create(one)
  const step = await route.prepare(at, await live(), await want(two), hands('c2'))
  let side: 'one' | 'two' | 'either' = 'one'
  let running = true
  const wrong: string[] = []
  let answered = 0
  const agent = new Agent({ keepAlive: true })
  const client = async (kept: boolean, method: string): Promise<void> => {
    while (running) {
      const begun = side
      const text = await new Promise<string>((resolve) => {
        const outgoing = httpRequest(
          { port: at.part.port, host: '127.0.0.1', method, ...(kept ? { agent } : { agent: false }) },
          (response) => {
            let got = ''
            response.setEncoding('utf8').on('data', (part: string) => (got += part))
            response.on('end', () => resolve(response.statusCode === 200 ? got : `status ${response.statusCode}`))
            response.on('error', (error) => resolve(error.message))
          },
        )
        outgoing.on('error', (error) => resolve(error.message))
        outgoing.end(method === 'PUT' || method === 'POST' ? 'x' : undefined)
      })
      answered += 1
      if (text !== 'one' && text !== 'two') wrong.push(text)
      else if (begun !== 'either' && side === begun && text !== begun) wrong.push(`${text} instead of ${begun}`)
    }
  }
  const clients = [
    client(true, 'GET'),
    client(true, 'GET'),
    client(false, 'GET'),
    client(true, 'PUT'),
    client(true, 'POST'),
    client(false, 'POST'),
  ]
  for (let round = 0; round < 50; round += 1) {
    const to = round % 2 === 0 ? 'after' : 'before'
    side = 'either'
    expect(await route.turn(at, step.memento, to, hands('c2'))).toEqual({ side: to, standby: 'fit' })
    side = to === 'after' ? 'two' : 'one'
    const goal = answered + 10
    await until(() => answered >= goal)
  }
  running = false
  await Promise.all(clients)
  agent.destroy()
  expect(wrong).toEqual([])
  expect(answered).toBeGreaterThanOrEqual(500)
  expect(await counters()).toMatchObject({ errors: 0, byStandby: 0 })
})

test('an idempotent request that the live backend drops is answered by the other side, a POST never is', async () => {
  const seen: string[] = []
  const dropping = await serve((request) => {
    seen.push(request.method ?? '')
    request.socket.destroy()
  })
  const good = await serve((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => response.end(`${request.method} ${body}`))
  })
  await create(good)
  const step = await route.prepare(at, await live(), await want(dropping), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  expect(await get('GET')).toEqual({ status: 200, text: 'GET ' })
  expect(await get('PUT', 'data')).toEqual({ status: 200, text: 'PUT data' })
  expect(await get('DELETE')).toEqual({ status: 200, text: 'DELETE ' })
  seen.length = 0
  expect((await get('POST', 'data')).status).toBe(502)
  expect((await get('PATCH', 'data')).status).toBe(502)
  expect(seen).toEqual(['POST', 'PATCH'])
  expect(await counters()).toMatchObject({ byStandby: 3, errors: 2 })
})

test('a backend that is down: what was never sent may go to the other side, whatever its method; not if retry is off', async () => {
  const port = await look().fx.net.freePort('127.0.0.1')
  const going = createServer((_request, response) => response.end('going'))
  const url = await listening(going, port)
  await create(await says('stays'))
  const step = await route.prepare(at, await live(), await want(url), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  expect((await get()).text).toBe('going')
  const close = async (): Promise<void> => {
    going.closeAllConnections()
    await new Promise((resolve) => going.close(resolve))
  }
  await close()
  expect([(await get('POST', 'x')).text, (await get()).text]).toEqual(['stays', 'stays'])
  expect(await route.look(at, step.memento, 'quick', look())).toEqual({ side: 'after', standby: 'fit' })
  await route.turn(at, step.memento, 'before', hands('c2'))
  expect(await route.look(at, step.memento, 'quick', look())).toEqual({ side: 'before', standby: 'gone' })
  expect((await faultOf(route.turn(at, step.memento, 'after', hands('c2')))).code).toBe('route.backend-unfit')
  await new Promise<void>((resolve) => going.listen(port, '127.0.0.1', resolve))
  const third = await route.prepare(at, await live(), await want(url, { retry: false }), hands('c3'))
  await route.turn(at, third.memento, 'after', hands('c3'))
  await close()
  expect((await get()).status).toBe(502)
  servers = servers.filter((server) => server !== going)
})

test('a connection that the backend closes while it is kept costs no request', async () => {
  const closing = createServer({ keepAliveTimeout: 1 }, (_request, response) => response.end('ok'))
  const url = await listening(closing)
  await create(url)
  for (let round = 0; round < 200; round += 1) {
    expect((await get(round % 3 === 0 ? 'POST' : 'GET', round % 3 === 0 ? 'x' : undefined)).text).toBe('ok')
    if (round % 4 === 0) await delay(round % 5)
  }
  expect((await counters())['errors']).toBe(0)
})

test('big bodies stream both ways, chunked or not, and repeated headers survive', async () => {
  const echo = await serve((request, response) => {
    response.writeHead(200, [
      'set-cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'x-origin',
      String(request.headers['x-forwarded-for']),
      'x-host',
      String(request.headers.host),
    ])
    request.pipe(response)
  })
  await create(echo)
  const big = Buffer.alloc(5 << 20, 'abc')
  for (const method of ['POST', 'PUT', 'DELETE']) {
    for (const chunked of [true, false]) {
      const size = await new Promise<number>((resolve, reject) => {
        const headers = chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(big.length) }
        const outgoing = httpRequest(
          { host: '127.0.0.1', port: at.part.port, method, headers: { ...headers, 'x-forwarded-for': '10.0.0.1' }, agent: false },
          (response) => {
            let got = 0
            expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2'])
            expect(response.headers['x-origin']).toBe('10.0.0.1, 127.0.0.1')
            expect(response.headers['x-host']).toBe(`127.0.0.1:${at.part.port}`)
            response.on('data', (part: Buffer) => (got += part.length))
            response.on('end', () => resolve(got))
          },
        )
        outgoing.on('error', reject)
        outgoing.end(big)
      })
      expect([method, chunked, size]).toEqual([method, chunked, big.length])
    }
  }
  const small = await new Promise<string>((resolve, reject) => {
    const outgoing = httpRequest(
      { host: '127.0.0.1', port: at.part.port, method: 'DELETE', headers: { 'transfer-encoding': 'chunked' }, agent: false },
      (response) => {
        response.setEncoding('utf8').on('data', resolve)
      },
    )
    outgoing.on('error', reject)
    outgoing.end('small')
  })
  expect(small).toBe('small')
})

test('an answer that breaks off reaches the client as broken, not as whole', async () => {
  const half = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half')
    setImmediate(() => response.socket?.destroy())
  })
  await create(await says('other'))
  const step = await route.prepare(at, await live(), await want(half), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  await expect(get()).rejects.toThrow()
})

test('WebSocket: the connection is passed through, and cut when its backend has been turned away from for long enough', async () => {
  const backend = createServer()
  backend.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n')
    socket.on('data', (part: Buffer) => socket.write(`echo ${part.toString()}`))
  })
  await create(await listening(backend), { drainMs: 50 })
  const client = connect(at.part.port, '127.0.0.1')
  sockets.add(client)
  let got = ''
  let closed = false
  client.setEncoding('utf8').on('data', (part: string) => (got += part))
  client.on('close', () => (closed = true)).on('error', () => undefined)
  client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n')
  await until(() => got.includes('101 Switching'))
  client.write('hello')
  await until(() => got.endsWith('echo hello'))
  const step = await route.prepare(at, await live(), await want(await says('two')), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  await until(() => closed)
})

test('what is under way on the side that was turned away from ends well', async () => {
  let release: () => void = () => undefined
  const slow = await serve((_request, response) => {
    release = () => response.end('slow but whole')
  })
  await create(slow)
  const answer = get()
  await until(async () => (await counters())['requests'] === 1)
  const step = await route.prepare(at, await live(), await want(await says('two')), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  expect((await get()).text).toBe('two')
  release()
  expect((await answer).text).toBe('slow but whole')
})

test('deleting: 503 and absent; back again; ended when it is released', async () => {
  const made = await create(await says('one'))
  const before = await live()
  const step = await route.prepare(at, before, null, hands('c2'))
  expect(step.out).toBeNull()
  expect(await route.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'fit' })
  expect([await route.read(at, null, look()), (await get()).status]).toEqual([null, 503])
  expect(await route.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
  expect([canonical(await live()), (await get()).text]).toEqual([canonical(before), 'one'])
  await route.turn(at, step.memento, 'after', hands('c2'))
  await route.release(at, made.memento, hands('c1'))
  await route.release(at, step.memento, hands('c2'))
  expect(fronts()).toEqual([])
  await route.release(at, step.memento, hands('c2'))
  expect(await route.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'gone' })
  expect(fronts()).toEqual([])
})

test('L8: a killed front comes back where it was, and can still be turned either way', async () => {
  await create(await says('one'))
  const step = await route.prepare(at, await live(), await want(await says('two')), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  for (const to of ['before', 'after', 'after', 'before'] as const) {
    for (const pid of fronts()) process.kill(pid, 'SIGKILL')
    await until(() => fronts().length === 0)
    expect((await live()).running).toBe(false)
    expect(await route.probing?.probe(at, look())).toMatchObject({ fit: false })
    expect(await route.turn(at, step.memento, to, hands('c2'))).toEqual({ side: to, standby: 'fit' })
    expect((await get()).text).toBe(to === 'after' ? 'two' : 'one')
  }
  expect(fronts().length).toBe(1)
})

test('a dead front is drift, and an ordinary change repairs it', async () => {
  const one = await says('one')
  await create(one)
  for (const pid of fronts()) process.kill(pid, 'SIGKILL')
  await until(() => fronts().length === 0)
  const step = await route.prepare(at, await live(), await want(one), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  expect([(await get()).text, canonical(await live())]).toEqual(['one', canonical(await want(one))])
})

test('L6: going back from the repair of a dead backend restores just that, and no look calls it fit', async () => {
  await create(await says('one'), { retry: false })
  const dead = servers[0]
  await new Promise((resolve) => dead?.close(resolve))
  const before = await live()
  const step = await route.prepare(at, before, await want(await says('two')), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  expect((await get()).text).toBe('two')
  expect(await route.look(at, step.memento, 'quick', look())).toEqual({ side: 'after', standby: 'gone' })
  expect(await route.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
  expect([canonical(await live()), (await get()).status]).toEqual([canonical(before), 502])
})

test('going back from the repair of a dead front ends it again, and no look calls that fit', async () => {
  await create(await says('one'))
  for (const pid of fronts()) process.kill(pid, 'SIGKILL')
  await until(() => fronts().length === 0)
  const dead = await live()
  const step = await route.prepare(at, dead, await want(await says('two')), hands('c2'))
  for (const _time of [1, 2]) {
    await route.turn(at, step.memento, 'after', hands('c2'))
    expect((await get()).text).toBe('two')
    expect(await route.look(at, step.memento, 'quick', look())).toEqual({ side: 'after', standby: 'gone' })
    await route.turn(at, step.memento, 'before', hands('c2'))
    await route.turn(at, step.memento, 'before', hands('c2'))
    expect([canonical(await live()), fronts()]).toEqual([canonical(dead), []])
  }
})

test('somebody else has turned it: a conflict, and nothing is overwritten', async () => {
  await create(await says('one'))
  const before = await live()
  const two = await route.prepare(at, before, await want(await says('two')), hands('c2'))
  const three = await route.prepare(at, before, await want(await says('three')), hands('c3'))
  await route.turn(at, three.memento, 'after', hands('c3'))
  expect(await faultOf(route.turn(at, two.memento, 'after', hands('c2')))).toMatchObject({ code: 'route.changed', class: 'conflict' })
  expect((await route.look(at, two.memento, 'quick', look())).side).toBe('other')
  expect((await faultOf(route.prepare(at, before, null, hands('c4')))).code).toBe('route.changed')
  expect((await get()).text).toBe('three')
})

test('release forgets the side that is not live, and only that', async () => {
  const made = await create(await says('one'))
  const step = await route.prepare(at, await live(), await want(await says('two')), hands('c2'))
  await route.turn(at, step.memento, 'after', hands('c2'))
  await route.release(at, made.memento, hands('c1'))
  expect((await route.look(at, step.memento, 'quick', look())).standby).toBe('fit')
  await route.release(at, step.memento, hands('c2'))
  expect((await route.look(at, step.memento, 'quick', look())).standby).toBe('gone')
  expect((await faultOf(route.turn(at, step.memento, 'before', hands('c2')))).code).toBe('route.standby-gone')
  expect((await get()).text).toBe('two')
})

test('a world of its own: another port on the loopback, and it goes without a trace', async () => {
  const one = await says('one')
  await create(one)
  const state = await live()
  const primary = room
  room = join(base, 'shadow'.padEnd(90, 'x'))
  const there = { world: 's', id: 'web', part: null }
  const copy = await route.fork(at, there, state, spec(one), hands('f'))
  expect([copy.fidelity, copy.out?.port === at.part.port]).toEqual(['exact', false])
  const shadow = { ...there, part: copy.part }
  const step = await route.prepare(shadow, state, await want(await says('two')), hands('c2'))
  await route.turn(shadow, step.memento, 'after', hands('c2'))
  expect([await (await fetch(copy.out?.url ?? '')).text(), (await get()).text]).toEqual(['two', 'one'])
  await route.close({ ...there, part: null }, hands('x'))
  await route.close({ ...there, part: null }, hands('x'))
  expect([fronts(), readdirSync(room)]).toEqual([[], []])
  expect(await route.fork({ ...at, part: { host: '0.0.0.0', port: 80 } }, there, null, spec(one), hands('f'))).toMatchObject({
    part: { host: '127.0.0.1' },
    out: null,
  })
  room = primary
})

test('L8: killed at any moment of preparing and turning, it converges, and the key finds what is left', async () => {
  const one = await says('one')
  const state = await want(one)
  const program = `
    import { createRecorder, handsCall } from ${JSON.stringify(resolve('@understudy/engine'))}
    import { openEffects } from ${JSON.stringify(resolve('@understudy/engine/testing'))}
    import { proxyRoute } from ${JSON.stringify(join(import.meta.dirname, 'provider.ts'))}
    import { createHash } from 'node:crypto'
    const clock = { now: () => Date.now(), monotonic: () => performance.now() }
    const recorder = createRecorder(clock, new AbortController().signal)
    const name = (bytes) => 'h:' + createHash('sha256').update('key').update(bytes).digest('hex')
    const call = handsCall({ objects: { name }, recorder, fx: openEffects(recorder), room: ${JSON.stringify(room)} }, 'c1', 1)
    process.stdout.write('go')
    const step = await proxyRoute.prepare(${JSON.stringify(at)}, null, ${JSON.stringify(state)}, call)
    await proxyRoute.turn(${JSON.stringify(at)}, step.memento, 'after', call)`
  const file = join(base, 'killed.mjs')
  writeFileSync(file, program)
  for (const afterMs of [0, 3, 8, 15, 30, 60, 70, 75, 80, 85, 90, 100]) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await Promise.race([ended, new Promise((resolve) => child.stdout.once('data', resolve))])
    await delay(afterMs) // where it dies is not decided here: every moment must be survived
    child.kill('SIGKILL')
    await ended
    const turned = (await route.read(at, null, look())) !== null
    const step = turned ? null : await route.prepare(at, null, state, hands('c1'))
    if (step !== null) await route.turn(at, step.memento, 'after', hands('c1'))
    expect([(await get()).text, fronts().length]).toEqual(['one', 1])
    const back = await route.prepare(at, await live(), null, hands('c2'))
    await route.turn(at, back.memento, 'after', hands('c2'))
    await route.release(at, null, hands('c1'))
    await route.release(at, back.memento, hands('c2'))
    expect(fronts()).toEqual([])
  }
})

test('a damaged state file stops the front instead of sending traffic to the wrong place', async () => {
  await create(await says('one'))
  for (const pid of fronts()) process.kill(pid, 'SIGKILL')
  await until(() => fronts().length === 0)
  const whole = readFileSync(join(room, 'front.json'))
  writeFileSync(join(room, 'front.json'), whole.subarray(0, whole.length / 2))
  expect(await faultOf(route.read(at, null, look()))).toMatchObject({ code: 'route.state-lost', class: 'outcome-unknown' })
  writeFileSync(join(room, 'front.json'), whole)
})

test('a turn costs the same few effects whatever is known', async () => {
  await create(await says('one'))
  const step = await route.prepare(at, await live(), await want(await says('two')), hands('c2'))
  recorder.take()
  await route.turn(at, step.memento, 'after', hands('c2'))
  expect(recorder.take().map(({ channel, verb }) => `${channel} ${verb}`)).toEqual(['http POST'])
})

test('a spec that cannot be is refused, and says where', () => {
  const issues = (value: Json): string => {
    const parsed = route.schema.spec.safeParse(value)
    return parsed.success ? '' : parsed.error.issues.map(({ path }) => path.join('/')).join(' ')
  }
  expect(issues({ listen: 80, to: 'http://127.0.0.1:81' })).toBe('')
  expect(issues({ listen: 0, to: 'http://127.0.0.1:81' })).toBe('listen')
  for (const to of ['nonsense', 'https://a', 'http://a/b', 'http://u:p@a', 'http://a/?q']) expect(issues({ listen: 80, to })).toBe('to')
  expect(issues({ listen: { host: '-; rm', port: 1 }, to: 'http://a' })).toContain('listen')
  expect(JSON.stringify(route.schema.spec.describe())).toContain('drainMs')
})
