// Owns: the real ports of the core on this machine: clocks, ids, timers, effects, who this process is.
// Never: holds state of a change; reads a stack file.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ports } from '../exec/ports.ts'
import type { Kind } from '../exec/kind.ts'
import { lockEffects } from '../fx/effects-lock.ts'
import { openEffects } from '../fx/open-effects.ts'
import { bootId, isAlive, processStat, uptimeMs } from '../fx/process-identity.ts'
import type { Clock } from '../fx/recorder.ts'
import type { Emit, EngineEvent } from '../model/events.ts'
import { openReserve } from './reserve.ts'
import type { Holder, Store } from '../store/store.ts'

export interface PortOptions {
  readonly stack: string
  /** The store's folder, `.understudy/`. */
  readonly dir: string
  readonly store: Store
  readonly kinds: readonly Kind[]
  /** Packages that could not be loaded → why. */
  readonly unusable?: Readonly<Record<string, string>>
  readonly onEvent: (event: EngineEvent) => void
  readonly who: string
  /** `cli`, `keeper`, `guard`. */
  readonly through: string
  readonly signal: AbortSignal
  readonly parallelism: number
}

export const machineClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

export function openPorts({ stack, dir, store, kinds, unusable = {}, onEvent, who, through, signal, parallelism }: PortOptions): Ports {
  const rooms = roomsOf(dir, stack)
  mkdirSync(rooms, { recursive: true, mode: 0o700 })
  const emit: Emit = (type, of, data = {}) =>
    onEvent({ type, at: machineClock.now(), stack, change: of.change ?? null, resource: of.resource ?? null, data })
  return {
    stack,
    store,
    kinds: new Map(kinds.map((kind) => [kind.kind, kind])),
    unusable,
    clock: machineClock,
    uptimeMs,
    newId: (prefix) => `${prefix}${timeName(machineClock.now())}${randomBytes(3).toString('hex')}`,
    wait: (ms, abort) => sleep(ms, undefined, { signal: abort }),
    deadline: (ms) => AbortSignal.timeout(ms),
    every,
    lockEffects: () => lockEffects(join(dir, `lock.${stack}`)),
    openEffects,
    reserve: openReserve(dir),
    rooms,
    signal,
    emit,
    by: { who, host: hostname(), through },
    self: thisProcess(who, ''),
    gone: isGone,
    parallelism,
  }
}

/** Stacks of one store may have resources of the same name. Before 0.1 all rooms stood together; their paths are in what is kept. */
function roomsOf(dir: string, stack: string): string {
  const together = join(dir, 'rooms')
  return existsSync(together) ? together : join(dir, `rooms.${stack}`)
}

/** Sortable by time, 8 letters and digits until the year 2059. */
function timeName(ms: number): string {
  return ms.toString(36).padStart(8, '0')
}

export function thisProcess(who: string, doing: string): Holder {
  const start = processStat(process.pid)?.start ?? 0
  return { who, host: hostname(), boot: bootId(), pid: process.pid, start, doing }
}

/** Known to be dead: another boot of this host, or no such process. A holder on another host is never known to be dead. */
export function isGone({ host, boot, pid, start }: Holder): boolean {
  if (host !== hostname()) return false
  return boot !== bootId() || !isAlive({ boot, pid, start })
}

function every(ms: number, body: () => Promise<void>): () => void {
  const stop = new AbortController()
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        await sleep(ms, undefined, { signal: stop.signal, ref: false })
      } catch {
        return // stopped while waiting: that is how it ends
      }
      await body()
    }
  }
  void loop()
  return () => stop.abort()
}
