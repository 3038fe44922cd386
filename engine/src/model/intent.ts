// Owns: the intent: what is wanted, resolved from a stack file, with nothing left to look up but outputs and live state.
// Never: holds a secret's value, a function, or a path that depends on who reads it.
import type { Digest, Json } from '@understudy/contract'

/** Stands in a spec for an output known later. A whole value keeps its type; inside text it is part of a `Joined`. Keys starting with `$` are refused in user specs. */
export interface Hole {
  readonly $ref: string
  readonly output: string
}

/** Text with holes: the parts in order, joined when all are known. Text with secrets and no holes is one `Secret` (the whole text is sealed). */
export interface Joined {
  readonly $join: readonly (string | Hole)[]
}

export interface Wish {
  readonly kind: string
  /** What the user wrote, variables and layers resolved, the kind's defaults not filled; holds `Hole`, `Joined` and `Secret`. Not frozen yet. */
  readonly spec: Json
  /** Names: written as `dependsOn`, plus every name a hole refers to. Sorted. */
  readonly dependsOn: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** True: a plan that would delete or replace it is refused. */
  readonly protect: boolean
  readonly onRemove: 'keep' | 'delete'
  /** Its former name in this stack. */
  readonly movedFrom: string | null
  /** JSON pointers into the spec: differences there are not acted on. */
  readonly ignoreChanges: readonly string[]
  /** Times a transient fault is tried again, per call. */
  readonly retries: number
  /** Longest time for one call, ms. */
  readonly timeoutMs: number
  /** True: watched after a change of the stack; when its probe fails the change is undone. */
  readonly guard: boolean
  /** Where it stands in the stack file, for errors; the file without its folder. Null in a module. */
  readonly where: Where | null
}

export interface Where {
  readonly file: string
  readonly line: number
  readonly column: number
}

export type Decision = 'apply' | 'ask' | 'refuse'

export interface Policy {
  /** Risk (0–100) from which a person is asked, and from which it is refused. */
  readonly askAt: number
  readonly refuseAt: number
  /** How long guards watch after a change, ms; 0 watches not at all. */
  readonly guardForMs: number
  readonly guardEveryMs: number
  /** Failed probes in a row before a guard decides. */
  readonly guardFailures: number
  readonly onGuard: 'keep' | 'hold' | 'undo'
  /** Revisions kept with what they need to be gone back to. */
  readonly keepRevisions: number
}

export interface Intent {
  readonly artefact: 'intent'
  readonly stack: string
  readonly resources: Readonly<Record<string, Wish>>
  readonly policy: Policy
  /** npm packages that bring third-party providers, in the order written. */
  readonly providers: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** Digest of what was read, kept in the store: `{files: [{file, content}], variables, env, layers}`; contents and secret values by digest. */
  readonly source: Digest
}
