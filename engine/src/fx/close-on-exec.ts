// Owns: that no descriptor of ours reaches a process that outlives us (a lock, a store, a pipe of whoever started us).
// Never: closes one.
import { readFileSync, readdirSync } from 'node:fs'
import koffi from 'koffi'

const F_SETFD = 2 // fcntl(2), the same on every Linux
const FD_CLOEXEC = 1
const O_CLOEXEC = 0o2000000 // as /proc/PID/fdinfo shows it

let setFlags: ((fd: number, command: number, type: string, flags: number) => number) | undefined

/**
 * Marks all descriptors from 3 on. Node opens its own that way; those that it was started with it passes on, if their
 * numbers are high enough (libuv looks no further than the first gap after 15).
 */
export function closeOnExec(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    if (fd < 3 || !isInheritable(fd)) continue
    setFlags ??= koffi.load(null).func('int fcntl(int fd, int command, ...)')
    setFlags(fd, F_SETFD, 'int', FD_CLOEXEC)
  }
}

function isInheritable(fd: number): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
  } catch {
    return false // the listing's own, closed by now
  }
}
