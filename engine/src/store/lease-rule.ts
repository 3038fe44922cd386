// Owns: who gets a lease, decided in one place for all stores.
// Never: keeps anything, never trusts the clock with safety: that rests on the epoch alone (L9).
//
//   free ─take→ held ─renew→ held ─free→ free      held ─(ran out, or holder gone)─take→ held, with a higher epoch
import type { Holder, LeaseRow } from './store.ts'

/** A lease as it is kept. It outlives its holder (null when free), because its epoch must never be given out again. */
export interface KeptLease {
  readonly stack: string
  readonly epoch: number
  readonly holder: Holder | null
  readonly takenAt: number
  readonly until: number
  /** What `until` was counted with, ms. */
  readonly ttlMs: number
}

export type Taking =
  | { readonly taken: true; readonly keep: KeptLease }
  /** `keep` is what to write back, when it is not what was kept. */
  | { readonly taken: false; readonly keep: KeptLease; readonly changed: boolean }

export interface Taker {
  readonly stack: string
  readonly holder: Holder
  readonly ttlMs: number
  readonly now: number
  /** Highest epoch seen in the stack's log: the new one is higher, whatever became of the lease's row. */
  readonly seenEpoch: number
  readonly gone: (holder: Holder) => boolean
}

/**
 * The wall clock may jump. Forward: a lease runs out early; the old holder finds out when it renews or appends. Back:
 * `until` lies further ahead than any holder can have asked for; then it is counted anew from now, so that a living
 * holder has its whole time to renew and a silent one is taken over from after that time at the latest.
 */
export function take(kept: KeptLease | null, { stack, holder, ttlMs, now, seenEpoch, gone }: Taker): Taking {
  if (kept !== null && kept.holder !== null && now < kept.until && !gone(kept.holder)) {
    const latest = now + kept.ttlMs
    if (kept.until <= latest) return { taken: false, keep: kept, changed: false }
    return { taken: false, keep: { ...kept, until: latest }, changed: true }
  }
  const epoch = Math.max(kept?.epoch ?? 0, seenEpoch) + 1
  return { taken: true, keep: { stack, epoch, holder, takenAt: now, until: now + ttlMs, ttlMs } }
}

export function renew(kept: KeptLease | null, epoch: number, ttlMs: number, now: number): KeptLease | null {
  if (kept === null || kept.holder === null || kept.epoch !== epoch) return null
  return { ...kept, until: now + ttlMs, ttlMs }
}

export function free(kept: KeptLease | null, epoch: number): KeptLease | null {
  if (kept === null || kept.holder === null || kept.epoch !== epoch) return null
  return { ...kept, holder: null }
}

/** As others see it; null when it is free. */
export function rowOf(kept: KeptLease | null): LeaseRow | null {
  if (kept === null || kept.holder === null) return null
  const { stack, epoch, holder, takenAt, until } = kept
  return { stack, epoch, holder, takenAt, until }
}
