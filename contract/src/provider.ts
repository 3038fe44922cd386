// Owns: the contract between engine and provider. A change is two sides and one verb, `turn`, goes either way: apply,
// undo and redo are the same code, so "undo twice is undo once" and "an undo can be undone" follow from it.
// Never: tells a provider whether its world is the primary or a shadow.
import type { Digest, Json } from './json.ts'
import type { DirReads, Effects, Path, Reads } from './effects.ts'
import type { DescribedSchema, Schema } from './schema.ts'

/** The two sides of a step. */
export type Side = 'before' | 'after'

/**
 * What a step looks like right now. `mixed` is ours, half done; `other` is somebody else's write. `standby` is the side
 * that is not live: `fit` to be turned to, `stale` (it changed since), or `gone`. `late` names what was written to the
 * side that is not live after it was turned away from (L17); only a full look fills it.
 */
export interface Stand {
  readonly side: Side | 'mixed' | 'other'
  readonly standby: 'fit' | 'stale' | 'gone'
  readonly late?: readonly string[]
}

/** Where a provider acts. `part` is what the world says of this resource: where it really is. */
export interface At<Part> {
  readonly world: string
  readonly id: string
  readonly part: Part
}

/** A secret in a spec or a state: the value lies sealed in the store under `mac`; `label` is how the user wrote it. */
export interface Secret {
  readonly secret: string
  readonly mac: Digest
}

/** A file's content by digest, and which file it was: inode, change time, bytes. */
export interface NamedFile {
  readonly digest: Digest
  readonly size: number
  readonly ino: bigint
  readonly ctimeNs: bigint
}

/** Numbers in a print, eight bytes each (`Look.prints`). */
export const PRINT_NUMBERS = 4

export interface Look {
  readonly signal: AbortSignal
  readonly fx: Reads
  /**
   * A directory of this resource's own in this world, for records, sockets, scratch; the same in every call, also after a
   * restart. Reading calls must cope with it not being there yet; writing calls find it made (0700).
   */
  readonly room: Path
  /** Content by digest, verified. Faults `store.missing` when it is not there. */
  get(digest: Digest): Promise<Uint8Array>
  /** Keeps content; durable at the latest with the next journal entry. */
  put(bytes: Uint8Array): Promise<Digest>
  /** The digest that `put` would give, without keeping anything. */
  name(bytes: Uint8Array): Digest
  /**
   * `name` of the bytes of regular files in `folder` below an open directory, read by another thread: for looking at many
   * files without standing in anybody's way. Null for what is no regular file, cannot be read, or changed meanwhile: a
   * caller that needs to know why reads that one itself.
   */
  nameFiles(dir: DirReads, folder: Path, names: readonly Path[]): Promise<readonly (NamedFile | null)[]>
  /**
   * What a compare-and-swap of many names compares, PRINT_NUMBERS a name and cheaper than `stat`: inode; size, of a
   * directory its rights and owner; mtime; ctime, of a directory 0, since renaming it changes it. Zeros: nothing is there, or a link is on the way to it.
   * Of two lists that are asked for at once, one is left to another thread.
   */
  prints(dir: DirReads, names: readonly Path[]): Promise<BigUint64Array>
  /** The value of a secret. From then on it is blanked out of everything that is recorded. */
  reveal(secret: Secret): Promise<string>
  /** For people who watch: how far this call is. Never needed for correctness. */
  progress(done: number, of: number, what: string): void
}

export interface Hands extends Look {
  /** Names this step of this change: the same when it is retried. What `prepare` makes carries names derived from it. */
  readonly key: string
  /** Fencing token of the writer; goes into effects on systems that can compare it. */
  readonly epoch: number
  readonly fx: Effects
}

/** What is there. */
export interface Seen<State, Out> {
  /** Canonical, ≤ 64 KiB; what is bigger is a Merkle root over objects in the store. The engine compares it by digest. */
  readonly state: State
  /** What others may refer to as `${name.output}`. */
  readonly out: Out
  /**
   * What the spec does not speak of, but an undo has to leave as it was when nobody else wrote: rows, times, files beside
   * ours (L4). The rehearsal compares it after going back; on the primary a difference is reported as written since.
   */
  readonly unmanaged: Json
  /** What changes by itself: pids, counters. Never compared. */
  readonly volatile: Json
}

export interface Wanted<State> {
  readonly state: State
  /** Names of what this resource owns: `file:/etc/shop/` (with all below), `tcp:127.0.0.1:8080`, `sqlite:/srv/shop.db`. */
  readonly claims: readonly string[]
}

/** What undoing costs: `switch` (the old side is kept whole beside), `restore` (written back), `compensate` (an opposite, traces remain), `none`. */
export type Reversal = 'switch' | 'restore' | 'compensate' | 'none'

export interface Prepared<Memento, Out> {
  /** All that turning either way needs. Durable before anything is turned. Plain JSON ≤ 64 KiB; bigger parts in the store. */
  readonly memento: Memento
  /** The AFTER side's outputs: dependents prepare against it. Null when the after side is absence. */
  readonly out: Out | null
  readonly reversal: Reversal
  /** Space held for the way back, bytes. */
  readonly bytesHeld: number
  /** What an undo could not bring back, by name, with amounts; empty is exact. E.g. `table audit: 12 rows`. */
  readonly losses: readonly string[]
}

export type Fidelity = 'exact' | 'partial' | 'modelled'

export interface Forked<Part, Out> {
  readonly part: Part
  /** Outputs of the copy; null when there was nothing to copy. */
  readonly out: Out | null
  readonly fidelity: Fidelity
  /** Why it is not exact; empty when it is. */
  readonly because: string
}

/**
 * One kind of resource. Eight verbs and `home`. Types end in closures that parse at the border (see engine's registry):
 * no `any` and no cast here. Retries, timeouts, locks, journal and comparison are the engine's.
 */
export interface Provider<Spec, State, Memento, Part, Out> {
  /** `family.thing`, e.g. `files.tree`. */
  readonly kind: string
  /** Grows when a memento of this kind changes shape. Memento schemas stay readable by every later version. */
  readonly version: number
  readonly schema: {
    readonly spec: DescribedSchema<Spec>
    readonly state: Schema<State>
    readonly memento: Schema<Memento>
    readonly part: Schema<Part>
    readonly out: DescribedSchema<Out>
  }
  /** `beside`: the new side can stand next to the old one. `in-place`: both sides share the data, so only one stands. Pure. */
  prepares(spec: Spec): 'beside' | 'in-place'
  /** Where the real thing is: the primary's part. Pure. A spec whose home differs is another thing: create and delete. */
  home(spec: Spec): Part
  /** The state that a spec asks for in this world, and what it claims. Changes nothing. */
  want(at: At<Part>, spec: Spec, call: Look): Promise<Wanted<State>>
  /** What is there; null is absent; "could not tell" is a fault. `hint` is the last known state (it may speed reading up). */
  read(at: At<Part>, hint: State | null, call: Look): Promise<Seen<State, Out> | null>
  /**
   * Makes a copy of the live thing (`live` null: only its place) in another world. `spec` is resolved in that world. `unfit`:
   * what is live does not answer (its probe says so, in words): then its copy need not either, so that it can be repaired.
   */
  fork(from: At<Part>, to: At<null>, live: State | null, spec: Spec, call: Hands, unfit?: string): Promise<Forked<Part, Out>>
  /** Removes a copy. Part null: the fork died half-way; what it left is found by world and id (its room). Twice is once. */
  close(at: At<Part | null>, call: Hands): Promise<void>
  /** All the slow work, invisible: makes the side `to` ready beside `from`, or the way to it. Null is absence. */
  prepare(at: At<Part>, from: State | null, to: State | null, call: Hands): Promise<Prepared<Memento, Out>>
  /** Which side is live. `quick`: O(1), names and identities. `full`: every byte of both sides, fills `late`. */
  look(at: At<Part>, memento: Memento, depth: 'quick' | 'full', call: Look): Promise<Stand>
  /**
   * Makes `to` the live side: compare-and-swap (`other` faults with class `conflict`), durable when it resolves, and
   * verified on what changed. Being there already is success. Never depends on size for a `switch`.
   */
  turn(at: At<Part>, memento: Memento, to: Side, call: Hands): Promise<Stand>
  /**
   * Drops the side that is not live; content that a state refers to goes to the store first. Memento null: preparing was
   * killed; what it left is found by `call.key`. Twice is once.
   */
  release(at: At<Part>, memento: Memento | null, call: Hands): Promise<void>
  /** Outputs that stay the same for as long as `home` does (a path, a fixed port): who refers only to them need not follow a change. */
  readonly lasting: readonly string[]
  /** Optional powers, found by property. */
  readonly source?: Sourcing
  readonly components?: Components<State>
  readonly merging?: Merging<State>
  readonly probing?: Probing<Part>
  readonly mortal?: Mortal<Part, State>
  readonly inPlaceParts?: TurningParts<Part, State, Memento, Out>
  /**
   * The bytes that are live under a component's pointer: reading only names content, and what is taken over as it is
   * (import, accepted drift) has to be gone back to. Null where there are none, or they may hold a secret.
   */
  liveBytes?(at: At<Part>, pointer: string, call: Look): Promise<Uint8Array | null>
  /**
   * What somebody wrote that lies aside in this resource, by name, with amounts and where: put there by any turn, and without a
   * place now (L17). Never O(size) of what is live: `status` asks for it. Empty where the resource is not there.
   */
  aside?(at: At<Part>, call: Look): Promise<readonly string[]>
}

/**
 * Sourcing: the spec names things outside the stack (a folder of sources, migrations, a command to run). `freeze` puts
 * them into the store once, while planning, and returns the spec with their digests in place; everything later uses only
 * the frozen spec. `spec` may still hold `{ref, output}` holes in other places; if one stands where freezing needs a
 * value it faults `plan.known-too-late`. `base` is the folder of the stack file. A frozen spec freezes to itself.
 */
export interface Sourcing {
  /** True where freezing does something (runs a command): the same spec as written then keeps what it froze to. */
  readonly once?: boolean
  freeze(spec: Json, base: Path, call: Hands): Promise<Json>
}

/** Components of a state by JSON pointer (RFC 6901), e.g. `/files/nginx.conf`. Content is a digest or plain JSON. */
export interface Components<State> {
  /** All pointers, in order. */
  list(state: State, call: Look): Promise<readonly string[]>
  /** Pointers that differ between two states (null is absence). O(difference). */
  differ(a: State | null, b: State | null, call: Look): Promise<readonly string[]>
  /** The component, or undefined where it is absent. */
  get(state: State, pointer: string, call: Look): Promise<Json | undefined>
  /** The state with one component set, or taken out (undefined). */
  set(state: State, pointer: string, value: Json | undefined, call: Look): Promise<State>
  /** Text of a component for people (diff); null where it is not text. */
  text(component: Json, call: Look): Promise<string | null>
}

export interface Merging<State> {
  /** Three ways; conflicts by pointer, nothing guessed. */
  merge(
    base: State | null,
    ours: State | null,
    theirs: State | null,
    call: Look,
  ): Promise<
    | { readonly merged: State | null }
    | { readonly conflicts: readonly { readonly pointer: string; readonly base: Json; readonly ours: Json; readonly theirs: Json }[] }
  >
}

/** Can the live thing answer, here, now (L6)? Used for guards, before traffic moves back, and for old code on new data. */
export interface Probing<Part> {
  probe(at: At<Part>, call: Look): Promise<{ readonly fit: boolean; readonly detail: string }>
}

/** What may end by itself, or with the machine, without anybody having written to it: a process. */
export interface Mortal<Part, State> {
  /** Whether `now` is `left` that has ended, and nothing else: then it is no foreign write, and no reason to refuse an undo. Pure. */
  ended(left: State, now: State): boolean
  /**
   * Starts again what is live and has ended, where it was, and waits until it is as it was. One that is there is left alone.
   * Whoever took its place meanwhile is a conflict.
   */
  revive(at: At<Part>, call: Hands): Promise<void>
}

/** Turning single components under the live name, so that dependants keep their handle on the whole (one file of a tree). */
export interface TurningParts<Part, State, Memento, Out> {
  prepareParts(at: At<Part>, from: State, to: State, pointers: readonly string[], call: Hands): Promise<Prepared<Memento, Out>>
  /**
   * The same where nothing has to be prepared: `held` is an earlier step of this resource, the whole of it turned and not
   * let go of, and the wanted sides of these components stand in what it keeps. Turning them exchanges them with what is
   * kept there, so the content of both sides goes to the store here, and `release` of either memento must leave the other
   * one right. Changes nothing. Null where it cannot: then `prepareParts` is asked.
   */
  heldParts?(
    at: At<Part>,
    held: Memento,
    from: State,
    to: State,
    pointers: readonly string[],
    call: Look,
  ): Promise<Prepared<Memento, Out> | null>
}
