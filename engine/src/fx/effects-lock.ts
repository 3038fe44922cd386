// Owns: the lock that the holder of a stack's lease and every command it runs keep while they may have an effect on this host.
// Never: ends who only has the file open (a backup); removes the file: there would be two locks of one name.
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { constants as os } from 'node:os'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault } from '@understudy/contract'
import type { ProcessId } from '@understudy/contract'
import { fsFault, nativeFault } from './fs-fault.ts'
import { natives } from './natives.ts'
import { bootId, commandLine, isAlive, processStat } from './process-identity.ts'
import { codeOf } from './system-error.ts'

/** What a command inherits. It goes on counting as an effect until it ends, or until `end` says that it has. */
export interface Share {
  readonly fd: number
  /** What the command left running on purpose holds nothing from here on. */
  end(): void
}

export interface EffectsLock {
  share(): Share
  free(): void
  /** Processes that still held it and were ended, by pid. */
  readonly ended: readonly number[]
}

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
const POLL_MS = 10 // a killed process is gone in about one
const PATIENCE_MS = 10_000 // for one that hangs in a system call (a dead NFS server); less than a lease lives

/**
 * Takes the lock for whoever got the lease. A holder from before was paused too long or has died; it and the commands it
 * left running are killed and waited for: from then on none of them can have an effect (the fencing of effects; locks of
 * descriptors, flock(2), are inherited and outlive their maker).
 * @throws Fault `lease.not-ended` (transient) when one of them does not end.
 */
export async function lockEffects(path: string, patienceMs = PATIENCE_MS): Promise<EffectsLock> {
  const fd = open(path)
  const ended = new Set<number>()
  try {
    for (const until = performance.now() + patienceMs; !lock(fd, path, 'alone');) {
      const holders = holdersOf(fd, path)
      for (const { pid } of holders) if (kill(pid)) ended.add(pid)
      if (performance.now() > until) throw notEnded(holders)
      await sleep(POLL_MS)
    }
    // From here on beside our own commands. Others come in between only with a lease that is newer than ours.
    if (!lock(fd, path, 'shared')) throw notEnded(holdersOf(fd, path))
  } catch (thrown) {
    closeSync(fd)
    throw thrown
  }
  return {
    ended: [...ended],
    share() {
      const own = open(path)
      lock(own, path, 'shared')
      return { fd: own, end: () => unlock(own) }
    },
    free: () => unlock(fd),
  }
}

function open(path: string): number {
  try {
    return openSync(path, FLAGS, 0o600)
  } catch (error) {
    throw fsFault('lock', path, error)
  }
}

/** False when others hold it. */
function lock(fd: number, path: string, how: 'alone' | 'shared'): boolean {
  const result = natives().lock(fd, how)
  if (result >= 0) return true
  if (result === -os.errno.EWOULDBLOCK) return false
  throw nativeFault('lock', path, result)
}

/** Of all that have this descriptor, by whatever name: closing alone would leave it with them. */
function unlock(fd: number): void {
  natives().lock(fd, 'not')
  closeSync(fd)
}

/** Other processes of this host that hold a lock of this file, as far as they may be seen. */
function holdersOf(fd: number, path: string): readonly ProcessId[] {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  const name = basename(path)
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry)
    if (!Number.isSafeInteger(pid) || pid <= 1 || pid === process.pid) return []
    const start = processStat(pid)?.start
    if (start === undefined || !descriptorsOf(pid).some((number) => holds(pid, number, name, dev, ino))) return []
    const id = { boot: bootId(), pid, start }
    return isAlive(id) ? [id] : []
  })
}

function descriptorsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
  } catch {
    return [] // gone, or somebody else's
  }
}

function holds(pid: number, number: string, name: string, dev: bigint, ino: bigint): boolean {
  try {
    const link = `/proc/${pid}/fd/${number}`
    if (basename(readlinkSync(link)) !== name) return false // looking closer at anything else could hang
    const stat = statSync(link, { bigint: true })
    return stat.dev === dev && stat.ino === ino && readFileSync(`/proc/${pid}/fdinfo/${number}`, 'utf8').includes('FLOCK')
  } catch {
    return false // gone meanwhile
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch (error) {
    if (codeOf(error) === 'ESRCH' || codeOf(error) === 'EPERM') return false
    throw error
  }
}

function notEnded(holders: readonly ProcessId[]): Fault {
  const who = holders.map(({ pid }) => `${pid} (${(commandLine(pid) ?? []).filter((word) => word !== '').join(' ')})`)
  return new Fault({
    code: 'lease.not-ended',
    class: 'transient',
    summary: 'What somebody else began on this stack has not ended.',
    detail: `Still there: ${who.length === 0 ? 'a process that may not be seen from here (another user, or another container)' : who.join(', ')}.`,
    hint: 'Nothing is touched before it is gone. End it, or run as root or as its user, which ends it.',
    data: { pids: holders.map(({ pid }) => pid) },
  })
}
