// Owns: one run of a plan in one world: where it is, what is prepared, how it is journalled. Shadow, apply and rollback
// drive the same functions with it, so a rehearsal runs the code of the performance.
// Never: decides what to do; the plan did.
import { Fault } from '@understudy/contract'
import type { At, Json } from '@understudy/contract'
import type { Journal } from '../journal/write-journal.ts'
import type { PreparedStep } from '../model/journal.ts'
import type { Plan, Step } from '../model/plan.ts'
import type { World } from '../model/world.ts'
import type { CallLog } from './attempt.ts'
import type { Kind } from './kind.ts'
import type { Ports } from './ports.ts'

export interface Run {
  readonly ports: Ports
  readonly plan: Plan
  readonly change: string
  readonly world: World
  /** Where each resource is in this world, by id. In a shadow it grows as new places are made. */
  readonly parts: Map<string, Json>
  /** Makes the place of something that is not in this world yet; null where everything has its place (the primary). */
  readonly makePlace: ((step: Step, spec: Json) => Promise<void>) | null
  readonly journal: Journal
  readonly log: CallLog
  /** Outputs by resource name: of the live side, then of the new side as soon as a step is prepared. */
  readonly outs: Map<string, Json>
  /** The before side in this world, by step name. */
  readonly before: Map<string, { readonly state: Json | null; readonly unmanaged: Json }>
  readonly prepared: Map<string, PreparedStep>
  readonly idle: Map<string, { readonly state: Json | null; readonly out: Json }>
  /** Steps that were turned to their after side, or may have been. Of the others nothing of ours was ever live. */
  readonly turned: Set<string>
  /** True: a signal from the user no longer stops it (an undo). */
  readonly shielded: boolean
}

export function kindFor(ports: Pick<Ports, 'kinds'> & Partial<Pick<Ports, 'unusable'>>, kind: string): Kind {
  const found = ports.kinds.get(kind)
  if (found !== undefined) return found
  const broken = Object.entries(ports.unusable ?? {}).map(([name, why]) => `${name}: ${why}`)
  throw new Fault({
    code: 'kind.unknown',
    class: 'invalid',
    summary: 'No provider brings this kind.',
    detail: `kind ${JSON.stringify(kind)}; known are ${[...ports.kinds.keys()].toSorted().join(', ')}${broken.length === 0 ? '' : `; not loaded are ${broken.join('; ')}`}`,
    hint:
      broken.length === 0
        ? 'Correct the kind, or name the package that brings it under `providers:` in the stack file.'
        : 'Install the package again where the stack file finds it: what it made can only be read and undone with it.',
  })
}

export function stepNamed(plan: Plan, name: string): Step {
  const step = plan.steps.find((candidate) => candidate.name === name)
  if (step !== undefined) return step
  throw new Error(`plan has no step ${name}`)
}

/** Where a step acts in a run's world. */
export function placeOf(run: Run, step: { readonly id: string }): At<Json> {
  const part = run.parts.get(step.id)
  // Never falls back to the plan's part: that is the primary's, and the run may be in a shadow.
  if (part === undefined) throw new Error(`world ${run.world.id} has no place for ${step.id}`)
  return { world: run.world.id, id: step.id, part }
}

/** Names a step of a change: the same when it is tried again. */
export function keyOf(change: string, step: string): string {
  return `${change}-${step.replace('@', '-at-')}`
}
