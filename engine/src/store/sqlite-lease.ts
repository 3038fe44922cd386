// Owns: the lease of each stack in SQLite.
// Never: decides who gets it (lease-rule.ts).
import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import type { Clock } from '../fx/recorder.ts'
import { free, renew, rowOf, take } from './lease-rule.ts'
import type { KeptLease } from './lease-rule.ts'
import { checkStack } from './names.ts'
import { int, text } from './sqlite-row.ts'
import type { Store } from './store.ts'
import { storeFault } from './store-fault.ts'
import type { WriteQueue } from './write-queue.ts'

const holderShape = z.object({
  who: z.string(),
  host: z.string(),
  boot: z.string(),
  pid: z.number(),
  start: z.number(),
  doing: z.string(),
})

export function sqliteLease(
  db: DatabaseSync,
  queue: WriteQueue,
  clock: Clock,
  lastEpoch: (stream: string) => number,
): Pick<Store, 'takeLease' | 'renewLease' | 'freeLease' | 'leaseOf'> {
  const select = db.prepare('select stack, epoch, holder, taken_at, until, ttl_ms from leases where stack = ?')
  const replace = db.prepare('insert or replace into leases (stack, epoch, holder, taken_at, until, ttl_ms) values (?, ?, ?, ?, ?, ?)')

  function kept(stack: string): KeptLease | null {
    const row = select.get(stack)
    if (row === undefined) return null
    const holder = row['holder'] === null ? null : holderOf(stack, text(row, 'holder'))
    const {
      [0]: epoch,
      [1]: takenAt,
      [2]: until,
      [3]: ttlMs,
    } = [int(row, 'epoch'), int(row, 'taken_at'), int(row, 'until'), int(row, 'ttl_ms')]
    return { stack, epoch, holder, takenAt, until, ttlMs }
  }

  function keep({ stack, epoch, holder, takenAt, until, ttlMs }: KeptLease): void {
    replace.run(stack, epoch, holder === null ? null : JSON.stringify(holder), takenAt, until, ttlMs)
  }

  /** Not flushed at once: after a power cut no holder is left whose renewing or freeing could matter. */
  const change = async (stack: string, to: (now: KeptLease | null) => KeptLease | null): Promise<boolean> => {
    checkStack(stack)
    return queue.write({ durable: false, bytes: 0 }, () => {
      const next = to(kept(stack))
      if (next !== null) keep(next)
      return next !== null
    })
  }

  return {
    async takeLease(stack, holder, ttlMs, gone) {
      checkStack(stack)
      // Not flushed either: a power cut ends every holder on this machine, and before a holder can have an effect it appends
      // an intent, which flushes the epoch with it.
      return queue.write({ durable: false, bytes: 0 }, () => {
        const asked = { stack, holder, ttlMs: Math.trunc(ttlMs), now: Math.trunc(clock.now()), seenEpoch: lastEpoch(stack), gone }
        const answer = take(kept(stack), asked)
        const lease = rowOf(answer.keep)
        if (lease === null) throw storeFault('store.damaged', `the lease of ${stack} has no holder`)
        if (answer.taken || answer.changed) keep(answer.keep)
        return answer.taken ? { taken: true, lease } : { taken: false, lease }
      })
    },
    renewLease: (stack, epoch, ttlMs) => change(stack, (now) => renew(now, epoch, Math.trunc(ttlMs), Math.trunc(clock.now()))),
    async freeLease(stack, epoch) {
      await change(stack, (now) => free(now, epoch))
    },
    async leaseOf(stack) {
      checkStack(stack)
      return queue.read(() => rowOf(kept(stack)))
    },
  }
}

function holderOf(stack: string, json: string): z.infer<typeof holderShape> {
  try {
    return holderShape.parse(JSON.parse(json))
  } catch {
    throw storeFault('store.damaged', `the lease of ${stack} names no holder`)
  }
}
