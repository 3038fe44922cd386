// Owns: what a change is asked with where nobody is asked and nothing is special: for tests and benchmarks.
// Never: decides what is wanted.
import type { Intent } from '../model/intent.ts'
import type { ApplyOptions, ChangeRequest } from '../pipeline.ts'

/** All of the intent, consented to. `base` is the folder that relative paths start from. */
export function plainRequest(intent: Intent, base: string, more: Partial<ChangeRequest> = {}): ChangeRequest {
  return { intent, base, only: [], replace: [], consent: { irreversible: [], loss: [], yes: true }, destroy: false, ...more }
}

/** Without a deadline, a plan made before, or a person; who is asked says yes. */
export const plainOptions: ApplyOptions = {
  message: '',
  confirmWithinMs: null,
  planned: null,
  always: false,
  foreseen: () => undefined,
  arm: () => Promise.resolve(),
  ask: () => Promise.resolve(true),
}
