import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { acceptDrift, findDrift, headRevision, loadStack, revertDrift, withLease } from '@understudy/engine'
import type { ChangeRequest } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

/** Answers its version; 500 while the file `sick` is there and after `/break`; ends at once where the file `ends` is there; not if CURED. */
const PROGRAM = `
  const there = (name) => process.env.CURED !== 'yes' && require('node:fs').existsSync(__dirname + '/' + name)
  if (there('ends')) process.exit(1)
  let broken = false
  require('node:http').createServer((request, response) => {
    if (request.url === '/break') broken = true
    const sick = broken || there('sick')
    response.writeHead(sick && request.url === '/' ? 500 : 200).end(request.url === '/pid' ? String(process.pid) : process.env.VERSION)
  }).listen(process.env.PORT, '127.0.0.1')`

let stack: TestStack
let port: number
beforeEach(async () => {
  stack = await openTestStack()
  writeFileSync(join(stack.dir, 'program.cjs'), PROGRAM)
  port = await freePort()
})
afterEach(async () => {
  for (const pid of running()) process.kill(pid, 'SIGKILL')
  await until(() => running().length === 0)
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

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5)
}

const service = (version: string, more: Readonly<Record<string, string>> = {}): Wishes => ({
  api: {
    kind: 'process.service',
    spec: {
      command: [process.execPath, join(stack.dir, 'program.cjs')],
      env: { VERSION: version, ...more },
      health: { http: '/', startWithinMs: 20_000 },
    },
  },
})
/** Behind a route, as the shop is. */
const shop = (version: string, more: Readonly<Record<string, string>> = {}): Wishes => ({
  ...service(version, more),
  web: { kind: 'proxy.route', spec: { listen: port, to: { $ref: 'api', output: 'url' }, health: '/' }, dependsOn: ['api'] },
})

async function get(path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return `${response.status} ${await response.text()}`
}
const pid = async (): Promise<number> => Number((await get('/pid')).slice(4))

function ended(victim: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${victim}/stat`, 'utf8'))
  } catch {
    return true
  }
}

async function kill(victim: number): Promise<void> {
  process.kill(victim, 'SIGKILL')
  // A process that is just dying shows neither command nor mark any more, and is still alive.
  await until(() => ended(victim))
}

async function committed(wishes: Wishes, more: Partial<ChangeRequest> = {}) {
  const outcome = await applyTo(stack, wishes, more)
  if (outcome.outcome !== 'ended') throw new Error(JSON.stringify(outcome, null, 1).slice(0, 3_000))
  expect(outcome.result).toMatchObject({ outcome: 'committed' })
  return outcome
}

const head = async () => headRevision(stack.store, await loadStack(stack.store, 'test'))

async function destroyed(): Promise<void> {
  await committed({}, { destroy: true })
  expect((await head())?.resources).toEqual({})
}

const exceptions = async (wishes: Wishes, more: Partial<ChangeRequest> = {}) => (await committed(wishes, more)).rehearsal?.certificate

describe('a dead service behind a route', () => {
  beforeEach(async () => {
    await committed(shop('v1'))
    await kill(await pid())
    expect(await get('/')).not.toMatch(/^200/)
  })

  test('is repaired by an ordinary change; the certificate says what would come back', async () => {
    expect(await exceptions(shop('v2'))).toMatchObject({
      grade: 'exact-except',
      except: [
        expect.stringMatching(/^api: what would come back does not answer \(its process is gone\)$/),
        expect.stringMatching(/^web: /),
      ],
    })
    expect(await get('/')).toBe('200 v2')
  })

  test('is repaired by the same content once more, and by --replace', async () => {
    await committed(shop('v1'))
    expect(await get('/')).toBe('200 v1')
    await kill(await pid())
    await committed(shop('v1'), { replace: ['api'] })
    expect(await get('/')).toBe('200 v1')
  })

  test('L6: undoing the repair starts a fresh one of the old version, never leads to the dead one', async () => {
    await committed(shop('v2'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v1')
  })

  test('L6: undoing a repair that changed nothing else leaves what answers', async () => {
    await committed(shop('v1'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(await get('/')).toBe('200 v1')
  })

  test('drift --revert repairs it', async () => {
    await revertDrift(stack.ports, [])
    expect(await get('/')).toBe('200 v1')
  })

  test('drift accepted, then applied', async () => {
    const revision = await head()
    const drift = revision === null ? [] : await findDrift(stack.ports, revision)
    expect(drift).toMatchObject([
      { resource: 'api', drifted: true },
      { resource: 'web', drifted: false },
    ])
    await withLease(stack.ports, 'accept', (writable) => acceptDrift(writable, drift))
    await committed(shop('v1'))
    expect(await get('/')).toBe('200 v1')
  })

  test('can be destroyed', async () => {
    await destroyed()
  })
})

describe('a service that answers 500', () => {
  beforeEach(async () => {
    await committed(shop('v1'))
  })
  const sick = (): void => writeFileSync(join(stack.dir, 'sick'), '')

  test('the fix is deployed although no copy of the old one answers; L6: undone only once the old one answers again', async () => {
    sick()
    expect(await exceptions(shop('v2', { CURED: 'yes' }))).toMatchObject({
      grade: 'exact-except',
      except: [expect.stringContaining('answers 500, not 200'), expect.stringContaining('web: what would come back does not answer')],
    })
    expect(await get('/')).toBe('200 v2')
    writeFileSync(join(stack.dir, 'ends'), '')
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'refused', code: 'rollback.rehearsal' })
    expect(await get('/')).toBe('200 v2')
    rmSync(join(stack.dir, 'sick'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(await get('/')).toBe('200 v1')
  })

  test('one whose copies would answer is replaced too', async () => {
    await get('/break')
    expect(await get('/')).toMatch(/^500/)
    await committed(shop('v1'), { replace: ['api'] })
    expect(await get('/')).toBe('200 v1')
  })

  test('can be destroyed', async () => {
    sick()
    await destroyed()
  })
})

test('a dead front is repaired, and the undo of that does not take it away again', async () => {
  await committed(shop('v1'))
  const api = await pid()
  const front = running().find((each) => each !== api) ?? 0
  await kill(front)
  await committed(shop('v1'))
  expect(await get('/')).toBe('200 v1')
  await rollBackOn(stack)
  expect(await get('/')).toBe('200 v1')
})

test('what is healthy must have a copy that answers: else the change is refused as before', async () => {
  await committed(service('v1'))
  writeFileSync(join(stack.dir, 'ends'), '')
  expect(await applyTo(stack, service('v2', { CURED: 'yes' }))).toMatchObject({
    outcome: 'refused',
    rehearsal: { failed: { during: 'fork' } },
  })
})
