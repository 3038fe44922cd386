// Owns: which processes have something to do with a folder, and their end.
// Never: touches a process that has nothing of the folder open.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { ProcessId } from '../effects.ts'

const LINKS = ['cwd', 'exe', 'root']
const GONE_WITHIN_MS = 5_000 // a killed process is gone at once, unless the disk it waits for is slow
const ASK_EVERY_MS = 5

export interface Watch {
  /** Processes begun since that work in the folder, run from it, or hold something of it open; ourselves not counted. */
  living(): readonly ProcessId[]
  /** Kills them, and those that only the bench knows of, and comes back when they are gone. */
  endAll(): Promise<void>
}

/** Those that ran before are left out: looking through them all, each time, would take longer than the checks. */
export function watchProcesses(dir: string, more: () => readonly ProcessId[]): Watch {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const known = new Set(readdirSync('/proc'))
  const living = (): readonly ProcessId[] => {
    const found = readdirSync('/proc').flatMap((entry) => {
      const pid = Number(entry)
      if (known.has(entry) || !Number.isInteger(pid) || !isIn(dir, pid)) return []
      const start = startOf(pid)
      return start === null ? [] : [{ boot, pid, start }]
    })
    return [...found, ...more().filter(({ pid }) => !found.some((other) => other.pid === pid))].toSorted((a, b) => a.pid - b.pid)
  }
  return {
    living,
    async endAll() {
      for (let waited = 0; waited < GONE_WITHIN_MS; waited += ASK_EVERY_MS) {
        const left = living()
        if (left.length === 0) return
        for (const { pid, start } of left) if (startOf(pid) === start) attempt(() => process.kill(pid, 'SIGKILL'), false)
        await wait(ASK_EVERY_MS)
      }
    },
  }
}

function isIn(dir: string, pid: number): boolean {
  const links = [...LINKS, ...attempt(() => readdirSync(`/proc/${pid}/fd`), []).map((fd) => `fd/${fd}`)]
  return links.some((link) => {
    const path = attempt(() => readlinkSync(`/proc/${pid}/${link}`), '')
    return path === dir || path.startsWith(`${dir}/`)
  })
}

/** Start time in clock ticks since boot, field 22 of proc_pid_stat(5); null when it is gone or a zombie. */
function startOf(pid: number): number | null {
  const fields =
    attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '')
      .split(') ')
      .at(-1)
      ?.split(' ') ?? []
  return fields.length < 20 || fields[0] === 'Z' ? null : Number(fields[19])
}

function attempt<T>(run: () => T, otherwise: T): T {
  try {
    return run()
  } catch {
    return otherwise
  }
}
