import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { At, Json, ProcessId } from '@understudy/contract'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { processService } from './provider.ts'

const PROGRAM = `
  const { createServer } = require('node:http')
  createServer((request, response) => response.end(process.env.VERSION)).listen(process.env.PORT, '127.0.0.1')`

async function stage(): Promise<Bench> {
  const open = await openStage()
  // Beside the rooms, not above them.
  const dir = join(open.dir, 'live')
  mkdirSync(dir)
  return {
    ...open,
    dir,
    processes: () => livingIn(open.dir),
    async close() {
      for (const { pid } of livingIn(open.dir)) process.kill(pid, 'SIGKILL')
      while (livingIn(open.dir).length > 0) await delay(5)
      await open.close()
    },
  }
}

/** Processes that were started in this folder, by their command line or log. */
function livingIn(dir: string): readonly ProcessId[] {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const pid = Number(entry)
      if (!Number.isInteger(pid) || pid === process.pid || !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(dir)) return []
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
      return fields[0] === 'Z' ? [] : [{ boot, pid, start: Number(fields[19]) }]
    } catch {
      return []
    }
  })
}

function spec(version: string, more: Record<string, Json> = {}): (bench: Bench) => Json {
  return (bench) => {
    const program = join(bench.dir, 'program.cjs')
    writeFileSync(program, PROGRAM)
    return {
      command: [process.execPath, program],
      env: { VERSION: version },
      health: { http: '/', startWithinMs: 20_000, everyMs: 20 },
      stop: { graceMs: 5_000 },
      ...more,
    }
  }
}

/** Somebody else's change, made in between. */
async function another(bench: Bench, at: At<Json>): Promise<void> {
  const place = { world: at.world, id: at.id, part: { ports: 'as-written' } as const }
  const call = bench.hands(at.world, at.id, 'another')
  const live = await processService.read(place, null, call)
  const parsed = processService.schema.spec.safeParse(spec('another')(bench))
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  const { state } = await processService.want(place, parsed.data, call)
  const step = await processService.prepare(place, live?.state ?? null, state, call)
  await processService.turn(place, step.memento, 'after', call)
}

const shared = {
  provider: processService,
  touch: another,
  appear: another,
  unknown(bench: Bench, at: At<Json>) {
    const pointer = join(bench.look(at.world, at.id).room, 'live.json')
    const whole = readFileSync(pointer)
    writeFileSync(pointer, whole.subarray(0, 3))
    return () => writeFileSync(pointer, whole)
  },
  ignores: (path: string) => path.endsWith('.log'),
  killPointsMax: 8,
  timeoutMs: 240_000,
}

conformance({
  ...shared,
  stage,
  specs: { a: spec('a'), b: spec('b'), c: spec('c', { standby: 'paused' }) },
  sizes: { small: [spec('a'), spec('b')], large: [spec('a'.repeat(10_000)), spec('b'.repeat(10_000))] },
  async secretSpec(bench) {
    const text = 'correct horse "battery" staple'
    const mac = await bench.look('planning', 'thing').put(Buffer.from(text))
    return { spec: spec('x', { env: { VERSION: { secret: 'vault:service', mac } } })(bench), text }
  },
})
