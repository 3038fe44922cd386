// Owns: the artefacts after the plan: rehearsal, assessment, receipt, verdict, undoing.
// Never: mutable, never holds what JSON cannot say.
import type { Digest, FaultData, Fidelity, Json, Reversal } from '@understudy/contract'

/** What a rehearsal of the undo proved. `except` are differences that are known and named; `losses` what would be gone. */
export interface Certificate {
  readonly grade: 'exact' | 'exact-except' | 'lossy' | 'impossible'
  readonly except: readonly string[]
  readonly losses: readonly string[]
  readonly reason: string
}

export interface RehearsedStep {
  readonly step: string
  readonly certificate: Certificate
  readonly reversal: Reversal
  readonly fidelity: Fidelity
  readonly because: string
  readonly prepareMs: number
  /** Both runs forward, both runs back. */
  readonly turnMs: readonly number[]
  readonly undoMs: readonly number[]
  readonly bytesHeld: number
  /** It turned out to be nothing to do in the shadow. */
  readonly idle: boolean
}

export interface Rehearsal {
  readonly artefact: 'rehearsal'
  readonly plan: Digest
  readonly world: string
  readonly certificate: Certificate
  readonly steps: readonly RehearsedStep[]
  /** Why it stopped, where it did. */
  readonly failed: {
    readonly step: string
    readonly during: 'fork' | 'prepare' | 'turn' | 'compare' | 'undo'
    readonly fault: FaultData
  } | null
  /** Old users of data on the new data: who was asked and what they said. */
  readonly probes: readonly { readonly resource: string; readonly fit: boolean; readonly detail: string }[]
  /** Steps after which the old users cannot stand: between that turn and theirs there is downtime. */
  readonly downtime: readonly string[]
  /** Each way back as a whole: looked at, turned, journalled, read afresh. */
  readonly backMs: readonly number[]
  readonly forkMs: number
  readonly totalMs: number
  /** Change log of the rehearsal, an object in the store. */
  readonly log: Digest
}

/** Points of a score with the reason, largest first. */
export interface Contribution {
  readonly name: string
  readonly points: number
  readonly text: string
}

export interface Interval {
  readonly low: number
  readonly mid: number
  readonly high: number
}

export interface Assessment {
  readonly artefact: 'assessment'
  readonly plan: Digest
  readonly rehearsal: Digest | null
  /** 0–100. */
  readonly risk: number
  readonly likelihood: number
  readonly hardness: number
  readonly contributions: readonly Contribution[]
  readonly gates: readonly { readonly name: string; readonly decision: 'ask' | 'refuse'; readonly text: string }[]
  readonly decision: 'apply' | 'ask' | 'refuse'
  readonly forecast: {
    readonly undoMs: Interval
    /** The same once it can no longer be flipped: it is planned, rehearsed and prepared again. Not in assessments of older versions. */
    readonly compiledMs?: Interval
    readonly turnMs: Interval
    readonly prepareMs: Interval
    readonly downtimeMs: Interval
    readonly bytesHeld: number
    readonly basis: string
  }
}

export interface Receipt {
  readonly artefact: 'receipt'
  readonly change: string
  readonly plan: Digest
  readonly prepareMs: number
  readonly turnMs: number
  readonly steps: readonly {
    readonly step: string
    readonly idle: boolean
    readonly prepareMs: number
    readonly turnMs: number
    readonly bytesHeld: number
  }[]
}

export interface Verdict {
  readonly artefact: 'verdict'
  readonly change: string
  readonly verified: boolean
  readonly resources: readonly {
    readonly resource: string
    readonly equal: boolean
    readonly wanted: Digest | null
    readonly seen: Digest | null
    readonly late: readonly string[]
    readonly writtenSince: boolean
  }[]
  readonly ms: number
}

export interface Undoing {
  readonly artefact: 'undoing'
  readonly change: string
  readonly how: 'flip' | 'compiled' | 'nothing'
  readonly restored: readonly string[]
  readonly refused: readonly { readonly step: string; readonly fault: FaultData }[]
  readonly left: readonly string[]
  readonly late: readonly { readonly resource: string; readonly names: readonly string[] }[]
  /** What going back lost, by name: accepted when the change was applied. Not in undoings of older versions. */
  readonly losses?: readonly string[]
  /** From the request to the last turn done and journalled. */
  readonly switchMs: number
  /** Preparing, nothing for a flip; and the turns with what is journalled for them. Not in undoings of older versions. */
  readonly prepareMs?: number
  readonly turnMs?: number
  /** From the request to the verdict: what somebody waits for. Not in undoings of older versions. */
  readonly totalMs?: number
  readonly verified: boolean
}

/** Change log of one step: what it did, redacted. */
export interface StepLog {
  readonly step: string
  readonly during: string
  readonly at: number
  readonly durationMs: number
  readonly rows: Json
}
