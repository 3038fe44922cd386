// Owns: the exceptions, each for one file and one rule, with its reason. An entry that is no longer needed is an
// error of its own, so the list only names what is really so.
// Never: holds a pattern that covers files nobody has looked at.

import type { Rule } from './problem.ts'

export interface Allowed {
  readonly path: string
  readonly rule: Rule
  /** Why this file may: read by whoever wants to add the next one. */
  readonly reason: string
}

export const allowed: readonly Allowed[] = []
