// Owns: `--only`: which of the wanted resources a plan is about. The others stay as the last revision has them.
// Never: leaves out what a chosen one depends on and what does not stand yet.
import type { Revision } from '../model/plan.ts'
import { planFault } from './desired.ts'
import type { Desired } from './desired.ts'

export function chooseDesired(
  asked: Readonly<Record<string, Desired>>,
  base: Revision | null,
  only: readonly string[],
): Readonly<Record<string, Desired>> {
  if (only.length === 0) return asked
  const held = base?.resources ?? {}
  const chosen = new Set<string>()
  const choose = (name: string): void => {
    if (chosen.has(name)) return
    const want = asked[name]
    refuseUnknown('--only', [name], asked, held)
    chosen.add(name)
    for (const dep of want?.terms.dependsOn ?? []) if (held[dep] === undefined) choose(dep)
  }
  for (const name of only) choose(name)
  const desired: Record<string, Desired> = {}
  for (const [name, { kind, asked: written, spec, terms }] of Object.entries(held)) {
    if (!chosen.has(name)) desired[name] = { kind, asked: written, spec, terms, movedFrom: null, target: null, still: true }
  }
  for (const name of chosen) {
    const want = asked[name]
    if (want !== undefined) desired[name] = want
  }
  return desired
}

/** A name that is nobody's is a slip, and what it was to accept or replace would go unsaid. `NAME@old` is what stands at a former home. */
export function refuseUnknown(option: string, names: readonly string[], ...known: readonly Readonly<Record<string, unknown>>[]): void {
  const all = new Set(known.flatMap((one) => Object.keys(one)))
  const unknown = names.find((name) => !all.has(name.replace(/@old$/, '')))
  if (unknown === undefined) return
  throw planFault(
    'plan.no-resource',
    unknown,
    'There is no such resource.',
    `${JSON.stringify(unknown)}; there are ${[...all].toSorted().join(', ')}`,
    `Correct the name after ${option}.`,
  )
}
