// Owns: the right to write to a stack's primary: a lease that is renewed while work goes on, and given back.
// Never: waits for another holder; says who it is.
import { Fault, faultOf } from '@understudy/contract'
import type { Ports } from '../exec/ports.ts'
import type { EffectsLock } from '../fx/effects-lock.ts'
import type { StackState } from '../model/journal.ts'
import type { LeaseRow } from '../store/store.ts'
import { loadStack } from './load-stack.ts'
import { writeJournal } from './write-journal.ts'
import type { Journal } from './write-journal.ts'

/** What only the holder of the lease has; without it nothing can be written to the primary. */
export interface Writable {
  readonly ports: Ports
  readonly journal: Journal
  readonly epoch: number
  /** The stack as its log says now. */
  state(): Promise<StackState>
}

const TTL_MS = 15_000 // a paused holder is taken over from after this; a dead one at once
const RENEW_MS = 4_000 // three tries before it runs out

export function leaseFault(stack: string, lease: LeaseRow): Fault {
  const { holder, takenAt } = lease
  return new Fault({
    code: 'lease.held',
    class: 'transient',
    summary: 'Somebody else is changing this stack.',
    detail: `${stack} is held by ${holder.who} on ${holder.host} (pid ${holder.pid}, ${holder.doing}) since ${new Date(takenAt).toISOString()}`,
    hint: 'Wait for it to end; if it is stuck, end that process: the lease of a dead process is taken over at once. `understudy unlock` shows and ends it.',
    data: { who: holder.who, host: holder.host, pid: holder.pid, doing: holder.doing, since: takenAt },
  })
}

/**
 * Runs `body` with the lease, once nobody who had it before can have an effect any more. Faults `lease.held` when somebody
 * else has it, `lease.not-ended` when what somebody began does not end.
 */
export async function withLease<T>(ports: Ports, doing: string, body: (writable: Writable) => Promise<T>): Promise<T> {
  const { store, stack } = ports
  const answer = await store.takeLease(stack, { ...ports.self, doing }, TTL_MS, ports.gone)
  if (!answer.taken) throw leaseFault(stack, answer.lease)
  const { epoch } = answer.lease
  const lost = new AbortController()
  let renewedAt = ports.clock.monotonic()
  const stop = ports.every(RENEW_MS, async () => {
    const renewed = await store
      .renewLease(stack, epoch, TTL_MS)
      .catch((thrown: unknown) => (faultOf(thrown).class === 'transient' ? null : false))
    if (renewed === true) renewedAt = ports.clock.monotonic()
    // A busy store or a full disk may pass; what counts is that the lease has not run out meanwhile.
    if (renewed === false || ports.clock.monotonic() - renewedAt > TTL_MS) lost.abort()
  })
  const writableWith = (lock: EffectsLock, seq: number): Writable => ({
    ports: {
      ...ports,
      signal: AbortSignal.any([ports.signal, lost.signal]),
      openEffects: (recorder) => ports.openEffects(recorder, lock),
    },
    journal: writeJournal(store, stack, epoch, seq),
    epoch,
    state: () => loadStack(store, stack),
  })
  let result: T
  try {
    const lock = await ports.lockEffects()
    try {
      if (lock.ended.length > 0) ports.emit('lease.taken-over', {}, { pids: lock.ended })
      result = await body(writableWith(lock, (await store.head(stack)).seq))
    } finally {
      lock.free() // before the lease: who gets that ends whoever still has this
    }
  } catch (thrown) {
    stop()
    // The error that ended the work is the one to show; a lease that could not be given back runs out by itself.
    await store.freeLease(stack, epoch).catch(() => undefined)
    throw thrown
  }
  stop()
  // What was done stands, and must be told as that, also where the disk has no room for giving the lease back: it runs out by
  // itself, and that of a dead process is taken over at once.
  await store.freeLease(stack, epoch).catch(() => undefined)
  return result
}
