// Owns: starting a process in a session of its own, with exactly the environment, log and directories that were asked for.
// Never: waits for it to end; never hands it anything else of ours.
import { spawn } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '@understudy/contract'
import type { ProcessId, SpawnOptions } from '@understudy/contract'
import { closeOnExec } from './close-on-exec.ts'
import { checkCommand, shown, startFault } from './command-fault.ts'
import { bootId, commandLine, processStat } from './process-identity.ts'
import { codeOf } from './system-error.ts'
import type { Recorder } from './recorder.ts'

/** Fixed text: what varies comes as arguments. 125 says that a limit could not be set. */
const LIMITER =
  'if [ -n "$1" ]; then ulimit -n "$1" || exit 125; fi; if [ -n "$2" ]; then ulimit -d "$2" || exit 125; fi; shift 2; exec "$@"'
const EXEC_POLL_MS = 2 // the limiter is gone after about this long

export async function spawnDetached(recorder: Recorder, argv: readonly string[], options: SpawnOptions): Promise<ProcessId> {
  const startedMs = recorder.clock.monotonic()
  const note = (result: string): void =>
    recorder.note({ channel: 'process', verb: 'spawn', target: shown(argv), startedMs, result, bytes: 0 })
  const open: number[] = []
  try {
    const id = await start(recorder.signal, argv, options, open)
    note('ok')
    return id
  } catch (error) {
    note(error instanceof Fault ? error.fault.code : 'internal.unexpected')
    throw error
  } finally {
    for (const fd of open) closeSync(fd)
  }
}

async function start(signal: AbortSignal, argv: readonly string[], options: SpawnOptions, open: number[]): Promise<ProcessId> {
  if (signal.aborted) {
    const summary = 'The step was cancelled before the process was started.'
    throw new Fault({ code: 'process.cancelled', class: 'transient', summary, detail: shown(argv), hint: 'Nothing was started.' })
  }
  checkCommand(argv, options.cwd, options.env)
  const log = openLog(options.log)
  open.push(log)
  const dirs = (options.dirs ?? []).map((dir) => {
    const fd = openHanded(dir)
    open.push(fd)
    return fd
  })
  const limited = limit(argv, options.limits)
  closeOnExec()
  const ended: { code: number | null } = { code: null }
  const child = spawn(limited[0] ?? '', limited.slice(1), {
    cwd: options.cwd,
    env: { ...options.env },
    detached: true,
    stdio: ['ignore', log, log, ...dirs],
    ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
  })
  // Before the event loop turns, nobody reaps it: its start time can be read even if it is dead by now.
  const stat = child.pid === undefined ? null : processStat(child.pid)
  child.on('exit', (code) => {
    ended.code = code ?? -1
  })
  await new Promise<void>((resolve, reject) => {
    child.on('spawn', resolve)
    child.on('error', (error) => reject(startFault(argv, error)))
  })
  child.unref()
  if (child.pid === undefined || stat === null) throw startFault(argv, new Error('no pid'))
  if (limited !== argv) await execDone(child.pid, ended, argv)
  return { boot: bootId(), pid: child.pid, start: stat.start }
}

function limit(argv: readonly string[], limits: SpawnOptions['limits']): readonly string[] {
  if (limits?.nofile === undefined && limits?.memoryBytes === undefined) return argv
  // Data (private writable memory), not address space: runtimes reserve far more of that than they ever use.
  const memoryKiB = limits.memoryBytes === undefined ? '' : String(Math.ceil(limits.memoryBytes / 1024))
  return ['/bin/sh', '-c', LIMITER, 'limit', limits.nofile === undefined ? '' : String(limits.nofile), memoryKiB, ...argv]
}

/** Waits until the limiter has become the command. Reading /proc is all there is: a pipe closed on exec would need code in the child. */
async function execDone(pid: number, ended: { readonly code: number | null }, argv: readonly string[]): Promise<void> {
  for (;;) {
    const line = commandLine(pid)
    if (line !== null && line[2] !== LIMITER && line[0] !== '') return
    if (ended.code === 125) {
      const summary = 'A limit could not be set.'
      throw new Fault({
        code: 'process.limit',
        class: 'forbidden',
        summary,
        detail: shown(argv),
        hint: 'It is above the hard limit of this user.',
      })
    }
    if (ended.code !== null) return // it ran, and ended at once: its own matter, seen by whoever looks at it
    await delay(EXEC_POLL_MS)
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
  } catch (error) {
    throw new Fault({
      code: 'process.log-not-opened',
      class: codeOf(error) === 'ENOSPC' ? 'transient' : 'forbidden',
      summary: 'The log of a process could not be opened.',
      detail: `${path}: ${codeOf(error)}.`,
      hint: 'Its folder must be there and be writable.',
    })
  }
}

/**
 * A directory or a regular file. Follows links on purpose (`…/i<inode>` points to a slot), and then checks that a name like
 * that did not lie.
 */
function openHanded(path: string): number {
  let fd = -1
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isDirectory() && !stat.isFile()) throw Object.assign(new Error('neither a directory nor a regular file'), { code: 'ENOTDIR' })
    const named = /^i(\d+)$/.exec(basename(path))?.[1]
    if (named === undefined || stat.ino === BigInt(named)) return fd
  } catch (error) {
    if (fd !== -1) closeSync(fd)
    throw new Fault({
      code: 'process.dir-not-opened',
      class: codeOf(error) === 'EACCES' ? 'forbidden' : 'conflict',
      summary: 'A directory or file that the process is to get could not be opened.',
      detail: `${path}: ${codeOf(error)}.`,
      hint: 'It must be there before the process is started.',
    })
  }
  closeSync(fd)
  throw new Fault({
    code: 'process.dir-changed',
    class: 'conflict',
    summary: 'A directory or file that the process is to get is not the one that was meant.',
    detail: `${path} leads to another inode.`,
    hint: 'It was replaced since: plan again.',
  })
}
