// Owns: what may not go: what is protected, and what somebody who stays refers to.
// Never: decides what goes.
import { holesOf } from '../model/holes.ts'
import type { Held, Step } from '../model/plan.ts'
import { planFault } from './desired.ts'
import type { Desired } from './desired.ts'

export interface Going {
  readonly held: Held & { readonly resource: string }
}

/** Who stays needs what it refers to: found only while preparing, it would be in the middle of the change. */
export function refuseReferred(
  gone: readonly Going[],
  staying: readonly { readonly name: string; readonly want: Pick<Desired, 'spec'> }[],
): void {
  const names = new Set(gone.map(({ held }) => held.resource))
  for (const { name } of staying) names.delete(name)
  for (const { name, want } of staying) {
    const missing = holesOf(want.spec).find(({ hole }) => names.has(hole.$ref))?.hole.$ref
    if (missing === undefined) continue
    throw planFault(
      'plan.referred',
      name,
      'A resource that stays refers to one that would go.',
      `${name} refers to ${missing}`,
      `Take ${name} along (\`--only ${name}\`), or let it refer to something else first.`,
    )
  }
}

export function refuseProtected(gone: readonly Going[], drafts: readonly Pick<Step, 'id' | 'action'>[]): void {
  for (const { held } of gone) {
    if (!held.terms.protect || !drafts.some(({ id, action }) => id === held.id && action === 'delete')) continue
    throw protectedFault(held.resource, 'deleted')
  }
}

export function protectedFault(resource: string, what: 'deleted' | 'replaced'): Error {
  return planFault(
    'plan.protected',
    resource,
    `A protected resource would be ${what}.`,
    `${resource} has protect: true`,
    what === 'deleted'
      ? 'Apply once with `protect: false`, then remove it; or keep it with `onRemove: keep`.'
      : 'Apply once with `protect: false`, then replace it.',
  )
}
