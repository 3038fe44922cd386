import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData, ProcessId } from '@understudy/contract'
import { processChannel } from './process-channel.ts'
import { createRecorder } from './recorder.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const PATH = '/usr/bin:/bin'

let dir: string
let abort: AbortController
let recorder: ReturnType<typeof createRecorder>
let fx: ReturnType<typeof processChannel>
let started: ProcessId[]

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'process-channel-'))
  abort = new AbortController()
  recorder = createRecorder(clock, abort.signal)
  fx = processChannel(recorder)
  started = []
})

afterEach(() => {
  for (const id of started) fx.writes.signal(id, 'SIGKILL')
  rmSync(dir, { recursive: true })
})

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

async function start(argv: string[], more: Partial<Parameters<typeof fx.writes.spawn>[1]> = {}): Promise<ProcessId> {
  const id = await fx.writes.spawn(argv, { cwd: dir, env: { PATH }, log: join(dir, 'log'), ...more })
  started.push(id)
  return id
}

const log = (): string => readFileSync(join(dir, 'log'), 'utf8')

test('run gives both outputs, the exit code, and hands over arguments as they are', async () => {
  const result = await fx.writes.run(['sh', '-c', 'printf "%s|" "$@"; echo bad >&2; exit 3', 'x', '$(id)', "a'b", ''], {
    timeoutMs: 10_000,
  })
  expect(result).toEqual({ code: 3, signal: null, stdout: "$(id)|a'b||", stderr: 'bad\n', cut: false })
  expect(recorder.take()).toMatchObject([{ channel: 'process', verb: 'run', result: 'exit 3' }])
})

test('run inherits nothing but PATH, and takes input', async () => {
  process.env['UNDERSTUDY_LEAK'] = 'yes'
  const plain = await fx.writes.run(['env'], { timeoutMs: 10_000 })
  delete process.env['UNDERSTUDY_LEAK']
  expect(plain.stdout).not.toContain('LEAK')
  expect(plain.stdout).toMatch(/^PATH=/m)
  const fed = await fx.writes.run(['cat'], { env: { PATH }, stdin: Buffer.from('in'), timeoutMs: 10_000 })
  expect(fed.stdout).toBe('in')
  const deaf = await fx.writes.run(['true'], { stdin: Buffer.alloc(4 << 20), timeoutMs: 10_000 })
  expect(deaf.code).toBe(0)
})

test('run cuts the output at 1 MiB and still lets the command end', async () => {
  const result = await fx.writes.run(['head', '-c', '3000000', '/dev/zero'], { timeoutMs: 10_000 })
  expect([result.stdout.length, result.cut, result.code]).toEqual([1024 * 1024, true, 0])
})

test('run ends the whole group in time, also when it ignores SIGTERM', async () => {
  const script = `trap '' TERM; sleep 1000 & echo $! > ${dir}/child; while :; do sleep 1; done`
  const fault = await faultOf(fx.writes.run(['sh', '-c', script], { timeoutMs: 300 }))
  expect([fault.code, fault.class]).toEqual(['process.timeout', 'outcome-unknown'])
  const child = Number(readFileSync(join(dir, 'child'), 'utf8'))
  await until(() => !livesByPid(child))
})

test('run does not wait for a daemon that holds its pipes', async () => {
  const result = await fx.writes.run(['sh', '-c', 'sleep 1000 & echo $!'], { timeoutMs: 30_000 })
  expect(result.code).toBe(0)
  process.kill(Number(result.stdout), 'SIGKILL')
})

test('run is ended when the step is cancelled, and does not start after that', async () => {
  const running = faultOf(fx.writes.run(['sleep', '1000'], { timeoutMs: 100_000 }))
  abort.abort()
  expect(await running).toMatchObject({ code: 'process.cancelled', class: 'outcome-unknown' })
  expect(await faultOf(fx.writes.run(['true'], { timeoutMs: 1 }))).toMatchObject({ code: 'process.cancelled', class: 'transient' })
})

test('what cannot be started is named: command, directory, rights, zero bytes', async () => {
  const code = async (argv: string[], more = {}): Promise<string> => (await faultOf(fx.writes.run(argv, { timeoutMs: 1000, ...more }))).code
  writeFileSync(join(dir, 'plain'), 'x')
  writeFileSync(join(dir, 'lost'), '#!/no/such/interpreter\n')
  chmodSync(join(dir, 'lost'), 0o755)
  expect(await code(['no-such-command'])).toBe('process.command-not-found')
  expect(await code(['./nothing'], { cwd: dir })).toBe('process.command-not-found')
  expect(await code(['./lost'], { cwd: dir })).toBe('process.command-not-found')
  expect(await code(['./plain'], { cwd: dir })).toBe('process.not-executable')
  expect(await code(['true'], { cwd: join(dir, 'gone') })).toBe('process.no-cwd')
  expect(await code(['true', 'a\0b'])).toBe('process.bad-command')
  expect(await code([])).toBe('process.bad-command')
  expect(await code(['true'], { env: { 'A=B': 'x', PATH } })).toBe('process.bad-env')
})

test('spawn gives exactly the environment, working directory and log (0600, appended)', async () => {
  for (const word of ['one', 'two']) {
    const id = await start(['sh', '-c', 'echo "$0 $A"; pwd; env | sort'], { env: { PATH, A: word } })
    await until(() => !fx.reads.alive(id))
  }
  expect(log()).toContain(`sh one\n${dir}\n`)
  expect(log()).toContain('sh two\n')
  expect(log()).not.toContain('HOME=')
  expect(statSync(join(dir, 'log')).mode & 0o777).toBe(0o600)
  expect(JSON.stringify(recorder.take())).not.toContain('two')
})

test('spawn hands over directories as descriptors that stay right when names change', async () => {
  mkdirSync(join(dir, 'slot'))
  writeFileSync(join(dir, 'slot', 'name'), 'first')
  symlinkSync('slot', join(dir, `i${statSync(join(dir, 'slot')).ino}`))
  const script = 'while [ ! -e go ]; do sleep 0.01; done; cat /proc/self/fd/3/name; ls /proc/self/fd | tr "\\n" " "'
  const id = await start(['sh', '-c', script], { dirs: [join(dir, `i${statSync(join(dir, 'slot')).ino}`)] })
  rmSync(join(dir, `i${statSync(join(dir, 'slot')).ino}`))
  renameSync(join(dir, 'slot'), join(dir, 'moved'))
  mkdirSync(join(dir, 'slot'))
  writeFileSync(join(dir, 'slot', 'name'), 'second')
  writeFileSync(join(dir, 'go'), '')
  await until(() => !fx.reads.alive(id))
  expect(log()).toBe('first0 1 2 3 4 ') // 4 is the listing's own
})

test('spawn passes on no descriptor that we were started with', async () => {
  const program = `
    import { spawnDetached } from ${JSON.stringify(join(import.meta.dirname, 'spawn-detached.ts'))}
    import { createRecorder } from ${JSON.stringify(join(import.meta.dirname, 'recorder.ts'))}
    const recorder = createRecorder({ now: () => 0, monotonic: () => 0 }, new AbortController().signal)
    const options = { cwd: '/', env: { PATH: '${PATH}' }, log: ${JSON.stringify(join(dir, 'log'))} }
    await spawnDetached(recorder, ['sh', '-c', 'ls /proc/self/fd | tr "\\\\n" " "; echo end'], options)`
  writeFileSync(join(dir, 'starter.mts'), program)
  const node = `exec ${process.execPath} --disable-warning=ExperimentalWarning ${join(dir, 'starter.mts')}`
  const result = await fx.writes.run(['bash', '-c', `exec 9</dev/null 25</dev/null 200</dev/null; ${node}`], { timeoutMs: 30_000 })
  expect(result).toMatchObject({ code: 0, stderr: '' })
  await until(() => log().endsWith('end\n'))
  expect(log()).toBe('0 1 2 3 end\n')
})

test('a directory whose inode is not the named one is refused', async () => {
  mkdirSync(join(dir, 'slot'))
  symlinkSync('slot', join(dir, 'i1'))
  expect(await faultOf(start(['true'], { dirs: [join(dir, 'i1')] }))).toMatchObject({ code: 'process.dir-changed', class: 'conflict' })
  expect(await faultOf(start(['true'], { dirs: [join(dir, 'none')] }))).toMatchObject({ code: 'process.dir-not-opened' })
})

test('limits hold for the command itself, and arguments stay arguments', async () => {
  const id = await start(['sh', '-c', 'ulimit -n; ulimit -d; echo "$1"', 'x', '; id $(id)'], {
    limits: { nofile: 77, memoryBytes: 64 << 20 },
  })
  await until(() => !fx.reads.alive(id))
  expect(log()).toBe('77\n65536\n; id $(id)\n')
  const only = await start(['sleep', '1000'], { limits: { nofile: 50 } })
  expect(readFileSync(`/proc/${only.pid}/cmdline`, 'utf8')).toBe('sleep\x001000\0')
  expect(readFileSync(`/proc/${only.pid}/limits`, 'utf8')).toMatch(/Max open files\s+50\s+50/)
})

test('a spawned process leads its own session and survives the one that started it', async () => {
  const program = `
    import { processChannel } from ${JSON.stringify(join(import.meta.dirname, 'process-channel.ts'))}
    import { createRecorder } from ${JSON.stringify(join(import.meta.dirname, 'recorder.ts'))}
    const clock = { now: () => 0, monotonic: () => 0 }
    const fx = processChannel(createRecorder(clock, new AbortController().signal))
    const id = await fx.writes.spawn(['sleep', '1000'], { cwd: '/', env: { PATH: '${PATH}' }, log: ${JSON.stringify(join(dir, 'log'))} })
    process.stdout.write(JSON.stringify(id))
    setInterval(() => {}, 1000)`
  writeFileSync(join(dir, 'starter.mts'), program)
  const starter = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(dir, 'starter.mts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const text = await new Promise<string>((resolve) => starter.stdout.once('data', (part) => resolve(String(part))))
  const id: ProcessId = JSON.parse(text)
  started.push(id)
  process.kill(-(starter.pid ?? 0), 'SIGKILL')
  await new Promise((resolve) => starter.once('exit', resolve))
  expect(fx.reads.alive(id)).toBe(true)
  expect(fx.writes.signal(id, 'SIGTERM')).toBe(true)
  await until(() => !fx.reads.alive(id))
})

test('a process is known by boot, pid and start: any other one is gone, and is not signalled', async () => {
  const id = await start(['sleep', '1000'])
  expect(fx.reads.alive(id)).toBe(true)
  expect(fx.reads.memory(id)).toBeGreaterThan(0)
  for (const other of [
    { ...id, start: id.start + 1 },
    { ...id, boot: 'another' },
    { ...id, pid: 1 },
    { ...id, pid: -1 },
  ]) {
    expect(fx.reads.alive(other)).toBe(false)
    expect(fx.reads.memory(other)).toBeNull()
    expect(fx.writes.signal(other, 'SIGKILL')).toBe(false)
  }
  expect(fx.reads.alive(id)).toBe(true)
})

test('a name with spaces and parentheses does not confuse the start time', async () => {
  const name = join(dir, 'a) R 1 (b c')
  writeFileSync(name, '#!/bin/sh\nexec 3<&0\nwhile :; do sleep 1; done\n')
  chmodSync(name, 0o755)
  const id = await start([name])
  expect(readFileSync(`/proc/${id.pid}/stat`, 'utf8')).toContain('(a) R 1 (b c)')
  expect(fx.reads.alive(id)).toBe(true)
  expect(fx.reads.find('PATH', PATH).some(({ pid }) => pid === id.pid)).toBe(true)
})

test('signal reaches the whole group; stopped is alive, killed is not, twice is false', async () => {
  const id = await start(['sh', '-c', 'sleep 1000 & echo $!; wait'])
  await until(() => log().includes('\n'))
  const child = Number(log())
  expect(fx.writes.signal(id, 'SIGSTOP')).toBe(true)
  expect(fx.reads.alive(id)).toBe(true)
  expect(fx.writes.signal(id, 'SIGKILL')).toBe(true)
  // Dead and not yet reaped, its group could still be signalled.
  await until(() => !fx.reads.alive(id) && !existsSync(`/proc/${id.pid}`) && !livesByPid(child))
  expect(fx.writes.signal(id, 'SIGKILL')).toBe(false)
  expect(recorder.take().map(({ verb, result }) => `${verb} ${result}`)).toEqual(['spawn ok', 'signal ok', 'signal ok', 'signal gone'])
})

test('find sees marked processes and their children, and no others', async () => {
  const mark = `${dir}/key`
  const id = await start(['sh', '-c', 'sleep 1000 & wait'], { env: { PATH, UNDERSTUDY_INSTANCE: mark } })
  await start(['sleep', '1000'], { env: { PATH, UNDERSTUDY_INSTANCE: `${mark}-other` } })
  await until(() => fx.reads.find('UNDERSTUDY_INSTANCE', mark).length === 2)
  const found = fx.reads.find('UNDERSTUDY_INSTANCE', mark)
  expect(found).toContainEqual({ ...id, group: id.pid })
  const child = found.find(({ pid }) => pid !== id.pid)
  expect(child?.group).toBe(id.pid)
  expect(child !== undefined && fx.writes.signal(child, 'SIGKILL')).toBe(true)
  expect(fx.reads.find('UNDERSTUDY_INSTANC', mark)).toEqual([])
})

test('a command that ends at once is started all the same; its log says why it ended', async () => {
  const id = await start(['sh', '-c', 'echo no config >&2; exit 1'], { limits: { nofile: 100 } })
  await until(() => !fx.reads.alive(id))
  expect(log()).toBe('no config\n')
})

/** Alive and not a zombie: where nobody reaps orphans they stay in the table. */
function livesByPid(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
