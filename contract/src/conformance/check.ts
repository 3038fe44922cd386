// Owns: what a check is: a name that says the law, when it applies, and a plain function.
// Never: knows a test runner.
import type { Case } from './scene.ts'

export interface Check {
  readonly name: string
  /** False: the provider has not got the power that this is about; then there is no such check. */
  readonly concerns?: (subject: Case) => boolean
  /** What the subject would have to give for it, by name; null when it is there. */
  readonly lacks?: (subject: Case) => string | null
  run(subject: Case): Promise<void>
}
