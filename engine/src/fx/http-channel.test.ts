import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { httpChannel } from './http-channel.ts'
import { netChannel } from './net-channel.ts'
import { createRecorder } from './recorder.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const timeoutMs = 10_000

let abort: AbortController
let recorder: ReturnType<typeof createRecorder>
let fx: ReturnType<typeof httpChannel>
let net: ReturnType<typeof netChannel>
let servers: (Server | NetServer)[]

beforeEach(() => {
  abort = new AbortController()
  recorder = createRecorder(clock, abort.signal)
  fx = httpChannel(recorder)
  net = netChannel(recorder)
  servers = []
})

afterEach(async () => {
  for (const server of servers) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function serveRaw(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createNetServer((socket) => {
    socket.on('error', () => undefined)
    onSocket(socket.resume())
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
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

test('get gives status, headers and body, and follows no redirect', async () => {
  const url = await serve((request, response) => {
    if (request.url === '/moved') response.writeHead(302, { location: '/' }).end()
    else response.writeHead(201, { 'x-word': 'one', 'set-cookie': ['a=1', 'b=2'] }).end('body')
  })
  const got = await fx.reads.get({ url: `${url}/`, timeoutMs })
  expect([got.status, got.headers['x-word'], got.headers['set-cookie'], Buffer.from(got.body).toString()]).toEqual([
    201,
    'one',
    'a=1, b=2',
    'body',
  ])
  expect((await fx.reads.get({ url: `${url}/moved`, timeoutMs })).status).toBe(302)
  expect(recorder.take()).toEqual([])
})

test('send carries method, headers and body, and is recorded without user and password', async () => {
  const url = await serve((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => response.end(`${request.method} ${String(request.headers['x-a'])} ${Buffer.concat(parts).toString()}`))
  })
  const got = await fx.writes.send({ method: 'PUT', url: `${url}/x`, headers: { 'x-a': 'b' }, body: Buffer.from('data'), timeoutMs })
  expect(Buffer.from(got.body).toString()).toBe('PUT b data')
  await fx.writes.send({ method: 'POST', url: `${url.replace('http://', 'http://u:geheim@')}/y`, timeoutMs })
  const rows = recorder.take()
  expect(rows).toMatchObject([
    { channel: 'http', verb: 'PUT', target: `${url}/x`, result: 'HTTP 200' },
    { channel: 'http', verb: 'POST', target: `${url}/y`, result: 'HTTP 200' },
  ])
})

test('nobody there is transient for both: nothing was sent', async () => {
  const url = `http://127.0.0.1:${await net.freePort('127.0.0.1')}/`
  expect(await faultOf(fx.reads.get({ url, timeoutMs }))).toMatchObject({ code: 'http.refused', class: 'transient' })
  expect(await faultOf(fx.writes.send({ method: 'POST', url, timeoutMs }))).toMatchObject({ code: 'http.refused', class: 'transient' })
  const name = 'http://no-such-name.invalid/'
  expect(await faultOf(fx.reads.get({ url: name, timeoutMs }))).toMatchObject({ code: 'http.name-unknown', class: 'transient' })
  expect(await faultOf(fx.reads.get({ url: 'file:///etc/passwd', timeoutMs }))).toMatchObject({ code: 'http.bad-url', class: 'invalid' })
})

test('a request that may have arrived has an unknown outcome; a read has not', async () => {
  const cut = await serveRaw((socket) => {
    socket.once('data', () => socket.destroy())
  })
  expect(await faultOf(fx.writes.send({ method: 'POST', url: cut, timeoutMs }))).toMatchObject({
    code: 'http.broken',
    class: 'outcome-unknown',
  })
  expect(await faultOf(fx.reads.get({ url: cut, timeoutMs }))).toMatchObject({ code: 'http.broken', class: 'transient' })
  const mute = await serveRaw(() => undefined)
  expect(await faultOf(fx.writes.send({ method: 'POST', url: mute, timeoutMs: 100 }))).toMatchObject({
    code: 'http.timeout',
    class: 'outcome-unknown',
  })
  expect(await faultOf(fx.reads.get({ url: mute, timeoutMs: 100 }))).toMatchObject({ code: 'http.timeout', class: 'transient' })
})

test('an answer that breaks off or drips for ever is a fault, not half a body', async () => {
  const half = await serveRaw((socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'))
  })
  expect((await faultOf(fx.reads.get({ url: half, timeoutMs }))).code).toBe('http.cut')
  const drip = await serve((_request, response) => {
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
  })
  expect((await faultOf(fx.reads.get({ url: drip, timeoutMs: 200 }))).code).toBe('http.timeout')
})

test('more than 1 MiB is a fault, exactly 1 MiB is not', async () => {
  const url = await serve((request, response) => response.end(Buffer.alloc(Number(request.url?.slice(1)))))
  expect((await fx.reads.get({ url: `${url}/${1024 * 1024}`, timeoutMs })).body.length).toBe(1024 * 1024)
  expect((await faultOf(fx.reads.get({ url: `${url}/${1024 * 1024 + 1}`, timeoutMs }))).code).toBe('http.too-big')
})

test('a unix socket is reached, also when its path is too long for the kernel', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'http-channel-'))
  const deep = join(dir, 'x'.repeat(120))
  mkdirSync(deep)
  const server = createServer((request, response) => response.end(`${request.headers.host} ${request.url}`))
  servers.push(server)
  const { closeSync, openSync } = await import('node:fs')
  const fd = openSync(deep, 'r')
  await new Promise<void>((resolve) => server.listen(`/proc/self/fd/${fd}/s`, resolve))
  for (let round = 0; round < 3; round += 1) {
    const got = await fx.reads.get({ url: 'http://front/live', socket: join(deep, 's'), timeoutMs })
    expect(Buffer.from(got.body).toString()).toBe('localhost /live')
  }
  expect((await faultOf(fx.reads.get({ url: 'http://front/', socket: join(dir, 'none'), timeoutMs }))).code).toBe('http.refused')
  expect((await faultOf(fx.reads.get({ url: 'http://front/', socket: join(dir, 'n'.repeat(150), 's'), timeoutMs }))).code).toBe(
    'http.refused',
  )
  closeSync(fd)
  rmSync(dir, { recursive: true })
})

test('cancelling ends a request under way', async () => {
  const mute = await serveRaw((socket) => {
    socket.once('data', () => abort.abort())
  })
  expect(await faultOf(fx.writes.send({ method: 'POST', url: mute, timeoutMs }))).toMatchObject({
    code: 'http.cancelled',
    class: 'outcome-unknown',
  })
  expect(await faultOf(fx.reads.get({ url: mute, timeoutMs }))).toMatchObject({ code: 'http.cancelled', class: 'transient' })
  expect(await faultOf(net.accepts('127.0.0.1', 1, 1000))).toMatchObject({ code: 'net.cancelled' })
})

test('accepts says whether somebody listens, and a free port has nobody', async () => {
  const url = new URL(await serve((_request, response) => response.end()))
  expect(await net.accepts('127.0.0.1', Number(url.port), 1000)).toBe(true)
  const port = await net.freePort('127.0.0.1')
  expect(await net.accepts('127.0.0.1', port, 1000)).toBe(false)
  expect(await faultOf(net.freePort('192.0.2.1'))).toMatchObject({ code: 'net.no-port', class: 'invalid' })
})
