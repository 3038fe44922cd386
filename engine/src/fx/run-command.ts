// Owns: one command run to its end: own process group, output capped, ended in time, ended when the step is cancelled.
// Never: goes through a shell; never resolves while the command itself still runs.
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { Fault } from '@understudy/contract'
import type { CommandOptions, CommandResult } from '@understudy/contract'
import { checkCommand, shown, startFault } from './command-fault.ts'
import type { EffectsLock } from './effects-lock.ts'
import type { Recorder } from './recorder.ts'

const OUTPUT_MAX = 1024 * 1024 // bytes of each stream, as the contract says
const TERM_GRACE_MS = 2_000 // between SIGTERM and SIGKILL: enough to remove a lock file, short enough to be waited for
const PIPE_GRACE_MS = 1_000 // a child left behind may hold the pipes open for ever; its output is not waited for longer

/** It inherits `lock` until it ends: nobody takes its stack over while it may still do something. */
export async function runCommand(
  recorder: Recorder,
  argv: readonly string[],
  options: CommandOptions,
  lock?: EffectsLock,
): Promise<CommandResult> {
  const startedMs = recorder.clock.monotonic()
  const note = (result: string, bytes: number): void =>
    recorder.note({ channel: 'process', verb: 'run', target: shown(argv), startedMs, result, bytes })
  try {
    const result = await run(recorder, argv, options, lock)
    const bytes = Buffer.byteLength(result.stdout) + Buffer.byteLength(result.stderr)
    note(result.code === 0 ? 'ok' : result.code === null ? `signal ${result.signal}` : `exit ${result.code}`, bytes)
    return result
  } catch (error) {
    note(error instanceof Fault ? error.fault.code : 'internal.unexpected', 0)
    throw error
  }
}

async function run(
  { signal }: Recorder,
  argv: readonly string[],
  options: CommandOptions,
  lock: EffectsLock | undefined,
): Promise<CommandResult> {
  if (signal.aborted) throw stopped('process.cancelled', 'transient', argv, 'The step was cancelled before the command started.')
  const cwd = options.cwd ?? '/'
  const env = options.env ?? { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  checkCommand(argv, cwd, env)
  return new Promise((resolve, reject) => {
    let why: Fault | null = null
    // Node's pipes are sockets, and bash takes a socket as input for a remote login that wants ~/.bashrc: none without need.
    const stdin = options.stdin === undefined ? 'ignore' : 'pipe'
    const share = lock?.share()
    let child
    try {
      const stdio: ('pipe' | 'ignore' | number)[] = [stdin, 'pipe', 'pipe', ...(share === undefined ? [] : [share.fd])]
      child = spawn(argv[0] ?? '', argv.slice(1), { cwd, env: { ...env }, detached: true, stdio })
    } catch (error) {
      share?.end()
      reject(startFault(argv, error))
      return
    }
    const { pid } = child
    const toGroup = (name: NodeJS.Signals): void => {
      try {
        if (pid !== undefined) process.kill(-pid, name) // not reaped yet: 'exit' clears these timers first
      } catch {
        // Gone already.
      }
    }
    let grace: NodeJS.Timeout | undefined
    const end = (reason: Fault): void => {
      if (why !== null) return
      why = reason
      toGroup('SIGTERM')
      grace = setTimeout(() => toGroup('SIGKILL'), TERM_GRACE_MS)
    }
    const timer = setTimeout(
      () => end(stopped('process.timeout', 'outcome-unknown', argv, `It ran longer than ${options.timeoutMs} ms and was ended.`)),
      options.timeoutMs,
    )
    const cancel = (): void => end(stopped('process.cancelled', 'outcome-unknown', argv, 'The step was cancelled and the command ended.'))
    signal.addEventListener('abort', cancel, { once: true })
    const out = collect(child.stdout)
    const err = collect(child.stderr)
    const settle = (): void => {
      share?.end()
      clearTimeout(timer)
      clearTimeout(grace)
      signal.removeEventListener('abort', cancel)
    }
    child.on('error', (error) => {
      settle()
      reject(startFault(argv, error))
    })
    child.on('exit', (code, name) => {
      settle()
      if (why !== null) toGroup('SIGKILL') // what it left in its group; the pid stays taken as long as anyone is in it
      const late = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, PIPE_GRACE_MS)
      child.on('close', () => {
        clearTimeout(late)
        if (why !== null) reject(why)
        else resolve({ code, signal: name, stdout: out.text(), stderr: err.text(), cut: out.cut() || err.cut() })
      })
    })
    child.stdin?.on('error', () => undefined) // EPIPE: it did not want all of its input, which is its right
    child.stdin?.end(options.stdin)
  })
}

function collect(stream: Readable | null): { text(): string; cut(): boolean } {
  const parts: Buffer[] = []
  let size = 0
  let cut = false
  stream?.on('error', () => undefined)
  stream?.on('data', (part: Buffer) => {
    const room = OUTPUT_MAX - size
    if (part.length > room) cut = true // read on, so that it does not block on a full pipe
    if (room <= 0) return
    parts.push(part.subarray(0, room))
    size += Math.min(part.length, room)
  })
  return { text: () => Buffer.concat(parts).toString('utf8'), cut: () => cut }
}

function stopped(code: string, kind: 'transient' | 'outcome-unknown', argv: readonly string[], summary: string): Fault {
  const hint = kind === 'transient' ? 'Nothing was started.' : 'What it had done by then is done: look before trying again.'
  return new Fault({ code, class: kind, summary, detail: shown(argv), hint })
}
