// Owns: an undo from the request to the verdict: nothing, a flip, or a compiled one; always verified, tombstoned, undoable.
// Never: passes through the forward gates (L7); drops what was written since without naming it (L17).
import { canonical, Fault, faultOf } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import { adoptRevision } from '../apply/adopt.ts'
import { assess } from '../assess/assess.ts'
import { baselineOf } from '../assess/baseline.ts'
import { applyPlan } from '../apply/apply-plan.ts'
import type { ApplyResult } from '../apply/apply-plan.ts'
import { releaseChange } from '../apply/release-change.ts'
import { holdingChanges, unreleasedChanges } from '../journal/fold.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactIfKept, headRevision, keepArtefact } from '../journal/load-stack.ts'
import type { Assessment, Rehearsal, Undoing } from '../model/artefacts.ts'
import type { Back, ChangeState, JournalEntry, StackState } from '../model/journal.ts'
import { jsonOf } from '../model/json-of.ts'
import type { Plan, Revision } from '../model/plan.ts'
import { refuseUnknown } from '../plan/choose.ts'
import { draftPlan } from '../plan/draft.ts'
import { findDrift } from '../plan/drift.ts'
import { heldAsTheyAre, onlyRecords } from '../plan/records.ts'
import { rehearse } from '../shadow/rehearse.ts'
import type { Store } from '../store/store.ts'
import { verifyRun } from '../verify/verify.ts'
import { alike, alreadyThere, losesProtected, mergedIn, unmoved } from './as-wanted.ts'
import { compileDesired, compileHandBack } from './compile.ts'
import type { Resolve } from './compile.ts'
import { flipTo, performFlip, revisionNumbered, turnsOf } from './flip.ts'
import { partsFlip, performPartsFlip } from './flip-parts.ts'
import type { PartsFlip } from './flip-parts.ts'
import type { Recovered } from './recover.ts'
import { originalsSince, turnedStates } from './originals.ts'
import { oneWaySince } from './one-way.ts'
import { followersOf, inNamesOf, namedAsShown, neededFor, usersOfGone } from './selection.ts'
import type { Selected } from './selection.ts'
import { tombstonesFor } from './tombstones.ts'

export interface RollbackRequest {
  /** Revision to go to; null: what was before the last change. */
  readonly to: number | null
  /** Empty: everything. */
  readonly only: readonly Selected[]
  readonly withClosure: boolean
  readonly resolve: Resolve | null
  readonly acceptLoss: readonly string[]
  /** Resources without a way back that are left as they are, so that the rest can go back. */
  readonly acceptIrreversible: readonly string[]
  readonly message: string
  /** Why, for the log: `asked for`, `guard api`, `not confirmed`. */
  readonly why: string
}

export type RollbackResult =
  | { readonly outcome: 'nothing'; readonly why: string }
  /** The last change was not finished, or not confirmed in time: it is settled, and nothing else was undone. */
  | { readonly outcome: 'settled'; readonly settled: readonly Recovered[] }
  | { readonly outcome: 'refused'; readonly code: string; readonly text: string; readonly names: readonly string[] }
  | {
      readonly outcome: 'undone'
      /** `recorded`: nothing live differed, only what is recorded is as it was. */
      readonly how: 'flip' | 'compiled' | 'recorded'
      readonly change: string
      readonly n: number
      readonly undoing: Undoing
      readonly plan: Plan | null
      /** What proved the turns: of this undo, or of the change that it turned back. Null where nothing was turned, or an older version made it. */
      readonly rehearsal: Rehearsal | null
      readonly assessment: Assessment | null
    }
  | { readonly outcome: 'failed'; readonly undoing: Undoing | null; readonly result: ApplyResult | null; readonly held: boolean }

const NO_GATES = { askAt: Infinity, refuseAt: Infinity }

export async function rollBack(writable: Writable, asked: RollbackRequest, startedMs: number): Promise<RollbackResult> {
  const { ports } = writable
  const state = await writable.state()
  const head = await headRevision(ports.store, state)
  const row = state.revisions.at(-1)
  if (head === null || row === undefined) return { outcome: 'nothing', why: 'nothing was ever applied' }
  // Undo twice is undo once (L9): after an undo, of the whole or of a part, what it went back to is what is asked for again.
  const target = asked.to ?? (row.back?.how === 'undone' ? row.back.to : head.n - 1)
  if (target === head.n) {
    const drifted = (await findDrift(ports, head)).flatMap((one) => (one.drifted ? [one.resource] : []))
    const since = `revision ${target} is the last one; ${drifted.join(', ')} is another by now, and \`drift --revert\` puts that back`
    return { outcome: 'nothing', why: drifted.length === 0 ? `revision ${target} is what is live` : since }
  }
  const there = await revisionNumbered(writable, state, target)
  if (there === null && target !== 0) throw noRevision(target, state)
  const again = asked.only.length === 0 && row.back?.to === target && row.back.inParts !== true
  // What it merged, and what it deleted: a name of that is known.
  const before = again || (asked.only.length > 0 && row.back !== null) ? await revisionNumbered(writable, state, head.n - 1) : null
  const merged = again && there !== null ? mergedIn(head, before, there) : {}
  const asThen = there === null ? null : { ...there, resources: { ...there.resources, ...merged } }
  const wanted = asThen !== null && asked.only.length > 0 ? inNamesOf(head, asThen) : asThen
  const nowCalled = (name: string): string => {
    const id = head.resources[name] === undefined ? asThen?.resources[name]?.id : undefined
    return Object.keys(head.resources).find((other) => id !== undefined && head.resources[other]?.id === id) ?? name
  }
  const known = { ...before?.resources, ...wanted?.resources, ...head.resources }
  const named = asked.only.map((one) => ({ ...one, resource: nowCalled(one.resource) }))
  const unknown = named.find(({ resource }) => known[resource] === undefined)
  if (unknown !== undefined) throw noResource(unknown.resource, head)
  const chosenNames = await namedAsShown(ports, named, [head, wanted], collectLog().add)
  const users = usersOfGone(head, wanted, chosenNames)
  const needed = neededFor(head, wanted, chosenNames)
  const closure = asked.withClosure ? [...users, ...needed].map((resource) => ({ resource, pointer: null })) : []
  const request = { ...asked, only: [...chosenNames, ...closure] }
  refuseUnknown('--accept-loss', request.acceptLoss, head.resources, wanted?.resources ?? {})
  refuseUnknown('--accept-irreversible', request.acceptIrreversible, head.resources, wanted?.resources ?? {})
  // What a whole undo had to leave is not tried again, unless somebody names it.
  const whole = request.only.length === 0 && row.back?.inParts !== true
  if (asked.to === null && row.back?.how === 'undone' && (whole || alike(head, wanted, request.only))) {
    const what = request.only.length === 0 ? 'the last change is' : `${request.only.map(({ resource }) => resource).join(', ')}:`
    return { outcome: 'nothing', why: `${what} undone already; --to ${head.n - 1} would bring it back` }
  }
  if (row.recorded && target === head.n - 1 && request.only.length === 0) {
    return recordedBack(writable, request, target, head, wanted?.resources ?? {}, startedMs)
  }
  ports.emit('rollback.started', { change: row.change }, { to: target, only: request.only.map(({ resource }) => resource) })
  const followers = request.only.length === 0 ? [] : [...new Set([...users, ...followersOf(ports, head, request.only)])].toSorted()
  if (followers.length > 0 && !request.withClosure) {
    const text = `${followers.join(', ')} refer to what would change and have to follow`
    ports.emit('rollback.refused', {}, { code: 'rollback.closure', names: followers })
    return { outcome: 'refused', code: 'rollback.closure', text, names: followers }
  }
  if (needed.length > 0 && !request.withClosure) {
    ports.emit('rollback.refused', {}, { code: 'rollback.refers', names: needed })
    const names = chosenNames.map(({ resource }) => resource).join(', ')
    return {
      outcome: 'refused',
      code: 'rollback.refers',
      text: `${names} needs ${needed.join(', ')} as it was, which is not so now`,
      names: needed,
    }
  }
  const chosen = new Set(request.only.map(({ resource }) => resource))
  const oneWay = oneWaySince(state, head, wanted).filter((name) => chosen.size === 0 || chosen.has(name))
  const unaccepted = oneWay.filter((name) => !request.acceptIrreversible.includes(name))
  if (unaccepted.length > 0) {
    ports.emit('rollback.refused', {}, { code: 'rollback.irreversible', names: unaccepted })
    return { outcome: 'refused', code: 'rollback.irreversible', text: `${unaccepted.join(', ')} has no way back`, names: unaccepted }
  }
  // Who says what wins knows of other writes: only a planned undo merges them.
  // What is protected is refused by name there.
  if (
    request.only.length === 0 &&
    request.resolve === null &&
    !losesProtected(head, wanted) &&
    !(await deletedSince(writable, state, head, wanted))
  ) {
    const flip = await flipTo(writable, state, head, wanted, request.to !== null)
    if (typeof flip !== 'string' && turnsOf(flip).length > 0) {
      const done = await performFlip(writable, flip, head, wanted, request.why, startedMs, request.message)
      if (!done.ok && done.outcome === 'held') return { outcome: 'failed', undoing: done.undoing, result: null, held: true }
      // Somebody wrote since: what is there is merged or named, never overwritten (L17).
      if (!done.ok) return compiled(writable, request, await writable.state(), head, wanted, startedMs)
      ports.emit('rollback.finished', { change: flip.change.change }, { how: 'flip', n: done.n, verified: true, ms: done.undoing.switchMs })
      return {
        outcome: 'undone',
        how: 'flip',
        change: flip.change.change,
        n: done.n,
        undoing: done.undoing,
        plan: null,
        ...(await provenBy(ports.store, flip.change)),
      }
    }
  }
  const parts =
    request.only.length === 0 || oneWay.length > 0
      ? null
      : await partsFlip(writable, state, head, wanted, request.only, undoesOf(request, wanted))
  if (parts !== null) {
    const undone = await inParts(writable, request, state, head, wanted, parts, startedMs)
    if (undone !== null) return undone
    return compiled(writable, request, await writable.state(), head, wanted, startedMs)
  }
  const result = await compiled(writable, request, state, head, wanted, startedMs)
  if (result.outcome !== 'nothing' || Object.keys(merged).length === 0) return result
  const names = Object.keys(merged)
  const over = `--to ${target} ${names.map((name) => `--only ${name}`).join(' ')} goes over that`
  return {
    ...result,
    why: `revision ${target} was gone back to, and ${names.join(', ')} stays as that left it, with what others wrote or what it refers to; ${over}`,
  }
}

/** Whether the stack deleted something since that it had not made: the last change may lead to what was looked after then, not to that. */
async function deletedSince({ ports }: Writable, state: StackState, head: Revision, wanted: Revision | null): Promise<boolean> {
  if ((wanted?.n ?? 0) === head.n - 1) return false // the last change turns back all that it turned
  const held = new Set(Object.values(head.resources).map(({ id }) => id))
  return (await originalsSince(ports.store, state, wanted)).some(({ id }) => !held.has(id))
}

/** Only what is recorded goes back: nothing was turned for it, so nothing is, and no content has to be told apart. */
async function recordedBack(
  writable: Writable,
  { message }: RollbackRequest,
  to: number,
  head: Revision,
  resources: Revision['resources'],
  startedMs: number,
): Promise<RollbackResult> {
  const n = await adoptRevision(writable, head, resources, 'undone', true, message, { to, how: 'undone' })
  const names = new Set([...Object.keys(head.resources), ...Object.keys(resources)])
  const differs = (name: string): boolean => canonical(jsonOf(head.resources[name] ?? null)) !== canonical(jsonOf(resources[name] ?? null))
  const undoing: Undoing = {
    artefact: 'undoing',
    change: '',
    how: 'nothing',
    restored: [...names].filter(differs).toSorted(),
    refused: [],
    left: [],
    late: [],
    switchMs: writable.ports.clock.monotonic() - startedMs,
    verified: true,
  }
  return { outcome: 'undone', how: 'recorded', change: '', n, undoing, plan: null, rehearsal: null, assessment: null }
}

/** Null where somebody else wrote since: what is there is merged or named, never overwritten (L17). */
async function inParts(
  writable: Writable,
  request: RollbackRequest,
  state: StackState,
  head: Revision,
  wanted: Revision | null,
  parts: PartsFlip,
  startedMs: number,
): Promise<RollbackResult | null> {
  const { ports } = writable
  const { message } = request
  const base = { head, state, message: message === '' ? `undo ${parts.plan.undoes ?? ''}` : message, startedMs }
  const leap = { head, wanted, only: request.only, content: parts.plan.content, named: request.to !== null }
  const tombstones = await tombstonesFor(ports, state, leap)
  const done = await performPartsFlip(writable, parts, { ...base, back: backOf(request, wanted, tombstones) }, tombstones)
  if (done.outcome === 'held') return { outcome: 'failed', undoing: null, result: null, held: true }
  if (done.outcome === 'back') return null
  const { committed, switchMs } = done
  const { change, n } = committed
  const restored = parts.plan.steps.map(({ name }) => name)
  const undoing: Undoing = {
    artefact: 'undoing',
    change,
    how: 'flip',
    restored,
    refused: [],
    left: [],
    late: [],
    switchMs,
    prepareMs: 0,
    turnMs: committed.receipt.turnMs,
    totalMs: ports.clock.monotonic() - startedMs,
    verified: true,
  }
  ports.emit('rollback.finished', { change }, { how: 'flip', n, verified: true, ms: switchMs })
  return {
    outcome: 'undone',
    how: 'flip',
    change,
    n,
    undoing,
    plan: parts.plan,
    ...(await provenBy(ports.store, state.changes[parts.lifted[0]?.from ?? ''])),
  }
}

/** What proved a change before it was applied; what is lost of it is in no undo's way. */
async function provenBy(store: Store, change: ChangeState | undefined) {
  const rehearsal = change?.rehearsal ?? null
  const assessment = change?.assessment ?? null
  return {
    rehearsal: rehearsal === null ? null : await artefactIfKept(store, 'rehearsal', rehearsal),
    assessment: assessment === null ? null : await artefactIfKept(store, 'assessment', assessment),
  }
}

/** What had a tombstone and is in force again is redone, where a revision was asked for: an undo may lead to what was undone before. */
function backOf({ to, only }: RollbackRequest, wanted: Revision | null, tombstones: readonly JournalEntry[]): Back {
  const how = to !== null && tombstones.some(({ type }) => type === 'tombstone.lifted') ? 'redone' : 'undone'
  return { to: wanted?.n ?? 0, how, ...(only.length === 0 ? {} : { inParts: true }) }
}

/** Says for people what an undo leads to. */
function undoesOf({ only }: RollbackRequest, wanted: Revision | null): string {
  const names = only.map(({ resource, pointer }) => (pointer === null ? resource : `${resource}#${pointer}`))
  return `to revision ${wanted?.n ?? 0}${names.length === 0 ? '' : `, only ${names.join(', ')}`}`
}

/** Puts back what the last change left of these resources, over what somebody else wrote. No tombstone: nothing is undone. */
export async function putBack(writable: Writable, resources: readonly string[], message: string): Promise<RollbackResult> {
  const state = await writable.state()
  const head = await headRevision(writable.ports.store, state)
  if (head === null) return { outcome: 'nothing', why: 'nothing was ever applied' }
  const only = resources.map((resource) => ({ resource, pointer: null }))
  const request: RollbackRequest = {
    to: head.n,
    only,
    withClosure: true,
    resolve: 'saved',
    acceptLoss: [],
    acceptIrreversible: [],
    message: message === '' ? `put back ${resources.join(', ')}` : message,
    why: 'drift',
  }
  return compiled(writable, request, state, head, head, writable.ports.clock.monotonic())
}

/**
 * What an undo needs may stand nowhere but beside the live things, where an earlier change holds it: then that is let go of,
 * which keeps it in the store, and the undo is planned once more.
 */
async function compiled(
  writable: Writable,
  request: RollbackRequest,
  state: StackState,
  head: Revision,
  wanted: Revision | null,
  startedMs: number,
): Promise<RollbackResult> {
  try {
    return await compiledOnce(writable, request, state, head, wanted, startedMs)
  } catch (thrown) {
    const holding = holdingChanges(state)
    if (faultOf(thrown).code !== 'store.missing' || holding.length === 0) throw thrown
    for (const id of holding) await releaseChange(writable, state, id)
    return compiledOnce(writable, request, await writable.state(), head, wanted, startedMs)
  }
}

async function compiledOnce(
  writable: Writable,
  request: RollbackRequest,
  state: StackState,
  head: Revision,
  wanted: Revision | null,
  startedMs: number,
): Promise<RollbackResult> {
  const { ports, journal } = writable
  const log = collectLog()
  const oneWay = oneWaySince(state, head, wanted)
  const compilation = { head, wanted, chosen: request.only, resolve: request.resolve, oneWay }
  const desired = await compileDesired(ports, compilation, log.add)
  const comesBack = Object.keys(desired).some((name) => head.resources[name] === undefined)
  const found = comesBack ? await turnedStates(ports.store, state) : []
  const handBack = await compileHandBack(ports, compilation, await originalsSince(ports.store, state, wanted), log.add)
  const undoes = undoesOf(request, wanted)
  const written = request.resolve === 'ours' || request.resolve === 'saved' ? 'over' : request.resolve === 'theirs' ? 'leave' : 'refuse'
  const plan = await draftPlan(
    ports,
    { goal: 'undo', intent: null, undoes, desired, base: head, replace: [], written, found, handBack },
    log.add,
  )
  const left = plan.notes.filter(({ code }) => code === 'written-since' || code === 'no-way-back').map(({ resource }) => resource)
  const there = alreadyThere(plan, desired, head, wanted)
  if (onlyRecords(plan) || (plan.steps.length === 0 && Object.keys(there).length > 0)) {
    return recordedBack(writable, request, wanted?.n ?? 0, head, { ...heldAsTheyAre(plan, head), ...there }, startedMs)
  }
  if (plan.steps.length === 0) {
    const stuck = left.length > 0 ? [] : unmoved(head, wanted, request.only)
    if (stuck.length > 0) {
      const text = `${stuck.map(({ name, refers }) => `${name} refers to ${refers}`).join(', ')}, and goes back only together with that`
      return { outcome: 'refused', code: 'rollback.refers', text, names: [...new Set(stuck.map(({ refers }) => refers))] }
    }
    const drifted = plan.notes.filter(({ code }) => code === 'drift').map(({ resource }) => resource)
    const since = `${drifted.join(', ')} holds what somebody wrote since, which no undo of ours goes over; \`drift --revert\` puts back what revision ${head.n} has`
    const calm = drifted.length === 0 ? 'everything is as it was already' : since
    const why = left.length > 0 ? `${left.join(', ')}: left as it is` : calm
    return { outcome: 'nothing', why }
  }
  const planDigest = await keepArtefact(ports.store, plan)
  const rehearsal = await rehearse(ports, plan, planDigest)
  if (rehearsal.failed !== null && (ports.signal.aborted || rehearsal.failed.fault.code === 'store.missing')) {
    throw new Fault(rehearsal.failed.fault)
  }
  // What is live cannot be copied: that is no reason to leave it live. The undo is verified, or goes back, all the same (L7).
  const blind = rehearsal.failed?.during === 'fork'
  if (rehearsal.failed !== null && !blind)
    return { outcome: 'refused', code: 'rollback.rehearsal', text: rehearsal.certificate.reason, names: [rehearsal.failed.step] }
  const proven = blind ? [] : rehearsal.steps
  const lossy = proven.filter(({ step, certificate }) => certificate.losses.length > 0 && !request.acceptLoss.includes(step))
  if (lossy.length > 0) {
    const text = `it would lose ${lossy.flatMap(({ certificate }) => certificate.losses).join(', ')}`
    return { outcome: 'refused', code: 'rollback.lossy', text, names: lossy.map(({ step }) => step) }
  }
  const oneMore = proven.filter(({ step, reversal, idle }) => !idle && reversal === 'none' && !request.acceptIrreversible.includes(step))
  if (oneMore.length > 0) {
    const names = oneMore.map(({ step }) => step)
    return { outcome: 'refused', code: 'rollback.irreversible', text: `${names.join(', ')} would have no way back`, names }
  }
  const undone = state.revisions.at(-1)?.change ?? ''
  const digests = { plan: planDigest, rehearsal: await keepArtefact(ports.store, rehearsal) }
  const names = plan.steps.map(({ resource }) => resource)
  // For who undoes the undo: how long that takes, and what it rests on. No gate is asked (L7).
  const assessment = assess(
    plan,
    rehearsal,
    digests,
    NO_GATES,
    await baselineOf(ports.store, state),
    { irreversible: names, loss: names, yes: true },
    null,
  )
  const leap = { head, wanted, only: request.only, content: plan.content, named: request.to !== null }
  const tombstones = request.to === head.n ? [] : await tombstonesFor(ports, state, leap)
  const back = request.to === head.n ? null : backOf(request, wanted, tombstones)
  const result = await applyPlan(writable, {
    ...(back === null ? {} : { back }),
    verify: verifyRun,
    plan,
    planDigest,
    rehearsal: digests.rehearsal,
    assessment: await keepArtefact(ports.store, assessment),
    base: head,
    baseDigest: await keepArtefact(ports.store, head),
    message: request.message === '' ? `undo ${undoes}` : request.message,
    watch: null,
    confirmWithinMs: null,
    beforeTurning: async () => {
      for (const id of unreleasedChanges(state)) await releaseChange(writable, state, id)
    },
  })
  if (result.outcome !== 'committed') return { outcome: 'failed', undoing: null, result, held: result.outcome === 'held' }
  const undoing: Undoing = {
    artefact: 'undoing',
    change: result.change,
    how: 'compiled',
    restored: plan.steps.map(({ name }) => name),
    refused: [],
    left,
    late: [],
    switchMs: ports.clock.monotonic() - startedMs,
    prepareMs: result.receipt.prepareMs,
    turnMs: result.receipt.turnMs,
    totalMs: ports.clock.monotonic() - startedMs,
    verified: result.verdict.verified,
  }
  await journal.append(await closing(writable, tombstones, request, state, undone, undoing))
  ports.emit(
    'rollback.finished',
    { change: result.change },
    { how: 'compiled', n: result.n, verified: undoing.verified, ms: undoing.switchMs },
  )
  return { outcome: 'undone', how: 'compiled', change: result.change, n: result.n, undoing, plan, rehearsal, assessment }
}

/** What was undone must not come back by itself (L11). A change undone as a whole also says so. */
async function closing(
  writable: Writable,
  tombstones: readonly JournalEntry[],
  request: RollbackRequest,
  state: StackState,
  undone: string,
  undoing: Undoing,
): Promise<readonly JournalEntry[]> {
  const { ports } = writable
  const change = state.changes[undone]
  if (request.only.length > 0 || change?.phase !== 'committed') return tombstones
  const digest: Digest = await keepArtefact(ports.store, undoing)
  return [
    ...tombstones,
    { type: 'change.undoing', change: undone, by: ports.by, why: request.why, message: request.message },
    { type: 'change.undone', change: undone, revision: null, n: null, undoing: digest, tombstone: null },
  ]
}

function noRevision(n: number, state: StackState): Fault {
  const known = state.revisions.map((row) => row.n)
  return new Fault({
    code: 'rollback.no-revision',
    class: 'invalid',
    summary: 'There is no such revision.',
    detail: `revision ${n}; kept are ${known.join(', ')}`,
    hint: '`understudy history` lists them.',
  })
}

function noResource(name: string, head: Revision): Fault {
  return new Fault({
    code: 'rollback.no-resource',
    class: 'invalid',
    summary: 'There is no such resource.',
    detail: `${JSON.stringify(name)}; there are ${Object.keys(head.resources).toSorted().join(', ')}`,
    hint: '`understudy status` lists them.',
  })
}
