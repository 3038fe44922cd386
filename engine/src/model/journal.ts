// Owns: what is written to a stack's log, and the shapes it folds into.
// Never: anything that could be computed from the rest.
import type { Digest, FaultData, Json, Reversal, Side } from '@understudy/contract'
import type { RehearsedStep } from './artefacts.ts'

export interface Author {
  readonly who: string
  readonly host: string
  /** `cli`, `keeper`, `guard`. */
  readonly through: string
}

/** Where an undo leads: to an earlier revision, or as a redo to one that was undone before. */
export interface Back {
  readonly to: number
  readonly how: 'undone' | 'redone'
  /** Only of some resources or components. */
  readonly inParts?: true
}

export type JournalEntry =
  | {
      readonly type: 'change.begun'
      readonly change: string
      readonly plan: Digest
      readonly rehearsal: Digest | null
      readonly assessment: Digest | null
      readonly by: Author
      readonly message: string
    }
  | { readonly type: 'step.preparing'; readonly change: string; readonly step: string; readonly key: string }
  | ({ readonly type: 'step.prepared'; readonly change: string } & PreparedStep)
  | { readonly type: 'step.idle'; readonly change: string; readonly step: string; readonly state: Json | null; readonly out: Json }
  | { readonly type: 'turning'; readonly change: string; readonly to: Side; readonly steps: readonly string[] }
  | {
      readonly type: 'turned'
      readonly change: string
      readonly to: Side
      readonly steps: readonly { readonly step: string; readonly ms: number }[]
    }
  | {
      readonly type: 'change.committed'
      readonly change: string
      readonly revision: Digest
      readonly n: number
      readonly receipt: Digest
      readonly verdict: Digest
      readonly watch: Watch | null
      /** Wall clock, ms since 1970. */
      readonly confirmBy: number | null
      /** The same time by another clock. Not in entries of older versions. */
      readonly confirmOn?: BootTime
      /** It was only to last until then: its undo is planned, and says nothing against it. */
      readonly temporary?: true
      /** For an undo that had to be planned. */
      readonly back?: Back
    }
  | { readonly type: 'change.undoing'; readonly change: string; readonly by: Author; readonly why: string; readonly message?: string }
  | {
      readonly type: 'change.undone'
      readonly change: string
      readonly revision: Digest | null
      readonly n: number | null
      readonly undoing: Digest
      readonly tombstone: Digest | null
    }
  | {
      readonly type: 'change.redone'
      readonly change: string
      readonly revision: Digest
      readonly n: number
      readonly undoing: Digest
      readonly by?: Author
      readonly message?: string
    }
  /** An undo that was begun could not be a flip; what it had turned is forward again, the change stands as it was. */
  | { readonly type: 'change.kept'; readonly change: string; readonly why: string }
  | { readonly type: 'change.held'; readonly change: string; readonly why: string; readonly faults: readonly FaultData[] }
  | {
      readonly type: 'change.partial'
      readonly change: string
      readonly left: readonly string[]
      readonly revision: Digest
      readonly n: number
    }
  | { readonly type: 'change.confirmed'; readonly change: string; readonly by: Author }
  | { readonly type: 'change.unwatched'; readonly change: string; readonly why: string }
  /** From here on it can no longer be flipped, only undone by a compiled undo: what stands beside is being dropped. */
  | { readonly type: 'change.downgraded'; readonly change: string }
  | { readonly type: 'change.released'; readonly change: string }
  | { readonly type: 'step.logged'; readonly change: string; readonly log: Digest }
  | { readonly type: 'tombstone.set'; readonly content: Digest; readonly change: string }
  | { readonly type: 'tombstone.lifted'; readonly content: Digest; readonly by: Author }
  | {
      readonly type: 'resource.adopted'
      readonly revision: Digest
      readonly n: number
      readonly by: Author
      readonly what: string
      /** True: only what is recorded changed, so going back writes to nothing live. */
      readonly recorded?: boolean
      readonly message?: string
      readonly back?: Back
    }
  | { readonly type: 'world.opened'; readonly world: string; readonly kinds: Readonly<Record<string, string>>; readonly holder: Json }
  | { readonly type: 'world.forked'; readonly world: string; readonly id: string; readonly part: Json }

export interface PreparedStep {
  readonly step: string
  readonly key: string
  readonly from: Json | null
  readonly to: Json | null
  readonly unmanaged: Json
  readonly memento: Json
  readonly out: Json | null
  readonly reversal: Reversal
  readonly bytesHeld: number
  readonly losses: readonly string[]
  readonly prepareMs: number
}

/** What is watched after a change, and until when (wall clock ms). */
export interface Watch {
  /** Boot of the machine on which it began. Not in entries of older versions. */
  readonly boot?: string
  readonly until: number
  readonly everyMs: number
  readonly failures: number
  readonly on: 'keep' | 'hold' | 'undo'
  readonly resources: readonly string[]
}

/** A time to come on the clock that starts with the machine and that nobody sets, and when it was asked for; ms since that boot. */
export interface BootTime {
  readonly boot: string
  readonly from: number
  readonly until: number
}

export type Phase = 'applying' | 'committed' | 'undoing' | 'undone' | 'held' | 'partial'

/** A step of a change as the log knows it. */
export interface StepStand {
  readonly step: string
  readonly key: string | null
  readonly prepared: PreparedStep | null
  readonly idle: { readonly state: Json | null; readonly out: Json } | null
  /** Side of the last finished turn; `before` when there was none. */
  readonly side: Side
}

/** A change as the log knows it. */
export interface ChangeState {
  readonly change: string
  readonly plan: Digest
  readonly rehearsal: Digest | null
  readonly assessment: Digest | null
  readonly by: Author
  readonly message: string
  readonly at: number
  readonly endedAt: number | null
  readonly phase: Phase
  readonly steps: Readonly<Record<string, StepStand>>
  /** A turn that was begun and of which no end is written. */
  readonly turning: { readonly to: Side; readonly steps: readonly string[] } | null
  readonly revision: number | null
  /** For an undo that had to be planned. */
  readonly back: Back | null
  readonly undoneRevision: number | null
  readonly undoing: Digest | null
  /** Who undoes or has undone it, and what for. */
  readonly undoneBy: Author | null
  readonly undoMessage: string
  readonly receipt: Digest | null
  readonly verdict: Digest | null
  readonly watch: Watch | null
  readonly confirmBy: number | null
  readonly confirmOn: BootTime | null
  /** Of a temporary change that nobody has confirmed: wall clock, ms since 1970. Stays when it is undone. */
  readonly lastsUntil: number | null
  readonly downgraded: boolean
  readonly released: boolean
  readonly logs: readonly Digest[]
  readonly why: string
  readonly faults: readonly FaultData[]
}

/** Everything a stack's log says, folded. */
export interface StackState {
  readonly stack: string
  readonly seq: number
  readonly revisions: readonly {
    readonly n: number
    readonly digest: Digest
    readonly change: string
    readonly at: number
    readonly how: string
    /** True: nothing was turned for it, only recorded. */
    readonly recorded: boolean
    /** Null for everything but an undo or redo, of the whole or of a part. */
    readonly back: Back | null
    /** Where it is not who made the change, and what for: an undo, a redo, or no change at all. */
    readonly by: Author | null
    readonly message: string
  }[]
  readonly changes: Readonly<Record<string, ChangeState>>
  /** Change ids in order. */
  readonly order: readonly string[]
  /** Contents that were undone: content digest → change. */
  readonly tombstones: Readonly<Record<Digest, string>>
}

/** Durations measured in a shadow, by step: what forecasts are made of. */
export type Measured = Readonly<Record<string, RehearsedStep>>
