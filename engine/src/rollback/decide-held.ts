// Owns: what a person decides about a change that could not be turned back: again, without some, over others' writes, or not.
// Never: decides itself.
import { Fault } from '@understudy/contract'
import { settle } from '../apply/apply-plan.ts'
import { collectLog } from '../exec/collect-log.ts'
import { begunSteps, primaryRun } from '../exec/primary-run.ts'
import { turnBack } from '../exec/turn.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactOf, headRevision, keepArtefact } from '../journal/load-stack.ts'
import type { ChangeState, StackState } from '../model/journal.ts'
import type { Held, Plan, Revision } from '../model/plan.ts'
import { observe, primaryWorld } from '../plan/observe.ts'
import { verifyRun } from '../verify/verify.ts'
import { performFlip, revisionNumbered } from './flip.ts'
import { rollBack } from './roll-back.ts'

export interface HeldDecision {
  readonly resume: boolean
  readonly skip: readonly string[]
  readonly force: readonly string[]
  readonly abandon: boolean
}

export type Decided = {
  readonly outcome: 'undone' | 'partial' | 'held' | 'kept'
  readonly change: string
  readonly left: readonly string[]
}

export async function decideHeld(writable: Writable, decision: HeldDecision): Promise<Decided> {
  const state = await writable.state()
  const held = state.order.map((id) => state.changes[id]).find((change) => change?.phase === 'held')
  if (held === undefined) {
    throw new Fault({
      code: 'recover.nothing-held',
      class: 'invalid',
      summary: 'No change is held.',
      detail: '',
      hint: '`understudy status` says what stands.',
    })
  }
  const plan = await artefactOf(writable.ports.store, 'plan', held.plan)
  const unknown = [...decision.skip, ...decision.force].find((name) => !plan.steps.some((step) => step.resource === name))
  if (unknown !== undefined) {
    const names = plan.steps.map(({ resource }) => resource).join(', ')
    throw new Fault({
      code: 'plan.no-resource',
      class: 'invalid',
      summary: 'The held change has no such resource.',
      detail: `${JSON.stringify(unknown)}; it has ${names}`,
      hint: 'Correct the name.',
    })
  }
  if (decision.abandon && standsWhole(held)) return keptWhole(writable, held)
  if (decision.abandon)
    return partly(
      writable,
      state,
      held,
      plan,
      plan.steps.map(({ resource }) => resource),
    )
  const leave = [...decision.skip, ...decision.force]
  if (leave.length === 0) return again(writable, state, held, plan)
  const log = collectLog()
  const run = primaryRun(writable, plan, held.change, log.add, held)
  const names = begunSteps(plan, held).filter((name) => !leave.includes(plan.steps.find((step) => step.name === name)?.resource ?? ''))
  const { refused } = await turnBack(run, names, [
    { type: 'change.undoing', change: held.change, by: writable.ports.by, why: `a person left out ${leave.join(', ')}` },
  ])
  if (refused.length > 0) {
    const left = refused.map(({ step }) => step)
    await writable.journal.append([
      {
        type: 'change.held',
        change: held.change,
        why: `could not be turned back: ${left.join(', ')}`,
        faults: refused.map(({ fault }) => fault),
      },
    ])
    return { outcome: 'held', change: held.change, left }
  }
  const partial = await partly(writable, state, held, plan, leave)
  if (decision.force.length === 0) return partial
  const only = decision.force.map((resource) => ({ resource, pointer: null }))
  const forced = await rollBack(
    writable,
    {
      to: plan.base,
      only,
      withClosure: true,
      resolve: 'saved',
      acceptLoss: decision.force,
      acceptIrreversible: [],
      message: `forced: ${decision.force.join(', ')}`,
      why: 'a person decided',
    },
    writable.ports.clock.monotonic(),
  )
  return forced.outcome === 'undone' || forced.outcome === 'nothing'
    ? { outcome: decision.skip.length > 0 ? 'partial' : 'undone', change: held.change, left: decision.skip }
    : partial
}

/** It is a revision and nothing of it was turned back: a guard holds it, or an undo that never began. */
function standsWhole({ revision, turning, steps }: ChangeState): boolean {
  return revision !== null && turning === null && Object.values(steps).every(({ prepared, side }) => prepared === null || side === 'after')
}

async function keptWhole(writable: Writable, { change }: ChangeState): Promise<Decided> {
  const why = 'a person kept it as it is'
  await writable.journal.append([
    { type: 'change.undoing', change, by: writable.ports.by, why },
    { type: 'change.kept', change, why },
    { type: 'change.confirmed', change, by: writable.ports.by },
  ])
  return { outcome: 'kept', change, left: [] }
}

/** The undo is tried again, whole. */
async function again(writable: Writable, state: StackState, held: ChangeState, plan: Plan): Promise<Decided> {
  const log = collectLog()
  const run = primaryRun(writable, plan, held.change, log.add, held)
  const head = await headRevision(writable.ports.store, state)
  if (held.revision !== null && head !== null) {
    const wanted = await revisionNumbered(writable, state, plan.base)
    const done = await performFlip(
      writable,
      { change: held, plan, to: 'before', run, rows: log.rows },
      head,
      wanted,
      'a person resumed it',
      writable.ports.clock.monotonic(),
      held.undoMessage,
    )
    return { outcome: done.ok ? 'undone' : done.outcome, change: held.change, left: done.undoing.left }
  }
  const fault = held.faults[0] ?? { code: 'apply.held', class: 'conflict' as const, summary: 'The change was held.', detail: '', hint: '' }
  const result = await settle(writable, verifyRun, run, held, fault, true, log.rows())
  return { outcome: result.outcome === 'held' ? 'held' : 'undone', change: held.change, left: result.outcome === 'held' ? result.left : [] }
}

/** Ends the change as it stands: the next revision says what is really live. */
async function partly(writable: Writable, state: StackState, held: ChangeState, plan: Plan, left: readonly string[]): Promise<Decided> {
  const { ports, journal } = writable
  const head = await headRevision(ports.store, state)
  const all: Record<string, Omit<Held, 'state' | 'out'>> = { ...head?.resources, ...plan.resources }
  const world = primaryWorld(head)
  const resources: Record<string, Held> = {}
  for (const [name, one] of Object.entries(all)) {
    const seen = await observe(ports, { ...world, parts: { ...world.parts, [one.id]: one.part } }, one, null, one.terms, collectLog().add)
    if (seen !== null) resources[name] = { ...one, state: seen.state, out: seen.out }
  }
  const n = (head?.n ?? 0) + 1
  const revision: Revision = {
    artefact: 'revision',
    stack: plan.stack,
    n,
    change: held.change,
    parent: head === null ? null : await keepArtefact(ports.store, head),
    content: plan.content,
    resources,
  }
  await journal.append([{ type: 'change.partial', change: held.change, left, revision: await keepArtefact(ports.store, revision), n }])
  return { outcome: 'partial', change: held.change, left }
}
