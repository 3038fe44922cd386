// Owns: the port to what is remembered: log streams with a hash chain, objects by digest, an inbox, a lease.
// Never: knows what an entry means; never keeps an object in the clear.
import type { KeyObject } from 'node:crypto'
import type { Digest, Json } from '@understudy/contract'

/** One entry of a log stream. `hash` covers everything else of it, `prev` included, so a stream is a chain. */
export interface Entry {
  readonly stream: string
  /** 1, 2, 3, … without gaps. */
  readonly seq: number
  /** Fencing token of the writer. */
  readonly epoch: number
  /** Wall clock, ms since 1970. */
  readonly at: number
  /** `hash` of the entry before; 64 zeros for the first. */
  readonly prev: string
  readonly hash: string
  readonly body: Json
}

export interface Objects {
  /**
   * Keeps content: zstd, sealed with AES-256-GCM under the store's key. When it resolves, others see it and it survives a kill of this process;
   * it survives a power cut at the latest from the next `append` or `flush` of this store on. Many at once are much faster than one by one.
   */
  put(bytes: Uint8Array): Promise<Digest>
  /** Content, decrypted and verified against its digest. Faults `store.missing`; `store.damaged` when it does not verify. */
  get(digest: Digest): Promise<Uint8Array>
  has(digest: Digest): Promise<boolean>
  /**
   * Verifies an object as `get` does, without ever holding more than a piece of it (4 MiB): its size and its first piece; null
   * when it is not there. Faults `store.damaged`.
   */
  check(digest: Digest): Promise<{ readonly bytes: number; readonly first: Uint8Array } | null>
  /** Names of objects that are kept, whole or not: in order, after one (null: from the first), at most so many. */
  digests(after: Digest | null, limit: number): Promise<readonly Digest[]>
  /** The digest that `put` would give (HMAC-SHA-256 under the store's key); keeps nothing. */
  name(bytes: Uint8Array): Digest
  /** The key behind `name`, for another thread of this process. */
  readonly nameKey: KeyObject
  /** Makes all that was put durable now. */
  flush(): Promise<void>
  /** Forgets objects that nothing refers to any more; the caller knows which, and that nobody puts one of them meanwhile. */
  drop(digests: readonly Digest[]): Promise<void>
  usage(): Promise<{ readonly objects: number; readonly bytes: number }>
}

/** Who holds a lease: known by what a reused pid cannot fake. */
export interface Holder {
  readonly who: string
  readonly host: string
  readonly boot: string
  readonly pid: number
  /** Start time in clock ticks since boot. */
  readonly start: number
  /** What it is doing, e.g. `apply`. */
  readonly doing: string
}

export interface LeaseRow {
  readonly stack: string
  readonly epoch: number
  readonly holder: Holder
  /** Wall clock ms: taken, and when it ends unless renewed. */
  readonly takenAt: number
  readonly until: number
}

export interface Message {
  readonly seq: number
  readonly at: number
  readonly body: Json
}

/**
 * All methods are safe to call from several processes on one store at once. Streams are named `STACK` or `STACK/…`;
 * `append` compares the epoch with the highest that was ever given out for STACK.
 */
export interface Store {
  readonly objects: Objects
  /**
   * Adds entries, all or none, durable when it resolves, together with all objects put before. Faults `store.conflict`
   * (class conflict) when the stream's last seq is not `expectedSeq` or `epoch` is lower than one given out since.
   */
  append(stream: string, epoch: number, expectedSeq: number, bodies: readonly Json[]): Promise<readonly Entry[]>
  /** Entries after a seq: `limit` of them, fewer only at the end, verified against the chain; `store.damaged` names the first seq that does not verify. */
  entries(stream: string, afterSeq: number, limit: number): Promise<readonly Entry[]>
  /** Last seq (0 for an empty stream) and its hash. */
  head(stream: string): Promise<{ readonly seq: number; readonly hash: string }>
  /** Names of streams that begin so, sorted; also of one whose head or entries are gone, so that reading it says so. */
  streams(prefix: string): Promise<readonly string[]>
  /** Drops a whole stream that is not a stack's own (`STACK/…`). Its entries are gone; absent is fine. */
  dropStream(stream: string): Promise<void>
  /** Says something to the holder of a stack. The same key twice is said once. Durable when it resolves. */
  send(stack: string, key: string, body: Json): Promise<void>
  /** What was said after a seq, in order. */
  inbox(stack: string, afterSeq: number, limit: number): Promise<readonly Message[]>
  /**
   * Takes the lease if it is free, run out, or held by a process that `gone` says is dead. Every taking gives a new,
   * higher epoch. Otherwise says who holds it. `gone` is called inside a transaction: it answers at once. The wall clock
   * only decides how long others wait, never who may write: that is the epoch (lease-rule.ts).
   */
  takeLease(
    stack: string,
    holder: Holder,
    ttlMs: number,
    gone: (holder: Holder) => boolean,
  ): Promise<{ readonly taken: true; readonly lease: LeaseRow } | { readonly taken: false; readonly lease: LeaseRow }>
  /** False when it is no longer ours. */
  renewLease(stack: string, epoch: number, ttlMs: number): Promise<boolean>
  /** Gives it back. Not ours is fine. */
  freeLease(stack: string, epoch: number): Promise<void>
  leaseOf(stack: string): Promise<LeaseRow | null>
  close(): Promise<void>
}
