import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { confirm, guardCount, keepOnce, loadStack, recover, revive, undoAhead } from '@understudy/engine'
import { applyTo, openTestStack, requestFor, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

const PROGRAM = `
  require('node:http').createServer((request, response) => {
    response.end(request.url === '/pid' ? String(process.pid) : process.env.VERSION)
  }).listen(process.env.PORT, '127.0.0.1')`

let stack: TestStack
let port: number
beforeEach(async () => {
  stack = await openTestStack()
  writeFileSync(join(stack.dir, 'program.cjs'), PROGRAM)
  const server = await listening(0)
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  await closed(server)
})
afterEach(async () => {
  await killed(running())
  await stack.close()
})

/** A killed process holds its port until the last of its threads is gone, which /proc does not show. */
async function listening(at: number): Promise<Server> {
  const server = createServer((_request, response) => response.end('foreign'))
  const tryOnce = (): Promise<unknown> =>
    new Promise((resolve) => server.once('error', resolve).listen(at, '127.0.0.1', () => resolve('listens')))
  await expect.poll(tryOnce, { timeout: 10_000 }).toBe('listens')
  return server
}
const closed = (server: Server): Promise<unknown> =>
  new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections()
  })

/** Processes that were started for this stack: services by their program, fronts by the room they stand in. */
function running(): readonly number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || pid === process.pid || dead(pid)) return []
      const facts = `${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}${readFileSync(`/proc/${pid}/environ`, 'utf8')}`
      return facts.includes(stack.dir) || (facts.includes('UNDERSTUDY_INSTANCE') && facts.includes(`\0${port}\0`)) ? [pid] : []
    } catch {
      return []
    }
  })
}

function dead(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}

async function killed(pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  while (!pids.every(dead)) await delay(5)
}

/** All processes go, the store and the files stay. What is known of them is of another boot, as after a real one. */
async function reboot(): Promise<void> {
  await killed(running())
  const rooms = join(stack.dir, '.understudy')
  for (const file of readdirSync(rooms, { recursive: true, encoding: 'utf8' })) {
    if (!/instances\/[^/]*\.json$/.test(file)) continue
    const text = readFileSync(join(rooms, file), 'utf8')
    writeFileSync(join(rooms, file), text.replace(/"boot":"[^"]*"/, '"boot":"00000000-0000-0000-0000-000000000000"'))
  }
}

const shop = (version: string, own?: number): Wishes => ({
  api: {
    kind: 'process.service',
    spec: {
      command: [process.execPath, join(stack.dir, 'program.cjs')],
      env: { VERSION: version },
      health: { http: '/', startWithinMs: 20_000 },
      ...(own === undefined ? {} : { port: own }),
    },
  },
  web: { kind: 'proxy.route', spec: { listen: port, to: { $ref: 'api', output: 'url' }, health: '/' }, dependsOn: ['api'] },
})

async function get(path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return `${response.status} ${await response.text()}`
}
const pid = async (): Promise<number> => Number((await get('/pid')).slice(4))
const state = () => loadStack(stack.store, 'test')

let v1: number
beforeEach(async () => {
  await applyTo(stack, shop('v1'))
  v1 = await pid()
  await applyTo(stack, shop('v2'), {}, { confirmWithinMs: 3_600_000 })
  expect(await get('/')).toBe('200 v2')
})

/** The same stack in the next boot, so much later: what the machine counts begins anew. */
const inNextBoot = (ms: number) => {
  const { clock, self } = stack.ports
  const clocks = { clock: { ...clock, now: () => clock.now() + ms }, uptimeMs: () => 0, self: { ...self, boot: 'the next one' } }
  return { ...stack, ports: { ...stack.ports, ...clocks } }
}
/** When the deadline has passed. */
const later = () => inNextBoot(7_200_000)

describe('L8: after a reboot', () => {
  beforeEach(reboot)

  test('the undo starts a fresh instance of the old version, and the front', async () => {
    expect(await undoAhead(stack.ports, await state())).toMatchObject({ how: 'compiled' })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v1')
  })

  test('what was not confirmed in time is undone, not held', async () => {
    expect(await recover(later().ports)).toMatchObject([{ outcome: 'undone', why: 'overdue' }])
    expect(await get('/')).toBe('200 v1')
  })

  test('what was live is started again where it was; it can still be undone', async () => {
    const { seq } = await state()
    expect(await revive(stack.ports)).toEqual([
      { resource: 'api', fault: null },
      { resource: 'web', fault: null },
    ])
    expect(await get('/')).toBe('200 v2')
    expect(await revive(stack.ports)).toEqual([])
    expect((await state()).seq).toBe(seq)
    expect(await undoAhead(stack.ports, await state())).toMatchObject({ how: 'compiled' })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v1')
  })

  test('a keeper that starts does that, once', async () => {
    const count = guardCount()
    await keepOnce(stack.ports, count)
    expect(await get('/')).toBe('200 v2')
    await killed([await pid()])
    await keepOnce(stack.ports, count)
    expect(await get('/')).not.toMatch(/^200/)
  })

  test('a keeper that starts after the deadline undoes it', async () => {
    expect(await keepOnce(later().ports, guardCount())).toMatchObject({ undid: expect.any(String) })
    expect(await get('/')).toBe('200 v1')
  })

  test('who took the address of the front meanwhile is a conflict, and left alone', async () => {
    const foreign = await listening(port)
    try {
      expect(await rollBackOn(stack)).toMatchObject({
        outcome: 'failed',
        held: false,
        result: { outcome: 'undone', touched: false, fault: { code: 'route.port-taken', class: 'conflict' } },
      })
      expect(await revive(stack.ports)).toMatchObject([
        { resource: 'api', fault: null },
        { resource: 'web', fault: { code: 'route.port-taken' } },
      ])
      expect(await get('/')).toBe('200 foreign')
    } finally {
      await closed(foreign)
    }
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v1')
  })
})

describe('L6: only one of the two is dead', () => {
  test('the old one: a fresh one is started', async () => {
    await killed([v1])
    expect(await undoAhead(stack.ports, await state())).toMatchObject({ how: 'compiled' })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v1')
  })

  test('the live one: the old one is turned to', async () => {
    await killed([await pid()])
    expect(await undoAhead(stack.ports, await state())).toMatchObject({ how: 'flip' })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip', undoing: { verified: true } })
    expect([await get('/'), await pid()]).toEqual(['200 v1', v1])
  })
})

describe('a service with a port of its own, which both sides cannot have at once', () => {
  let own: number
  beforeEach(async () => {
    const server = await listening(0)
    const address = server.address()
    own = typeof address === 'object' && address !== null ? address.port : 0
    await closed(server)
    await confirm(stack.ports)
    await applyTo(stack, shop('v3', own))
    await applyTo(stack, shop('v4', own))
    await reboot()
  })

  test('who took it after a reboot is named, nothing is turned half-way, and when they are gone it works', async () => {
    const foreign = await listening(own)
    try {
      for (let times = 0; times < 2; times += 1) {
        expect(await rollBackOn(stack)).toMatchObject({ outcome: 'failed', held: false, result: { fault: { code: 'service.port-taken' } } })
      }
      expect(await revive(stack.ports)).toMatchObject([
        { resource: 'api', fault: { code: 'service.port-taken' } },
        { resource: 'web', fault: null },
      ])
    } finally {
      await closed(foreign)
    }
    expect(await revive(stack.ports)).toMatchObject([{ resource: 'api', fault: null }])
    expect(await get('/')).toBe('200 v4')
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v3')
  })
})

test('a temporary change is undone by a keeper that starts after its time, and not before', async () => {
  await confirm(stack.ports)
  await applyTo(stack, shop('v3'), {}, { lasts: { forMs: 3_600_000 } })
  await reboot()
  expect(await keepOnce(inNextBoot(0).ports, guardCount())).toMatchObject({ undid: null })
  expect(await get('/')).toBe('200 v3')
  await reboot()
  expect(await keepOnce(later().ports, guardCount())).toMatchObject({ undid: expect.any(String) })
  expect([await get('/'), (await state()).tombstones]).toEqual(['200 v2', {}])
})

test('a keeper that starts while a change is guarded hides no release that fell over: the guard undoes it', async () => {
  await confirm(stack.ports)
  const guarded = Object.fromEntries(Object.entries(shop('v3')).map(([name, wish]) => [name, { ...wish, guard: name === 'api' }]))
  const { intent } = requestFor(stack, guarded)
  const policy = { ...intent.policy, onGuard: 'undo' as const, guardForMs: 600_000, guardFailures: 1 }
  await applyTo(stack, {}, { intent: { ...intent, policy } })
  expect(await get('/')).toBe('200 v3')
  await killed([await pid()])
  expect(await keepOnce(stack.ports, guardCount())).toMatchObject({ undid: expect.any(String) })
  expect(await get('/')).toBe('200 v2')
})
