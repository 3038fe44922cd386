import { mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'
import type { At, Json, ProcessId } from '@understudy/contract'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { proxyRoute } from './provider.ts'

const servers: Server[] = []
const backends: Record<string, string> = {}

beforeAll(async () => {
  for (const word of ['a', 'b', 'c', 'other']) {
    const server = createServer((_request, response) => response.end(word))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    backends[word] = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
    servers.push(server)
  }
})

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

/** One listening port for all specs of a bench. */
const ports = new WeakMap<Bench, number>()

async function stage(): Promise<Bench> {
  const open = await openStage()
  // Beside the rooms, not above them.
  const dir = join(open.dir, 'live')
  mkdirSync(dir)
  const bench: Bench = {
    ...open,
    dir,
    processes: () => frontsIn(open.dir),
    async close() {
      for (const { pid } of frontsIn(open.dir)) process.kill(pid, 'SIGKILL')
      while (frontsIn(open.dir).length > 0) await delay(5)
      await open.close()
    },
  }
  ports.set(bench, await bench.look('planning', 'port').fx.net.freePort('127.0.0.1'))
  return bench
}

/** Fronts that were started in rooms of this folder, by their working directory. */
function frontsIn(dir: string): readonly ProcessId[] {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || pid === process.pid || !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('front/main.ts'))
        return []
      if (!readlinkSync(`/proc/${pid}/cwd`).startsWith(dir)) return []
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      return fields[0] === 'Z' ? [] : [{ boot, pid, start: Number(fields[19]) }]
    } catch {
      return []
    }
  })
}

function spec(word: string, more: Record<string, Json> = {}): (bench: Bench) => Json {
  return (bench) => ({ listen: ports.get(bench) ?? 0, to: backends[word] ?? '', drainMs: 500, ...more })
}

/** Somebody else's change, made in between. */
async function another(bench: Bench, at: At<Json>): Promise<void> {
  const part = proxyRoute.schema.part.safeParse(at.part)
  if (!part.success) throw new Error('this is no place of a route')
  const place = { world: at.world, id: at.id, part: part.data }
  const call = bench.hands(at.world, at.id, 'another')
  const live = await proxyRoute.read(place, null, call)
  const parsed = proxyRoute.schema.spec.safeParse(spec('other')(bench))
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  const { state } = await proxyRoute.want(place, parsed.data, call)
  const step = await proxyRoute.prepare(place, live?.state ?? null, state, call)
  await proxyRoute.turn(place, step.memento, 'after', call)
}

conformance({
  provider: proxyRoute,
  stage,
  specs: { a: spec('a', { health: '/up' }), b: spec('b'), c: spec('c', { retry: false }) },
  touch: another,
  appear: another,
  // Stopped, it neither answers nor is it gone.
  unknown(bench) {
    const fronts = bench.processes?.() ?? []
    for (const { pid } of fronts) process.kill(pid, 'SIGSTOP')
    return () => {
      for (const { pid } of fronts) process.kill(pid, 'SIGCONT')
    }
  },
  sizes: {
    small: [spec('a'), spec('b')],
    large: [spec('a', { health: `/${'x'.repeat(2_000)}` }), spec('b', { health: `/${'y'.repeat(2_000)}` })],
  },
  ignores: (path) => path.endsWith('.log'),
  killPointsMax: 8,
  timeoutMs: 240_000,
})
