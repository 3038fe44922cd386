import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { whatIf } from '@understudy/engine'
import { applyTo, openTestStack, requestFor, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

/** Answers what its configuration said when it started, and what it says now. */
const PROGRAM = `
  const read = () => require('node:fs').readFileSync(process.env.CONF, 'utf8')
  const started = read()
  require('node:http').createServer((request, response) => response.end(started + ' ' + read()))
    .listen(process.env.PORT, '127.0.0.1')`

let stack: TestStack
let port: number
beforeEach(async () => {
  stack = await openTestStack()
  writeFileSync(join(stack.dir, 'program.cjs'), PROGRAM)
  port = await freePort()
})
afterEach(async () => {
  for (const pid of running()) process.kill(pid, 'SIGKILL')
  while (running().length > 0) await delay(5)
  await stack.close()
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Processes that were started for this stack: services by their program, fronts by the room they stand in. */
function running(): readonly number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || pid === process.pid || / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) return []
      const facts = `${readFileSync(`/proc/${pid}/cmdline`, 'utf8')}${readFileSync(`/proc/${pid}/environ`, 'utf8')}`
      return facts.includes(stack.dir) || (facts.includes('UNDERSTUDY_INSTANCE') && facts.includes(`\0${port}\0`)) ? [pid] : []
    } catch {
      return []
    }
  })
}

type Way = 'env' | 'dirs'

/** A file, a service that reads it, a front. `output` is how the service names the file. */
const shop = (content: string, way: Way, output: 'slot' | 'path' = 'slot'): Wishes => ({
  conf: { kind: 'files.file', spec: { path: 'app.conf', content } },
  api: {
    kind: 'process.service',
    spec: {
      command: [process.execPath, join(stack.dir, 'program.cjs')],
      [way]: { CONF: { $ref: 'conf', output } },
      health: { http: '/', startWithinMs: 20_000 },
    },
    dependsOn: ['conf'],
  },
  web: { kind: 'proxy.route', spec: { listen: port, to: { $ref: 'api', output: 'url' }, health: '/' }, dependsOn: ['api'] },
})

const answer = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text()
const conf = (): string => readFileSync(join(stack.dir, 'app.conf'), 'utf8')
const committed = { outcome: 'ended', result: { outcome: 'committed' } }
const flipped = { outcome: 'undone', how: 'flip', undoing: { verified: true } }

test.each(['env', 'dirs'] as const)('a service and its file are created, changed and undone as one (%s)', async (way) => {
  expect(await applyTo(stack, shop('v1', way))).toMatchObject({ ...committed, rehearsal: { certificate: { grade: 'exact' } } })
  expect(await answer()).toBe('v1 v1')
  expect(await applyTo(stack, shop('v2', way))).toMatchObject({ ...committed, rehearsal: { certificate: { grade: 'exact' } } })
  expect([await answer(), conf()]).toEqual(['v2 v2', 'v2'])
  expect(await rollBackOn(stack)).toMatchObject(flipped)
  expect([await answer(), conf()]).toEqual(['v1 v1', 'v1'])
  expect(await rollBackOn(stack, { to: 2 })).toMatchObject(flipped)
  expect([await answer(), conf()]).toEqual(['v2 v2', 'v2'])
  // Two changes on, the first side is long let go of: a compiled undo makes it anew.
  expect(await applyTo(stack, shop('v3', way))).toMatchObject(committed)
  expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
  expect([await answer(), conf()]).toEqual(['v1 v1', 'v1'])
  expect(await rollBackOn(stack, { to: 0 })).toMatchObject({ outcome: 'undone' })
  expect(existsSync(join(stack.dir, 'app.conf'))).toBe(false)
})

test('what-if tries the service on the file that is to come, and refuses one that does not start on it', async () => {
  writeFileSync(join(stack.dir, 'program.cjs'), PROGRAM.replace('const started', "if (read() === 'bad') process.exit(1)\nconst started"))
  await applyTo(stack, shop('v1', 'env'))
  const foreseen = await whatIf(stack.ports, requestFor(stack, shop('bad', 'env')))
  expect(foreseen).toMatchObject({ rehearsal: { failed: { during: 'prepare' } } })
  expect(await answer()).toBe('v1 v1')
})

test('who runs and is given the live name is told, in the plan, and of the output that is bound to the content', async () => {
  const told = { code: 'live-name', resource: 'api', text: expect.stringContaining('${conf.slot}') }
  const first = await applyTo(stack, shop('v1', 'env', 'path'))
  expect(first).toMatchObject({ outcome: 'refused', plan: { notes: [told] } })
  await applyTo(stack, shop('v1', 'env'))
  expect((await applyTo(stack, shop('v2', 'env', 'path'))).plan.notes).toEqual([told])
  expect((await whatIf(stack.ports, requestFor(stack, shop('v3', 'env')))).plan.notes).toEqual([])
})
