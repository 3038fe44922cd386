import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { faultOf } from '@understudy/contract'
import { bootId, isAlive, processStat } from '../fx/process-identity.ts'
import type { EngineEvent } from '../model/events.ts'
import { openSqliteStore } from '../store/sqlite-store.ts'
import { machineClock, openPorts } from '../world/open-ports.ts'
import { withLease } from './lease.ts'

let dir: string
const children: ChildProcess[] = []
const strays: number[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lease-'))
})
afterEach(async () => {
  for (const pid of strays.splice(0)) if (processStat(pid) !== null) process.kill(pid, 'SIGKILL')
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  rmSync(dir, { recursive: true })
})

const path = (file: string): string => JSON.stringify(fileURLToPath(new URL(file, import.meta.url)))
const alive = (pid: number): boolean => isAlive({ boot: bootId(), pid, start: processStat(pid)?.start ?? -1 })

/** Another process that takes the lease and runs a command, which says its pid in the file `pid`. Resolves with both pids. */
async function holder(command: string): Promise<{ readonly process: ChildProcess; readonly pid: number; readonly command: number }> {
  const code = `
    import { createRecorder } from ${path('../fx/recorder.ts')}
    import { openSqliteStore } from ${path('../store/sqlite-store.ts')}
    import { machineClock, openPorts } from ${path('../world/open-ports.ts')}
    import { withLease } from ${path('./lease.ts')}
    const dir = ${JSON.stringify(dir)}
    const store = await openSqliteStore({ dir, clock: machineClock })
    const { signal } = new AbortController()
    const ports = openPorts({ stack: 'web', dir, store, kinds: [], onEvent: () => 0, who: 'other', through: 'test', signal, parallelism: 1 })
    await withLease(ports, 'apply', async (writable) => {
      const { effects } = writable.ports.openEffects(createRecorder(machineClock, signal))
      await effects.process.run(['/bin/sh', '-c', ${JSON.stringify(command)}], { cwd: dir, timeoutMs: 60_000 })
      await new Promise((resolve) => setTimeout(resolve, 60_000))
    })`
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', code], { stdio: 'inherit' })
  children.push(child)
  const file = join(dir, 'pid')
  await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), { timeout: 20_000 }).toBe(true)
  const pid = Number(readFileSync(file, 'utf8'))
  strays.push(pid)
  return { process: child, pid: child.pid ?? 0, command: pid }
}

/** What a holder's silence of fifteen seconds comes to. */
function runOut(): void {
  const db = new DatabaseSync(join(dir, 'store.db'))
  db.exec('update leases set until = 0')
  db.close()
}

async function takeOver<T>(body: () => T): Promise<{ readonly value: T; readonly events: readonly EngineEvent[] }> {
  const store = await openSqliteStore({ dir, clock: machineClock })
  const events: EngineEvent[] = []
  const { signal } = new AbortController()
  const onEvent = (event: EngineEvent): void => void events.push(event)
  const ports = openPorts({ stack: 'web', dir, store, kinds: [], onEvent, who: 'tester', through: 'test', signal, parallelism: 1 })
  try {
    return { value: await withLease(ports, 'rollback', async () => body()), events }
  } finally {
    await store.close()
  }
}

const waiting = 'echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; echo late > late'

test('one that was paused, and the command it had running, are ended before the next one has its first effect', async () => {
  const other = await holder(waiting)
  other.process.kill('SIGSTOP')
  await expect.poll(() => processStat(other.pid)?.state).toBe('T')
  expect(await takeOver(() => 0).catch(faultOf)).toMatchObject({ code: 'lease.held' })
  runOut()
  const { value, events } = await takeOver(() => [alive(other.pid), alive(other.command)])
  expect(value).toEqual([false, false])
  const pids = events.find(({ type }) => type === 'lease.taken-over')?.data['pids']
  expect(pids).toEqual(expect.arrayContaining([other.pid, other.command]))
})

test('a command that outlived who ran it is ended, too', async () => {
  const other = await holder(waiting)
  other.process.kill('SIGKILL')
  await expect.poll(() => alive(other.pid)).toBe(false)
  expect(alive(other.command)).toBe(true)
  expect((await takeOver(() => alive(other.command))).value).toBe(false)
})

test('what a command left running on purpose, and who only reads the file, are left alone', async () => {
  const other = await holder('sleep 60 >/dev/null 2>&1 & echo $! > pid')
  const file = openSync(join(dir, 'lock.web'), 'r')
  const reader = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', file] })
  children.push(reader)
  closeSync(file)
  // The command's share is given back when it has ended, which the holder sees a moment after the file is written.
  const inode = `:${statSync(join(dir, 'lock.web')).ino} `
  const held = (): number =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(inode)).length
  await expect.poll(held).toBe(1)
  other.process.kill('SIGKILL')
  await expect.poll(() => alive(other.pid)).toBe(false)
  const { value, events } = await takeOver(() => [alive(other.command), alive(reader.pid ?? 0)])
  expect(value).toEqual([true, true])
  expect(events).toEqual([])
})
