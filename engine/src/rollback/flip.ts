// Owns: the undo that only turns: every step stands where the change left it and every other side is fit.
// Never: plans anything; passes a gate.
import { canonical, equal } from '@understudy/contract'
import type { Side } from '@understudy/contract'
import { collectLog } from '../exec/collect-log.ts'
import { primaryRun } from '../exec/primary-run.ts'
import { StepFailure } from '../exec/prepare.ts'
import { lookAtStep, turnBack, turnSteps } from '../exec/turn.ts'
import type { Run } from '../exec/run.ts'
import { keepRows } from '../apply/apply-plan.ts'
import { turnedLast } from '../journal/fold.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactIfKept, artefactOf, keepArtefact } from '../journal/load-stack.ts'
import type { Undoing, Verdict } from '../model/artefacts.ts'
import type { ChangeState, StackState } from '../model/journal.ts'
import type { Plan, Revision } from '../model/plan.ts'
import { jsonOf } from '../model/json-of.ts'
import { contentOf } from '../plan/draft.ts'
import { verifyRun } from '../verify/verify.ts'
import { oneWaySteps } from './one-way.ts'
import { tombstonesFor } from './tombstones.ts'

export interface Flip {
  readonly change: ChangeState
  readonly plan: Plan
  readonly to: Side
  readonly run: Run
  readonly rows: ReturnType<typeof collectLog>['rows']
}

/**
 * The flip that leads to the wanted revision, or why there is none. `asSaved`: the states of the revision itself are wanted;
 * else what was there before the change, also where somebody had written to it (L2).
 */
export async function flipTo(
  writable: Writable,
  state: StackState,
  head: Revision,
  wanted: Revision | null,
  asSaved: boolean,
): Promise<Flip | string> {
  const { store } = writable.ports
  const id = turnedLast(state)?.change ?? ''
  const change = state.changes[id]
  if (change === undefined) return 'the last revision was not made by a change'
  if (change.downgraded) return 'what the change held beside the live things was let go of'
  const plan = await artefactOf(store, 'plan', change.plan)
  const to: Side = change.phase === 'undone' ? 'after' : 'before'
  const reached = await reachedBy(writable, state, to === 'before' ? plan.base : (change.revision ?? head.n))
  if (reached === undefined || !sameResources(reached, wanted)) return 'the last change leads somewhere else'
  const log = collectLog()
  const run = primaryRun(writable, plan, id, log.add, change)
  const late = change.undoing === null ? null : await artefactIfKept(store, 'undoing', change.undoing)
  const spoilt = late?.late.map(({ resource }) => resource) ?? []
  if (spoilt.length > 0) return `the other side of ${spoilt.join(', ')} holds what somebody wrote there after the change`
  const other = asSaved ? elsewhere({ change, plan, to, run }, wanted) : undefined
  if (other !== undefined) return `${other} was not as the revision has it when the change began`
  const turned = new Set(plan.steps.map((step) => step.id))
  const known = new Set(Object.values(head.resources).map((held) => held.id))
  const unknown = Object.entries(wanted?.resources ?? {}).find(([, held]) => !known.has(held.id) && !turned.has(held.id))
  if (unknown !== undefined) return `${unknown[0]} was left to others since, and is not turned by it`
  for (const name of turnsOf({ change, plan, to, run })) {
    const stand = await lookAtStep(run, name, 'quick')
    if (stand.side === to) continue
    if (stand.side === 'mixed' || stand.side === 'other') return `${name} is not where the change left it`
    if (stand.standby !== 'fit') return `the other side of ${name} is ${stand.standby}`
  }
  return { change, plan, to, run, rows: log.rows }
}

/** A step whose side that is turned to is not what the revision says: the change was made over a drift. */
function elsewhere(flip: Pick<Flip, 'change' | 'plan' | 'to' | 'run'>, wanted: Revision | null): string | undefined {
  const states = new Map(Object.values(wanted?.resources ?? {}).map(({ id, state }) => [id, state]))
  return turnsOf(flip).find((name) => {
    const { from = null, to = null } = flip.run.prepared.get(name) ?? {}
    const id = flip.plan.steps.find((step) => step.name === name)?.id ?? ''
    return states.has(id) && !equal(flip.to === 'before' ? from : to, states.get(id) ?? null)
  })
}

/** What a flip turns: all that was prepared, but for what has no way back. */
export function turnsOf({ change, plan, to, run }: Pick<Flip, 'change' | 'plan' | 'to' | 'run'>): readonly string[] {
  const oneWay = to === 'before' ? oneWaySteps(change) : []
  return plan.waves.flat().filter((name) => run.prepared.has(name) && !oneWay.includes(name))
}

export async function revisionNumbered(writable: Pick<Writable, 'ports'>, state: StackState, n: number): Promise<Revision | null> {
  const row = state.revisions.findLast((revision) => revision.n === n)
  return row === undefined ? null : artefactOf(writable.ports.store, 'revision', row.digest)
}

/** Null is nothing; undefined where the revision cannot be read any more: another one can be gone back to all the same. */
async function reachedBy({ ports }: Writable, { revisions }: StackState, n: number): Promise<Revision | null | undefined> {
  const row = revisions.findLast((revision) => revision.n === n)
  if (row === undefined) return null
  return (await artefactIfKept(ports.store, 'revision', row.digest)) ?? undefined
}

function sameResources(a: Revision | null, b: Revision | null): boolean {
  const key = (revision: Revision | null): string =>
    canonical(
      jsonOf(
        Object.fromEntries(
          Object.entries(revision?.resources ?? {}).map(([name, { id, kind, part, state }]) => [name, { id, kind, part, state }]),
        ),
      ),
    )
  return key(a) === key(b)
}

/** `kept`: a step could not be turned because somebody else wrote to it; everything stands as before the attempt. */
export type Flipped =
  | { readonly ok: true; readonly n: number; readonly undoing: Undoing; readonly verdict: Verdict }
  | { readonly ok: false; readonly undoing: Undoing; readonly outcome: 'held' | 'kept' }

/** Turns every step, tells that it is switched, verifies, and makes the next revision. `startedMs` is when it was asked for (monotonic). */
export async function performFlip(
  writable: Writable,
  flip: Flip,
  head: Revision,
  wanted: Revision | null,
  why: string,
  startedMs: number,
  message = '',
): Promise<Flipped> {
  const { ports, journal } = writable
  const { change, plan, to, run } = flip
  const order = turnsOf(flip)
  const oneWay = to === 'before' ? oneWaySteps(change) : []
  const begun = ports.clock.monotonic()
  const back =
    to === 'before'
      ? await turnBack(run, order, [{ type: 'change.undoing', change: change.change, by: ports.by, why, message }])
      : await forward(run, order)
  const turnMs = ports.clock.monotonic() - begun
  if (back.refused.some(({ fault }) => fault.class === 'conflict') && (await forwardAgain(flip, back))) {
    if (to === 'before')
      await journal.append([
        { type: 'change.kept', change: change.change, why: `${back.refused.map(({ step }) => step).join(', ')}: written to since` },
      ])
    const undoing: Undoing = {
      artefact: 'undoing',
      change: change.change,
      how: 'nothing',
      restored: [],
      refused: back.refused,
      left: order,
      late: [],
      switchMs: 0,
      verified: false,
    }
    return { ok: false, undoing, outcome: 'kept' }
  }
  const switchMs = ports.clock.monotonic() - startedMs
  ports.emit(
    'rollback.switched',
    { change: change.change },
    { ms: switchMs, restored: back.restored, refused: back.refused.map(({ step }) => step) },
  )
  const verdict = back.refused.length === 0 ? await verifyRun(run, to, order) : null
  const late = (verdict?.resources ?? []).filter((row) => row.late.length > 0).map((row) => ({ resource: row.resource, names: row.late }))
  for (const row of late) ports.emit('rollback.late', { change: change.change, resource: row.resource }, { names: row.names })
  const undoing: Undoing = {
    artefact: 'undoing',
    change: change.change,
    how: 'flip',
    restored: back.restored,
    refused: back.refused,
    left: [...oneWay, ...back.refused.map(({ step }) => step)],
    late,
    losses: to === 'before' ? lossesOf(change, back.restored) : [],
    switchMs,
    prepareMs: 0,
    turnMs,
    verified: verdict?.verified === true,
    totalMs: ports.clock.monotonic() - startedMs,
  }
  if (verdict === null || !verdict.verified) return stuck(writable, flip, undoing)
  const n = head.n + 1
  const resources = withLeft(plan, oneWay, head, wanted)
  const revision: Revision = {
    artefact: 'revision',
    stack: plan.stack,
    n,
    change: change.change,
    parent: await keepArtefact(ports.store, head),
    content: oneWay.length === 0 && wanted !== null ? wanted.content : contentOf(ports, resources),
    resources,
  }
  const digests = { revision: await keepArtefact(ports.store, revision), undoing: await keepArtefact(ports.store, undoing) }
  const tombstones = await tombstonesFor(ports, await writable.state(), { head, wanted, only: [], content: revision.content, named: true })
  const logged = { type: 'step.logged' as const, change: change.change, log: await keepRows(writable, flip.rows()) }
  const id = change.change
  const done =
    to === 'before'
      ? ({ type: 'change.undone', change: id, n, tombstone: null, ...digests } as const)
      : ({ type: 'change.redone', change: id, n, by: ports.by, message, ...digests } as const)
  await journal.append([logged, done, ...tombstones])
  return { ok: true, n, undoing, verdict }
}

/** What turning these steps back loses. */
export function lossesOf({ steps }: ChangeState, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => (steps[name]?.prepared?.losses ?? []).map((loss) => `${name}: ${loss}`))
}

/** The wanted resources, but those without a way back as they are. */
function withLeft(plan: Plan, oneWay: readonly string[], head: Revision, wanted: Revision | null): Revision['resources'] {
  const left = new Set(plan.steps.flatMap(({ name, resource }) => (oneWay.includes(name) ? [resource] : [])))
  const others = Object.entries(wanted?.resources ?? {}).filter(([name]) => !left.has(name))
  return Object.fromEntries([...others, ...Object.entries(head.resources).filter(([name]) => left.has(name))])
}

/**
 * Whether everything stands as before the attempt, once what was turned, whole or half-way, is turned forward again. Only for a
 * flip back of a change that is a revision; false when something cannot be turned forward again either.
 */
async function forwardAgain(
  { run, to, plan, change }: Flip,
  { restored, refused }: Pick<Undoing, 'restored' | 'refused'>,
): Promise<boolean> {
  if (to === 'after') return restored.length === 0 && refused.length === 1 // else something could not be turned back, either
  if (change.revision === null || isUndone(change)) return false
  const halfWay: string[] = []
  for (const { step } of refused) {
    const side = (await lookAtStep(run, step, 'quick').catch(() => null))?.side
    if (side === 'mixed' || side === undefined) halfWay.push(step)
  }
  try {
    const again = plan.waves.flat().filter((name) => restored.includes(name) || halfWay.includes(name))
    await turnSteps({ ...run, shielded: true }, again, 'after')
    return true
  } catch (thrown) {
    if (thrown instanceof StepFailure) return false // it is held then, with the faults of both ways in the log
    throw thrown
  }
}

/** The last revision of it is that of its undo: a redo was begun and not finished. */
function isUndone({ revision, undoneRevision }: ChangeState): boolean {
  return undoneRevision !== null && undoneRevision > (revision ?? 0)
}

async function forward(run: Run, order: readonly string[]): Promise<{ restored: readonly string[]; refused: Undoing['refused'] }> {
  try {
    const turned = await turnSteps({ ...run, shielded: true }, order, 'after')
    return { restored: turned.map(({ step }) => step), refused: [] }
  } catch (thrown) {
    if (!(thrown instanceof StepFailure)) throw thrown
    const { refused } = await turnBack(run, order)
    return { restored: [], refused: [{ step: thrown.step, fault: thrown.fault }, ...refused] }
  }
}

/** Some of it could not be turned, or is not what was saved: a person decides (`recover`). */
async function stuck(writable: Writable, flip: Flip, undoing: Undoing): Promise<Flipped> {
  const { journal } = writable
  const left = undoing.refused.map(({ step }) => step)
  const why = left.length > 0 ? `could not be turned: ${left.join(', ')}` : 'what came back is not what was saved'
  const log = await keepRows(writable, flip.rows())
  await journal.append([
    { type: 'step.logged', change: flip.change.change, log },
    { type: 'change.held', change: flip.change.change, why, faults: undoing.refused.map(({ fault }) => fault) },
  ])
  return { ok: false, undoing, outcome: 'held' }
}
