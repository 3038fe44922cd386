// Owns: a place where a provider can be called as the engine calls it: real effects in a directory of its own, a store in memory.
// Never: leaves anything behind; `close` fails if a mount or a process was left.
import { mkdtemp, readFile, readlink, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { EffectRecord, Hands, Look } from '@understudy/contract'
import { openEffects } from '../fx/open-effects.ts'
import { createRecorder } from '../fx/recorder.ts'
import { handsCall, lookCall } from '../world/call.ts'
import { memoryObjects } from './memory-objects.ts'

export interface Stage {
  /** Empty at first; everything of the test belongs in it. */
  readonly dir: string
  readonly objects: ReturnType<typeof memoryObjects>
  /** A reading call for the resource `id` in `world`. Its room is `DIR/rooms/WORLD/ID`. */
  look(world: string, id: string): Look
  hands(world: string, id: string, key: string): Hands
  /** What was done since the last time, in all calls. */
  records(): readonly EffectRecord[]
  /** Cancels all calls. */
  cancel(): void
  /** Removes everything. Rejects if a process still works in the directory, or something is mounted there. */
  close(): Promise<void>
}

const DYING_POLL_MS = 5
const EPOCH = 1 // the first lease that is ever given out

export async function openStage(): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'understudy-stage-'))
  const abort = new AbortController()
  const recorder = createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, abort.signal)
  const objects = memoryObjects()
  const fx = openEffects(recorder)
  const options = (world: string, id: string) => ({ objects, recorder, fx, room: join(dir, 'rooms', world, id) })
  return {
    dir,
    objects,
    look: (world, id) => lookCall(options(world, id)),
    hands: (world, id, key) => handsCall(options(world, id), key, EPOCH),
    records: () => recorder.take(),
    cancel: () => abort.abort(),
    async close() {
      let processes = await processesIn(dir)
      while (processes.some(({ dying }) => dying)) {
        await delay(DYING_POLL_MS)
        processes = await processesIn(dir)
      }
      const left = [...(await mountsBelow(dir)), ...processes.map(({ text }) => text)]
      if (left.length > 0) throw new Error(`left behind in ${dir}: ${left.join('; ')}`)
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function mountsBelow(dir: string): Promise<string[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8')
  const points = text.split('\n').map((line) => line.split(' ')[4] ?? '') // proc_pid_mountinfo(5): the mount point
  return points.filter((point) => point === dir || point.startsWith(`${dir}/`)).map((point) => `mount ${point}`)
}

/**
 * Processes that work in the directory, run from it, or hold something of it open; ourselves not counted. One that is
 * dying has given back its memory (no command line any more) and not yet its directories.
 */
async function processesIn(dir: string): Promise<{ readonly text: string; readonly dying: boolean }[]> {
  const found: { text: string; dying: boolean }[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue
    const links = ['cwd', 'exe', 'root', ...(await readdir(`/proc/${pid}/fd`).catch(() => [])).map((fd) => `fd/${fd}`)]
    const targets = await Promise.all(links.map((link) => readlink(`/proc/${pid}/${link}`).catch(() => '')))
    const target = targets.find((path) => path === dir || path.startsWith(`${dir}/`))
    if (target === undefined) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    found.push({ text: `process ${pid} at ${target}`, dying: command === '' })
  }
  return found
}
