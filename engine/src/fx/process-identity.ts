// Owns: who a process is, read from /proc: boot id, pid and start time together, which a reused pid cannot fake.
// Never: sends a signal or starts anything.
import { readdirSync, readFileSync } from 'node:fs'
import type { FoundProcess, ProcessId } from '@understudy/contract'

export interface ProcessStat {
  /** One letter: R, S, D, T (stopped), Z (dead, not yet reaped), … */
  readonly state: string
  readonly group: number
  /** Clock ticks since boot. */
  readonly start: number
}

let boot: string | undefined

/** Kernel's boot id. */
export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}

/** Ms since this machine booted, what it slept included; steps of 10. Nobody sets it, unlike the wall clock (proc_uptime(5)). */
export function uptimeMs(): number {
  return Number.parseFloat(readFileSync('/proc/uptime', 'utf8')) * 1_000
}

/** Null when there is no such pid. proc(5): the name in field 2 may hold spaces and parentheses, so count from the last one. */
export function processStat(pid: number): ProcessStat | null {
  const text = readProc(pid, 'stat')
  if (text === null) return null
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const threads = Number(fields[17]) // field 20
  // A dead leader whose other threads are still on their way out holds its files and ports until the last one is gone.
  const state = fields[0] === 'Z' && threads > 1 ? 'R' : fields[0] // field 3
  const group = Number(fields[2]) // field 5
  const start = Number(fields[19]) // field 22
  if (state === undefined || state === 'X' || !Number.isSafeInteger(group) || !Number.isSafeInteger(start)) return null
  return { state, group, start }
}

/** The stat of exactly this process, also as long as it is dead and not yet reaped; null when it is gone. */
export function statOf(id: ProcessId): ProcessStat | null {
  if (id.boot !== bootId() || !Number.isSafeInteger(id.pid) || id.pid <= 1) return null
  const stat = processStat(id.pid)
  return stat !== null && stat.start === id.start ? stat : null
}

export function isAlive(id: ProcessId): boolean {
  const stat = statOf(id)
  return stat !== null && stat.state !== 'Z'
}

/** Resident set in bytes; null when it is gone. */
export function residentBytes(id: ProcessId): number | null {
  if (!isAlive(id)) return null
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(id.pid, 'status') ?? '')
  return found === null ? null : Number(found[1]) * 1024
}

/** Living processes that were started with `NAME=value` in their environment, by pid. Those that may not be read are left out. */
export function findByEnv(name: string, value: string): readonly FoundProcess[] {
  const mark = Buffer.from(`\0${name}=${value}\0`)
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid) return []
    const environ = readProcBytes(pid, 'environ')
    if (environ === null || environ.length === 0) return []
    if (!Buffer.concat([Buffer.from('\0'), environ, Buffer.from('\0')]).includes(mark)) return []
    const stat = processStat(pid)
    return stat === null || stat.state === 'Z' ? [] : [{ boot: bootId(), pid, start: stat.start, group: stat.group }]
  })
}

/** The command line, its parts apart; null when it is gone. */
export function commandLine(pid: number): readonly string[] | null {
  return readProc(pid, 'cmdline')?.split('\0') ?? null
}

function readProc(pid: number, file: string): string | null {
  return readProcBytes(pid, file)?.toString('utf8') ?? null
}

/** Null when it is gone (ENOENT, ESRCH between open and read) or may not be read. */
function readProcBytes(pid: number, file: string): Buffer | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`)
  } catch {
    return null
  }
}
