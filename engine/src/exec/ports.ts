// Owns: what the core is given: store, kinds, clock, ids, effects. The core has nothing of its own.
// Never: holds state of a change.
import type { Effects, Reads } from '@understudy/contract'
import type { EffectsLock } from '../fx/effects-lock.ts'
import type { Clock, Recorder } from '../fx/recorder.ts'
import type { Emit } from '../model/events.ts'
import type { Author } from '../model/journal.ts'
import type { Holder, Store } from '../store/store.ts'
import type { Kind } from './kind.ts'

export interface Ports {
  readonly stack: string
  readonly store: Store
  readonly kinds: ReadonlyMap<string, Kind>
  /** Packages that would bring more kinds and could not be loaded → why. */
  readonly unusable: Readonly<Record<string, string>>
  readonly clock: Clock
  /** Ms since the boot that `self` names, what the machine slept included. */
  readonly uptimeMs: () => number
  /** A new name, unique and sortable by time. */
  newId(prefix: string): string
  /** Resolves after so many ms; rejects when aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** Aborts after so many ms. */
  deadline(ms: number): AbortSignal
  /** Keeps what fences effects; ends whoever had the lease before and did not give it back, with the commands it left. */
  lockEffects(): Promise<EffectsLock>
  openEffects(recorder: Recorder, lock?: EffectsLock): { readonly reads: Reads; readonly effects: Effects }
  /** Calls again and again until the function it gives is called; never overlapping. */
  every(ms: number, body: () => Promise<void>): () => void
  /** Space for going back on a full disk. */
  readonly reserve: { keep(): void; free(): void }
  /** Folder that holds a room for each resource of each world. */
  readonly rooms: string
  /** Aborts when the user wants out. */
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly by: Author
  /** This process, for leases and worlds. */
  readonly self: Holder
  /** True if that process is known to be dead (on this host). */
  readonly gone: (holder: Holder) => boolean
  /** Most steps prepared at once. */
  readonly parallelism: number
}
