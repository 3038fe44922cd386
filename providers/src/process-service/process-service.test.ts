import { createHash, createSecretKey } from 'node:crypto'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { canonical, Fault } from '@understudy/contract'
import type { At, Digest, FaultData, Hands, Json, Look, Prepared } from '@understudy/contract'
import { createRecorder, handsCall, lookCall } from '@understudy/engine'
import { openEffects } from '@understudy/engine/testing'
import { processService as service } from './provider.ts'
import type { ServiceMemento, ServiceOut, ServicePart, ServiceSpec, ServiceState } from './spec.ts'

/** For programs that are written into a folder of their own. */
const { resolve } = createRequire(import.meta.url)
const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const at: At<ServicePart> = { world: 'w', id: 'api', part: { ports: 'as-written' } }

/** Answers its VERSION on every path; `/quit` ends it; what it is told by QUIRK it does. */
const PROGRAM = `
  const { createServer } = require('node:http')
  const { QUIRK, VERSION, PORT } = process.env
  if (QUIRK === 'exit') { console.error('no such table: users'); process.exit(3) }
  if (QUIRK === 'helper') {
    const { spawn } = require('node:child_process')
    spawn(process.execPath, [__dirname + '/helper.cjs'], { detached: true, stdio: 'ignore' }).unref()
  }
  if (QUIRK === 'stubborn') process.on('SIGTERM', () => {})
  const server = createServer((request, response) => {
    if (QUIRK === 'sick') response.statusCode = 500
    response.end(VERSION + ' ' + (process.env.DATA ? require('node:fs').readFileSync(process.env.DATA + '/file', 'utf8') : ''))
    if (request.url === '/quit') process.exit(1)
  })
  server.listen(PORT, '127.0.0.1')`

/** Leaves the session of whoever starts it; notes that it was told to end, and ends. */
const HELPER = `
  const { writeFileSync } = require('node:fs')
  process.on('SIGTERM', () => { writeFileSync(__dirname + '/told', ''); process.exit() })
  setInterval(() => {}, 1_000)
  writeFileSync(__dirname + '/ready', '')`

let base: string
let room: string
let objects: Map<Digest, Uint8Array>
let abort: AbortController
let recorder: ReturnType<typeof createRecorder>

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'process-service-'))
  room = join(base, 'room')
  objects = new Map()
  abort = new AbortController()
  recorder = createRecorder(clock, abort.signal)
  writeFileSync(join(base, 'program.cjs'), PROGRAM)
  writeFileSync(join(base, 'helper.cjs'), HELPER)
})

afterEach(async () => {
  abort = new AbortController()
  recorder = createRecorder(clock, abort.signal)
  await service.close(at, hands('end'))
  const left = strays()
  rmSync(base, { recursive: true })
  expect(left).toEqual([])
})

/** Processes of this test that are still there: their program or room is under its folder. */
function strays(): readonly number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      const alive = Number.isInteger(pid) && pid !== process.pid && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
      return alive && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(base) ? [pid] : []
    } catch {
      return []
    }
  })
}

function name(bytes: Uint8Array): Digest {
  return `h:${createHash('sha256').update('key').update(bytes).digest('hex')}`
}

function options() {
  return {
    objects: {
      async put(bytes: Uint8Array) {
        objects.set(name(bytes), bytes)
        return name(bytes)
      },
      async get(digest: Digest) {
        const bytes = objects.get(digest)
        if (bytes === undefined) throw new Error(`no ${digest}`)
        return bytes
      },
      name,
      nameKey: createSecretKey(Buffer.from('key')),
      has: async (digest: Digest) => objects.has(digest),
      flush: async () => undefined,
      drop: async () => undefined,
      usage: async () => ({ objects: objects.size, bytes: 0 }),
    },
    recorder,
    fx: openEffects(recorder),
    room,
  }
}

const look = (): Look => lookCall(options())
const hands = (key: string): Hands => handsCall(options(), key, 1)

async function spec(more: Json = {}): Promise<ServiceSpec> {
  const written: Json = {
    command: [process.execPath, join(base, 'program.cjs')],
    env: { VERSION: 'v1' },
    health: { http: '/', startWithinMs: 20_000 },
    stop: { graceMs: 5_000 },
    ...(more as Record<string, Json>),
  }
  const frozen = await service.source?.freeze(written, base, hands('freeze'))
  const parsed = service.schema.spec.safeParse(frozen)
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  return parsed.data
}

async function want(more: Json = {}): Promise<ServiceState> {
  return (await service.want(at, await spec(more), look())).state
}

type Step = Prepared<ServiceMemento, ServiceOut>

async function create(more: Json = {}, key = 'c1'): Promise<Step> {
  const step = await service.prepare(at, null, await want(more), hands(key))
  await service.turn(at, step.memento, 'after', hands(key))
  return step
}

async function seen(): Promise<{ state: ServiceState; out: ServiceOut; pid: number }> {
  const found = await service.read(at, null, look())
  if (found === null) throw new Error('it is absent')
  const { pid } = found.volatile as { pid: number }
  return { state: found.state, out: found.out, pid }
}

async function says(out: ServiceOut | null): Promise<string> {
  return (await (await fetch(out?.url ?? '')).text()).trim()
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

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5)
}

test('creating: up and answering before it is turned, seen as wanted after it', async () => {
  const state = await want()
  const step = await service.prepare(at, null, state, hands('c1'))
  expect(await service.read(at, null, look())).toBeNull()
  expect(await says(step.out)).toBe('v1')
  expect(await service.look(at, step.memento, 'full', look())).toMatchObject({ side: 'before', standby: 'fit' })
  expect(await service.turn(at, step.memento, 'after', hands('c1'))).toEqual({ side: 'after', standby: 'fit' })
  const now = await seen()
  expect(canonical(now.state)).toBe(canonical(state))
  expect(now.out).toEqual(step.out)
  expect(await service.probing?.probe(at, look())).toMatchObject({ fit: true })
})

test('L5: a change starts the new one beside the old one; either way is a pointer, and both stay up', async () => {
  const first = await create()
  const before = await seen()
  const step = await service.prepare(at, before.state, await want({ env: { VERSION: 'v2' } }), hands('c2'))
  expect(step.reversal).toBe('switch')
  expect((await seen()).pid).toBe(before.pid)
  expect([await says(first.out), await says(step.out)]).toEqual(['v1', 'v2'])
  for (let round = 0; round < 3; round += 1) {
    expect(await service.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'fit' })
    expect(await service.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'fit' })
    expect((await seen()).state.env).toEqual({ VERSION: 'v2' })
    expect(await service.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
    expect(await service.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
    expect(canonical((await seen()).state)).toBe(canonical(before.state))
    expect((await seen()).pid).toBe(before.pid)
  }
  await service.release(at, step.memento, hands('c2'))
  await service.release(at, step.memento, hands('c2'))
  expect(await says(first.out)).toBe('v1')
  expect(strays()).toEqual([before.pid])
})

test('release ends the side that is not live, and never one that another change still needs', async () => {
  const one = await create({}, 'c1')
  const two = await service.prepare(at, (await seen()).state, await want({ env: { VERSION: 'v2' } }), hands('c2'))
  await service.turn(at, two.memento, 'after', hands('c2'))
  const three = await service.prepare(at, (await seen()).state, await want({ env: { VERSION: 'v3' } }), hands('c3'))
  await service.turn(at, three.memento, 'after', hands('c3'))
  expect(strays().length).toBe(3)
  await service.release(at, one.memento, hands('c1'))
  expect(strays().length).toBe(3)
  await service.release(at, two.memento, hands('c2'))
  expect(strays().length).toBe(2)
  expect(await service.turn(at, three.memento, 'before', hands('c3'))).toEqual({ side: 'before', standby: 'fit' })
  expect(await says((await seen()).out)).toBe('v2')
  await service.release(at, three.memento, hands('c3'))
  expect(strays()).toEqual([(await seen()).pid])
})

test('a service that ends at once is refused with its last lines, and leaves nothing', async () => {
  const state = await want({ env: { QUIRK: 'exit' } })
  const fault = await faultOf(service.prepare(at, null, state, hands('c1')))
  expect([fault.code, fault.class]).toEqual(['service.exited', 'conflict'])
  expect(fault.detail).toContain('no such table: users')
  expect(strays()).toEqual([])
  await service.release(at, null, hands('c1'))
  expect(readdirSync(join(room, 'instances'))).toEqual([])
  expect(readdirSync(join(room, 'logs'))).toEqual([])
})

test('a service that answers wrongly is refused in time and ended; the old one never notices', async () => {
  await create()
  const before = await seen()
  const state = await want({ env: { QUIRK: 'sick', VERSION: 'v2' }, health: { http: '/', startWithinMs: 400 } })
  const fault = await faultOf(service.prepare(at, before.state, state, hands('c2')))
  expect(fault.code).toBe('service.unhealthy')
  expect(fault.detail).toContain('answers 500, not 200')
  expect(strays()).toEqual([before.pid])
  await service.release(at, null, hands('c2'))
  expect((await seen()).pid).toBe(before.pid)
})

test('command, directory and port that cannot be are named before anything visible happens', async () => {
  const code = async (more: Json): Promise<string> => (await faultOf(service.prepare(at, null, await want(more), hands('c1')))).code
  expect(await code({ command: ['no-such-command'] })).toBe('process.command-not-found')
  expect(await code({ cwd: join(base, 'nowhere') })).toBe('process.no-cwd')
  expect(await code({ dirs: { DATA: join(base, 'nowhere') } })).toBe('process.dir-not-opened')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const fault = await faultOf(service.prepare(at, null, await want({ port }), hands('c1')))
  expect([fault.code, fault.detail]).toEqual(['service.port-taken', `127.0.0.1:${port}: somebody listens there.`])
  await new Promise((resolve) => server.close(resolve))
})

test('a port that is lost while it starts is replaced by another one', async () => {
  const script = `
    const { PORT } = process.env
    const mark = ${JSON.stringify(join(base, 'lost'))}
    if (!require('node:fs').existsSync(mark)) { require('node:fs').writeFileSync(mark, ''); console.error('Error: listen EADDRINUSE'); process.exit(1) }
    require('node:http').createServer((q, r) => r.end('up')).listen(PORT, '127.0.0.1')`
  const step = await service.prepare(at, null, await want({ command: [process.execPath, '-e', script, base] }), hands('c1'))
  expect(await says(step.out)).toBe('up')
})

test('deleting stops it, and what was deleted comes back at the same port', async () => {
  const made = await create()
  const step = await service.prepare(at, (await seen()).state, null, hands('c2'))
  expect([step.out, step.reversal]).toEqual([null, 'restore'])
  expect(await service.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'fit' })
  expect(await service.read(at, null, look())).toBeNull()
  expect(strays()).toEqual([])
  expect(await service.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
  expect(await says(made.out)).toBe('v1')
  await service.turn(at, step.memento, 'after', hands('c2'))
  await service.release(at, made.memento, hands('c1'))
  await service.release(at, step.memento, hands('c2'))
  expect(readdirSync(join(room, 'instances'))).toEqual([])
})

test('creation is undone and redone', async () => {
  const made = await create()
  expect(await service.turn(at, made.memento, 'before', hands('c1'))).toEqual({ side: 'before', standby: 'fit' })
  expect(strays()).toEqual([])
  expect(await service.turn(at, made.memento, 'after', hands('c1'))).toEqual({ side: 'after', standby: 'fit' })
  expect(await says(made.out)).toBe('v1')
})

test('a fixed port: the old one is ended before the new one starts, and the same way back', async () => {
  const port = await look().fx.net.freePort('127.0.0.1')
  expect(service.prepares(await spec({ port }))).toBe('in-place')
  const made = await create({ port })
  const before = await seen()
  const step = await service.prepare(at, before.state, await want({ port, env: { VERSION: 'v2' } }), hands('c2'))
  expect([step.reversal, step.out?.port, strays().length]).toEqual(['restore', port, 1])
  for (const [side, version] of [
    ['after', 'v2'],
    ['before', 'v1'],
    ['after', 'v2'],
    ['before', 'v1'],
  ] as const) {
    expect(await service.turn(at, step.memento, side, hands('c2'))).toEqual({ side, standby: 'fit' })
    expect([await says(made.out), strays().length]).toEqual([version, 1])
  }
  expect(canonical((await seen()).state)).toBe(canonical(before.state))
})

test('a new side that does not come up in place stands mixed, and turning back brings the old one', async () => {
  const port = await look().fx.net.freePort('127.0.0.1')
  const made = await create({ port })
  const step = await service.prepare(at, (await seen()).state, await want({ port, env: { QUIRK: 'exit' } }), hands('c2'))
  expect((await faultOf(service.turn(at, step.memento, 'after', hands('c2')))).code).toBe('service.exited')
  expect((await service.look(at, step.memento, 'quick', look())).side).toBe('mixed')
  expect(await service.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
  expect(await says(made.out)).toBe('v1')
})

test('standby paused: it is stopped where it stands, and goes on when it is turned back to', async () => {
  await create({ standby: 'paused' })
  const before = await seen()
  const step = await service.prepare(at, before.state, await want({ standby: 'paused', env: { VERSION: 'v2' } }), hands('c2'))
  expect(await service.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'fit' })
  await until(() => readFileSync(`/proc/${before.pid}/stat`, 'utf8').includes(') T '))
  expect(await service.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
  expect([(await seen()).pid, await says(before.out)]).toEqual([before.pid, 'v1'])
  await service.turn(at, step.memento, 'after', hands('c2'))
})

test('standby stopped: it is ended, and started again at its port when it is turned back to', async () => {
  await create({ standby: 'stopped' })
  const before = await seen()
  const step = await service.prepare(at, before.state, await want({ standby: 'stopped', env: { VERSION: 'v2' } }), hands('c2'))
  expect(step.reversal).toBe('restore')
  expect(await service.turn(at, step.memento, 'after', hands('c2'))).toEqual({ side: 'after', standby: 'fit' })
  expect(strays().length).toBe(1)
  expect(await service.turn(at, step.memento, 'before', hands('c2'))).toEqual({ side: 'before', standby: 'fit' })
  expect(await says(before.out)).toBe('v1')
})

test('L6: a standby that died is gone, and nothing is turned to it', async () => {
  await create()
  const before = await seen()
  const step = await service.prepare(at, before.state, await want({ env: { VERSION: 'v2' } }), hands('c2'))
  await service.turn(at, step.memento, 'after', hands('c2'))
  process.kill(before.pid, 'SIGKILL')
  // One that is just dying shows no environment any more, and is still alive.
  await until(() => !existsSync(`/proc/${before.pid}`))
  expect(await service.look(at, step.memento, 'quick', look())).toEqual({ side: 'after', standby: 'gone' })
  const fault = await faultOf(service.turn(at, step.memento, 'before', hands('c2')))
  expect([fault.code, fault.class]).toEqual(['service.standby-gone', 'conflict'])
  expect(await says((await seen()).out)).toBe('v2')
})

test('a live instance that died does not stop the way back, and shows as not running', async () => {
  await create()
  const before = await seen()
  const step = await service.prepare(at, before.state, await want({ env: { VERSION: 'v2' } }), hands('c2'))
  await service.turn(at, step.memento, 'after', hands('c2'))
  process.kill((await seen()).pid, 'SIGKILL')
  // One that is just dying shows no command any more, and is still alive.
  while ((await seen()).state.running) await delay(5)
  expect((await service.probing?.probe(at, look()))?.fit).toBe(false)
  expect((await service.look(at, step.memento, 'quick', look())).side).toBe('after')
  expect((await service.turn(at, step.memento, 'before', hands('c2'))).side).toBe('before')
  expect(await says((await seen()).out)).toBe('v1')
})

test('one that ended by itself is repaired by an ordinary change, and undoing that is exact', async () => {
  await create()
  process.kill((await seen()).pid, 'SIGKILL')
  // One that is just dying shows no command any more, and is still alive.
  while ((await seen()).state.running) await delay(5)
  const dead = await seen()
  const step = await service.prepare(at, dead.state, await want(), hands('c2'))
  await service.turn(at, step.memento, 'after', hands('c2'))
  expect(await says((await seen()).out)).toBe('v1')
  await service.turn(at, step.memento, 'before', hands('c2'))
  expect(canonical((await seen()).state)).toBe(canonical(dead.state))
})

test('one that does not answer is forked as that, replaced, and restored; as an undo it is worth nothing until it answers', async () => {
  const sickly = { env: { VERSION: 'v1', QUIRK: 'sick' }, health: { http: '/', startWithinMs: 20_000, expectStatus: 500 } }
  await create(sickly)
  const before = await seen()
  // As if it had turned sick after it was started.
  const record = join(room, 'instances', readdirSync(join(room, 'instances'))[0] ?? '')
  writeFileSync(record, readFileSync(record, 'utf8').replace('"expectStatus":500', '"expectStatus":200'))
  const live = await seen()
  const healthy = await want({ env: { VERSION: 'v2' } })
  const step = await service.prepare(at, live.state, healthy, hands('c2'))
  await service.turn(at, step.memento, 'after', hands('c2'))
  expect(await says((await seen()).out)).toBe('v2')
  expect(await service.look(at, step.memento, 'quick', look())).toEqual({ side: 'after', standby: 'gone' })
  expect((await service.turn(at, step.memento, 'before', hands('c2'))).side).toBe('before')
  expect([canonical((await seen()).state), (await seen()).pid]).toEqual([canonical(live.state), before.pid])
  const gone = await service.prepare(at, live.state, null, hands('c3'))
  await service.turn(at, gone.memento, 'after', hands('c3'))
  expect(await service.read(at, null, look())).toBeNull()
  await service.turn(at, gone.memento, 'before', hands('c3'))
  expect([canonical((await seen()).state), (await seen()).out]).toEqual([canonical(live.state), before.out])
})

test('a copy of what does not answer need not answer, nor live; a copy of what does must', async () => {
  const there = { world: 'w', id: 'api', part: null }
  for (const [quirk, unfit, running] of [
    ['sick', '500', true],
    ['exit', '500', false],
  ] as const) {
    const wanted = await spec({ env: { QUIRK: quirk } })
    const copy = await service.fork(at, there, await want({ env: { QUIRK: quirk } }), wanted, hands('f'), unfit)
    expect((await service.read({ ...at, part: copy.part }, null, look()))?.state).toMatchObject({ running })
    await service.close({ ...at, part: copy.part }, hands('f'))
  }
  const wanted = await spec({ env: { QUIRK: 'exit' } })
  expect((await faultOf(service.fork(at, there, await want(), wanted, hands('f')))).code).toBe('service.exited')
})

test('an outside change between plan and prepare, or prepare and turn, is a conflict', async () => {
  await create()
  const before = await seen()
  const two = await service.prepare(at, before.state, await want({ env: { VERSION: 'v2' } }), hands('c2'))
  const three = await service.prepare(at, before.state, await want({ env: { VERSION: 'v3' } }), hands('c3'))
  await service.turn(at, three.memento, 'after', hands('c3'))
  expect(await faultOf(service.turn(at, two.memento, 'after', hands('c2')))).toMatchObject({ code: 'service.changed', class: 'conflict' })
  expect((await service.look(at, two.memento, 'quick', look())).side).toBe('other')
  expect((await faultOf(service.prepare(at, before.state, null, hands('c4')))).code).toBe('service.changed')
  expect((await faultOf(service.prepare(at, null, before.state, hands('c4')))).code).toBe('service.changed')
})

test('code is started from a copy: the old version comes back although its folder has changed', async () => {
  const code = join(base, 'server')
  mkdirSync(join(code, 'lib'), { recursive: true })
  writeFileSync(join(code, 'main.cjs'), "require('./lib/serve.cjs')")
  const serve = (version: string): void =>
    writeFileSync(
      join(code, 'lib/serve.cjs'),
      `require('node:http').createServer((q, r) => r.end('${version}')).listen(process.env.PORT, '127.0.0.1')`,
    )
  serve('one')
  symlinkSync('lib', join(code, 'link'))
  const more = { code: './server', command: [process.execPath, 'main.cjs', base], standby: 'stopped', env: {} }
  await create(more)
  const before = await seen()
  serve('two')
  const step = await service.prepare(at, before.state, await want(more), hands('c2'))
  rmSync(code, { recursive: true })
  await service.turn(at, step.memento, 'after', hands('c2'))
  expect(await says((await seen()).out)).toBe('two')
  await service.turn(at, step.memento, 'before', hands('c2'))
  expect(await says((await seen()).out)).toBe('one')
  await service.turn(at, step.memento, 'after', hands('c2'))
  expect(readdirSync(join(room, 'code')).length).toBe(2)
  await service.release(at, { ...step.memento, key: 'c1' }, hands('c1'))
  await service.release(at, step.memento, hands('c2'))
  expect(readdirSync(join(room, 'code')).length).toBe(1)
  rmSync(join(room, 'code'), { recursive: true })
  const undo = await service.prepare(at, (await seen()).state, before.state, hands('c3'))
  expect(await says(undo.out)).toBe('one')
})

test('code: a frozen spec freezes to itself; what cannot be kept is refused', async () => {
  mkdirSync(join(base, 'server'))
  writeFileSync(join(base, 'server', 'a'), 'a')
  const once = await service.source?.freeze({ command: ['x'], code: './server', cwd: 'sub', dirs: { D: './d' } }, base, hands('f'))
  expect(once).toMatchObject({ code: { from: './server' }, cwd: 'sub', dirs: { D: join(base, 'd') } })
  expect(await service.source?.freeze(once ?? null, '/elsewhere', hands('f'))).toEqual(once)
  const code = (value: Json) => faultOf(service.source?.freeze({ command: ['x'], code: value }, base, hands('f')) ?? Promise.resolve())
  expect((await code('./none')).code).toBe('service.code-missing')
  expect((await code({ $ref: 'tree', output: 'path' })).code).toBe('plan.known-too-late')
  expect((await code('/dev/null')).code).toMatch(/service.code-(missing|odd)/)
})

test('directories are handed over open: a running instance keeps the one that it was started with', async () => {
  mkdirSync(join(base, 'slots/one'), { recursive: true })
  mkdirSync(join(base, 'slots/two'), { recursive: true })
  writeFileSync(join(base, 'slots/one/file'), 'first')
  writeFileSync(join(base, 'slots/two/file'), 'second')
  const path = join(base, `slots/i${statSync(join(base, 'slots/one')).ino}`)
  symlinkSync('one', path)
  const step = await create({ dirs: { DATA: path } })
  rmSync(path)
  symlinkSync('two', path)
  expect(await says(step.out)).toBe('v1 first')
})

test('L18: a secret reaches the process and nothing that is kept, recorded or said', async () => {
  const value = 'correct horse battery staple'
  const mac = name(Buffer.from(value))
  objects.set(mac, Buffer.from(value))
  const secret = { secret: 'db.password', mac }
  const step = await create({ env: { VERSION: secret } })
  expect(await says(step.out)).toBe(value)
  const broken = await want({ command: ['sh', '-c', 'echo "cannot log in with $PASSWORD"; exit 1'], env: { PASSWORD: secret } })
  const fault = await faultOf(service.prepare(at, (await seen()).state, broken, hands('c2')))
  expect(fault.detail).toContain('cannot log in with ***')
  expect(JSON.stringify([recorder.take(), await service.read(at, null, look()), step])).not.toContain(value)
  for (const file of readdirSync(join(room, 'instances'))) expect(readFileSync(join(room, 'instances', file), 'utf8')).not.toContain(value)
})

test('a world of its own gets a copy at a free port, also where the port is fixed', async () => {
  const port = await look().fx.net.freePort('127.0.0.1')
  const made = await create({ port })
  const live = await seen()
  const primary = room
  room = join(base, 'shadow')
  const there = { world: 's', id: 'api', part: null }
  const copy = await service.fork(at, there, live.state, await spec({ port }), hands('f'))
  expect([copy.fidelity, copy.out?.port === port]).toEqual(['partial', false])
  const shadow = { ...there, part: copy.part }
  expect(canonical((await seen()).state)).toBe(canonical(live.state))
  const step = await service.prepare(shadow, (await seen()).state, await want({ port, env: { VERSION: 'v2' } }), hands('c2'))
  await service.turn(shadow, step.memento, 'after', hands('c2'))
  expect([await says(step.out), await says(made.out)]).toEqual(['v2', 'v1'])
  await service.turn(shadow, step.memento, 'before', hands('c2'))
  await service.close({ ...there, part: null }, hands('x'))
  await service.close({ ...there, part: null }, hands('x'))
  expect(readdirSync(room)).toEqual([])
  room = primary
  expect(await says(made.out)).toBe('v1')
  room = join(base, 'empty')
  expect(await service.fork(at, there, null, await spec(), hands('f'))).toMatchObject({
    part: { ports: 'free' },
    out: null,
    fidelity: 'exact',
  })
  room = primary
})

test('a stubborn instance is killed after its grace', async () => {
  const made = await create({ env: { QUIRK: 'stubborn' }, stop: { graceMs: 200 } })
  await service.turn(at, made.memento, 'before', hands('c1'))
  expect(strays()).toEqual([])
})

test.each(['lives', 'has ended'])(
  'deleting ends what it started in a session of its own as well, and tells it first; it %s itself',
  async (how) => {
    await create({ env: { VERSION: 'v1', QUIRK: 'helper' } })
    await until(() => existsSync(join(base, 'ready')))
    const { pid } = await seen()
    if (how === 'has ended') {
      process.kill(pid, 'SIGKILL')
      await until(() => !strays().includes(pid))
    }
    const step = await service.prepare(at, (await seen()).state, null, hands('c2'))
    await service.turn(at, step.memento, 'after', hands('c2'))
    expect([strays(), existsSync(join(base, 'told'))]).toEqual([[], true])
  },
)

test('cancelled while it waits for health: the instance does not stay', async () => {
  const state = await want({ env: { QUIRK: 'sick' } })
  const preparing = service.prepare(at, null, state, hands('c1')).then(
    () => 'prepared',
    () => 'stopped',
  )
  await until(() => strays().length === 1)
  abort.abort()
  expect(await preparing).toBe('stopped')
  await until(() => strays().length === 0)
})

test('L8: killed at any moment of preparing, it is found by its key, and preparing again converges', async () => {
  const state = await want()
  const program = `
    import { createRecorder, handsCall } from ${JSON.stringify(resolve('@understudy/engine'))}
    import { openEffects } from ${JSON.stringify(resolve('@understudy/engine/testing'))}
    import { processService } from ${JSON.stringify(join(import.meta.dirname, 'provider.ts'))}
    import { createHash } from 'node:crypto'
    const clock = { now: () => Date.now(), monotonic: () => performance.now() }
    const recorder = createRecorder(clock, new AbortController().signal)
    const name = (bytes) => 'h:' + createHash('sha256').update('key').update(bytes).digest('hex')
    const call = handsCall({ objects: { name }, recorder, fx: openEffects(recorder), room: ${JSON.stringify(room)} }, 'c1', 1)
    process.stdout.write('go')
    await processService.prepare(${JSON.stringify(at)}, null, ${JSON.stringify(state)}, call)`
  const file = join(base, 'killed.mjs')
  writeFileSync(file, program)
  for (const afterMs of [0, 3, 6, 10, 15, 25, 40, 60, 90, 150]) {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await Promise.race([ended, new Promise((resolve) => child.stdout.once('data', resolve))])
    await delay(afterMs) // where it dies is not decided here: every moment must be survived
    child.kill('SIGKILL')
    await ended
    if (afterMs % 2 === 0) {
      await service.release(at, null, hands('c1'))
      expect(strays()).toEqual([])
      expect(existsSync(join(room, 'instances')) ? readdirSync(join(room, 'instances')) : []).toEqual([])
    } else {
      const step = await service.prepare(at, null, state, hands('c1'))
      expect([await says(step.out), strays().length]).toEqual(['v1', 1])
    }
  }
})

test('a spec that cannot be is refused, and says where', () => {
  const issues = (spec: Json): string => {
    const parsed = service.schema.spec.safeParse(spec)
    return parsed.success ? '' : parsed.error.issues.map(({ path }) => path.join('/')).join(' ')
  }
  expect(issues({ command: ['x'] })).toBe('')
  expect(issues({ command: [] })).toBe('command')
  expect(issues({ command: ['x', 'a\0b'] })).toBe('command/1')
  expect(issues({ command: ['x'], nonsense: 1 })).toBe('')
  expect(issues({ command: ['x'], port: 70_000 })).toBe('port')
  expect(issues({ command: ['x'], port: 80, beside: 'yes' })).toBe('beside')
  expect(issues({ command: ['x'], env: { PORT: '1' } })).toBe('env/PORT')
  expect(issues({ command: ['x'], env: { A: '1' }, dirs: { A: '/a' } })).toBe('dirs/A')
  expect(issues({ command: ['x'], health: {} })).toBe('health')
  expect(issues({ command: ['x'], code: 'a', cwd: '../b' })).toBe('cwd')
  expect(JSON.stringify(service.schema.spec.describe())).toContain('portEnv')
})
