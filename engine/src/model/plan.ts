// Owns: the plan: every decision of a change, in both directions, as data.
// Never: holds a live object, a secret, or something that only apply could know (that is a hole in a spec).
import type { Digest, Json } from '@understudy/contract'

/** What is remembered of a resource besides what its provider says; comes from the intent's wish. */
export interface Terms {
  readonly dependsOn: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly protect: boolean
  readonly onRemove: 'keep' | 'delete'
  readonly retries: number
  readonly timeoutMs: number
  readonly guard: boolean
}

/** A resource as a revision holds it: enough to read, change, undo or rebuild it without the stack file (L3). */
export interface Held {
  /** Names its room and its place in a world: the name it was created under; another one after it moved home. */
  readonly id: string
  readonly kind: string
  readonly version: number
  /** As written, before freezing: equal to this means nothing was asked for anew. */
  readonly asked: Json
  /** Frozen: sources replaced by digests; holes stay. */
  readonly spec: Json
  readonly terms: Terms
  readonly part: Json
  /** What it owns, where that was known when it was planned: no other stack of the store may own it. */
  readonly claims?: readonly string[]
  readonly state: Json
  readonly out: Json
}

/** Numbered state of a stack after a change. */
export interface Revision {
  readonly artefact: 'revision'
  readonly stack: string
  /** 1, 2, 3, … */
  readonly n: number
  readonly change: string
  readonly parent: Digest | null
  /** Names the wanted contents: equal for two revisions that want the same. What a tombstone names. */
  readonly content: Digest
  readonly resources: Readonly<Record<string, Held>>
}

export type Reason =
  | { readonly why: 'new' | 'asked' | 'drift' | 'removed' | 'forced' | 'undo' }
  | { readonly why: 'follows'; readonly of: string }
  | { readonly why: 'moved-home'; readonly from: Json }

/** One resource's part of a change; carries both directions. */
export interface Step {
  /** Unique in the plan: the resource, or `RESOURCE@old` for what stands at a former home. */
  readonly name: string
  readonly resource: string
  readonly id: string
  readonly kind: string
  readonly version: number
  readonly action: 'create' | 'change' | 'delete'
  readonly because: readonly Reason[]
  readonly mode: 'beside' | 'in-place'
  /** Index into `waves`. */
  readonly wave: number
  readonly part: Json
  /** The state seen when planning; null is absent. */
  readonly from: Json | null
  /** Frozen spec with holes; null for a deletion. */
  readonly spec: Json | null
  /** A state to go to as it was observed (L2), instead of what the spec asks for. Only in a compiled undo. */
  readonly target: Json | null
  /** Wanted state where it is known already; null while a hole of the spec waits for another step (or for a deletion). */
  readonly to: Json | null
  /** Pointers to turn alone under the live name; empty: the whole. */
  readonly pointers: readonly string[]
  /** Names of steps that are turned before this one. */
  readonly after: readonly string[]
  readonly terms: Terms
}

export interface PlanNote {
  readonly code:
    | 'drift'
    | 'moved'
    | 'kept'
    | 'handed-back'
    | 'recorded'
    | 'forgotten'
    | 'ignored'
    | 'late-known'
    | 'written-since'
    | 'written-over'
    | 'no-way-back'
    | 'live-name'
  readonly resource: string
  readonly text: string
  /** Of `drift` and `written-over`: pointers of what somebody else wrote; none where the kind has no components. */
  readonly components?: readonly string[]
}

export interface Plan {
  readonly artefact: 'plan'
  readonly stack: string
  readonly goal: 'apply' | 'destroy' | 'undo'
  readonly intent: Digest | null
  /** Revision it starts from; 0 is nothing. */
  readonly base: number
  /** For an undo: what it goes back to, for people. */
  readonly undoes: string | null
  /** In the order of turning. */
  readonly steps: readonly Step[]
  readonly waves: readonly (readonly string[])[]
  readonly unchanged: readonly string[]
  /** What the next revision will hold; state and out of changed ones are filled in when they are known. */
  readonly resources: Readonly<Record<string, Omit<Held, 'state' | 'out'>>>
  /** What was live when planning, by id: part, state, outputs and what the spec does not speak of. */
  readonly live: Readonly<Record<string, Live>>
  readonly notes: readonly PlanNote[]
  readonly content: Digest
}

export interface Live {
  readonly id: string
  readonly kind: string
  readonly part: Json
  readonly spec: Json
  readonly state: Json
  readonly out: Json
  readonly unmanaged: Json
  readonly terms: Terms
}
