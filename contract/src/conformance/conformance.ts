// Owns: the suite as tests: one each check, named for the law it holds.
// Never: leaves a check out silently; what cannot hold is there with its reason, as skipped.
import { describe, test } from 'vitest'
import { caseOf, checks, reasonAgainst } from './checks.ts'
import type { Subject } from './subject.ts'

/** Registers the whole suite for a provider. Call it at the top of a test file. */
export function conformance<Spec, State, Memento, Part, Out>(subject: Subject<Spec, State, Memento, Part, Out>): void {
  const ready = caseOf(subject)
  describe(`${ready.provider.kind} conforms`, () => {
    for (const check of checks) {
      if (check.concerns?.(ready) === false) continue
      const reason = reasonAgainst(check, ready)
      const sampled = ready.killPointsMax !== Number.POSITIVE_INFINITY && check.name.includes('killed')
      const title = `${check.name}${sampled ? ` (at most ${ready.killPointsMax} points)` : ''}${reason === null ? '' : ` — not here: ${reason}`}`
      test.skipIf(reason !== null)(title, { timeout: ready.timeoutMs }, () => check.run(ready))
    }
  })
}
