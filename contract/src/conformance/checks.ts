// Owns: the list of all checks, and a subject made ready for them.
// Never: knows a test runner, so that anybody can run them: the suite's own mutants are caught by these very functions.
import type { Check } from './check.ts'
import { conflictChecks } from './conflict-checks.ts'
import { faultChecks } from './fault-checks.ts'
import { forkChecks } from './fork-checks.ts'
import { honestyChecks } from './honesty-checks.ts'
import { killChecks } from './kill-checks.ts'
import { plainProvider } from './plain-provider.ts'
import { powerChecks } from './power-checks.ts'
import type { Case } from './scene.ts'
import { schemaChecks } from './schema-checks.ts'
import type { Subject } from './subject.ts'
import { turnChecks } from './turn-checks.ts'

/** All checks, in the order in which a provider is written. */
export const checks: readonly Check[] = [
  ...schemaChecks,
  ...turnChecks,
  ...conflictChecks,
  ...honestyChecks,
  ...powerChecks,
  ...faultChecks,
  ...killChecks,
  ...forkChecks,
]

const TIMEOUT_MS = 60_000 // kill checks stand a thing up some dozen times; real components take their time

/** Closes over the types of a subject. */
export function caseOf<Spec, State, Memento, Part, Out>(subject: Subject<Spec, State, Memento, Part, Out>): Case {
  const unknown = Object.keys(subject.flags ?? {}).filter((name) => !checks.some((check) => check.name === name))
  if (unknown.length > 0) throw new Error(`flags name no check: ${unknown.join(', ')}`)
  return {
    provider: plainProvider(subject.provider),
    stage: subject.stage,
    specs: { a: subject.specs.a, b: subject.specs.b, c: subject.specs.c ?? null },
    touch: subject.touch,
    appear: subject.appear ?? null,
    touchOff: subject.touchOff ?? null,
    forbid: subject.forbid ?? null,
    unknown: subject.unknown ?? null,
    sizes: subject.sizes ?? null,
    secretSpec: subject.secretSpec ?? null,
    ignores: subject.ignores ?? (() => false),
    killPointsMax: subject.killPointsMax ?? Number.POSITIVE_INFINITY,
    timeoutMs: subject.timeoutMs ?? TIMEOUT_MS,
    flags: subject.flags ?? {},
  }
}

/** Why a check is not run for this subject; null when it is. */
export function reasonAgainst(check: Check, subject: Case): string | null {
  const flagged = subject.flags[check.name]
  if (flagged !== undefined) return flagged
  const lack = check.lacks?.(subject) ?? null
  return lack === null ? null : `the subject gives no \`${lack}\``
}
