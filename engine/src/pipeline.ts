// Owns: the whole product on one screen: intent → plan → shadow → assess → apply → verify, and back.
// Never: does a stage's work; each is a function of its own folder.
import { Fault, faultOf } from '@understudy/contract'
import type { Digest, FaultData } from '@understudy/contract'
import { adoptRevision } from './apply/adopt.ts'
import { applyPlan } from './apply/apply-plan.ts'
import type { ApplyResult, Lasts } from './apply/apply-plan.ts'
import { releaseChange } from './apply/release-change.ts'
import { unreleasedChanges, waitingChange } from './journal/fold.ts'
import { assess } from './assess/assess.ts'
import type { Consent } from './assess/assess.ts'
import { baselineOf } from './assess/baseline.ts'
import { collectLog } from './exec/collect-log.ts'
import type { Ports } from './exec/ports.ts'
import { withLease } from './journal/lease.ts'
import type { Writable } from './journal/lease.ts'
import { headRevision, keepArtefact, loadStack } from './journal/load-stack.ts'
import type { Assessment, Rehearsal } from './model/artefacts.ts'
import type { Intent, Policy } from './model/intent.ts'
import type { ChangeState } from './model/journal.ts'
import type { Plan, Revision } from './model/plan.ts'
import { chooseDesired, refuseUnknown } from './plan/choose.ts'
import { alsoProtected, freezeIntent, planFault, whereWritten } from './plan/desired.ts'
import { contentOf, draftPlan } from './plan/draft.ts'
import { refuseClaimed } from './plan/other-stacks.ts'
import { heldAsTheyAre, onlyRecords, recordedNames } from './plan/records.ts'
import { sameBase } from './plan/same-base.ts'
import type { Recovered } from './rollback/recover.ts'
import { endedResources, reviveStack } from './rollback/revive.ts'
import type { Revived } from './rollback/revive.ts'
import { putBack, rollBack } from './rollback/roll-back.ts'
import type { RollbackRequest, RollbackResult } from './rollback/roll-back.ts'
import { settleStack, watchedChange } from './rollback/settle-stack.ts'
import { rehearse } from './shadow/rehearse.ts'
import { verifyRun } from './verify/verify.ts'

/** What a change is asked with. */
export interface ChangeRequest {
  readonly intent: Intent
  /** Folder of the stack file: what relative paths start from. */
  readonly base: string
  /** Empty: all. */
  readonly only: readonly string[]
  readonly replace: readonly string[]
  readonly consent: Consent
  readonly destroy: boolean
}

export interface Foreseen {
  readonly plan: Plan
  readonly planDigest: Digest
  readonly rehearsal: Rehearsal | null
  readonly assessment: Assessment | null
  readonly base: Revision | null
  /** Names all that the intent asks for, also where the plan is about a part of it. */
  readonly asked: Digest | null
}

export interface ApplyOptions {
  readonly message: string
  readonly confirmWithinMs: number | null
  /** Makes the change a temporary one. Never together with `confirmWithinMs`. */
  readonly lasts?: Lasts | null
  /** A plan made before: applied exactly as it is, or refused when the world has changed since. */
  readonly planned: Plan | null
  /** True: a person is asked also where policy says apply. */
  readonly always: boolean
  /** Shown before anything is decided by a person. */
  readonly foreseen: (foreseen: Foreseen) => void
  /** Called when the change is going to be watched, before it begins: whoever watches has to be there. A fault refuses the change. */
  readonly arm: () => Promise<void>
  /** Asks a person; never called when policy says apply, unless `always`. */
  readonly ask: (foreseen: Foreseen) => Promise<boolean>
}

export type ApplyOutcome = Foreseen &
  (
    | { readonly outcome: 'nothing' }
    /** Nothing was to be turned; the next revision holds other terms (`protect`, `onRemove` …), names or ways to say the same. */
    | { readonly outcome: 'recorded'; readonly n: number }
    | {
        readonly outcome: 'refused'
        readonly by: 'policy' | 'person' | 'unconfirmed' | 'world-changed' | 'unwatched'
        readonly fault: FaultData | null
      }
    | { readonly outcome: 'ended'; readonly result: ApplyResult }
  )

/** intent → plan. Reads the live things. */
export async function plan(ports: Ports, request: ChangeRequest): Promise<Foreseen> {
  const state = await loadStack(ports.store, ports.stack)
  const base = await headRevision(ports.store, state)
  const log = collectLog()
  const intent = await keepArtefact(ports.store, request.intent)
  const asked = request.destroy ? {} : await freezeIntent(ports, request.intent, base, request.base, 0, log.add)
  const desired = chooseDesired(asked, base, request.only)
  refuseUnknownNames(request, base)
  const others = request.only.length === 0 ? [] : request.replace.filter((name) => !request.only.includes(name))
  if (others[0] !== undefined) throw notChosen(others[0])
  const goal = request.destroy ? 'destroy' : 'apply'
  const from = request.destroy ? alsoProtected(base, request.intent) : base
  const draft = { goal, intent, undoes: null, desired, base: from, replace: request.replace, written: 'over' } as const
  const made = await draftPlan(ports, draft, log.add).catch((thrown: unknown) => {
    throw whereWritten(thrown, request.intent)
  })
  const whole = request.only.length === 0 ? made.content : contentOf(ports, asked)
  return { plan: made, planDigest: await keepArtefact(ports.store, made), rehearsal: null, assessment: null, base, asked: whole }
}

function notChosen(name: string): Error {
  return planFault(
    'plan.not-chosen',
    name,
    'What is to be replaced is not among what the plan is about.',
    `--replace ${name}`,
    `Say --only ${name} as well, or leave --only out.`,
  )
}

function refuseUnknownNames({ intent, replace, consent }: ChangeRequest, base: Revision | null): void {
  const known = [intent.resources, base?.resources ?? {}]
  refuseUnknown('--replace', replace, ...known)
  refuseUnknown('--accept-loss', consent.loss, ...known)
  refuseUnknown('--accept-irreversible', consent.irreversible, ...known)
}

/** plan → shadow → assess. Touches nothing but a shadow of its own. */
export async function foresee(ports: Ports, planned: Foreseen, policy: Policy, consent: Consent): Promise<Foreseen> {
  if (planned.plan.steps.length === 0) return planned
  const state = await loadStack(ports.store, ports.stack)
  const rehearsal = await rehearse(ports, planned.plan, planned.planDigest)
  const digests = { plan: planned.planDigest, rehearsal: await keepArtefact(ports.store, rehearsal) }
  const baseline = await baselineOf(ports.store, state)
  const { content } = planned.plan
  const tombstone = state.tombstones[content] ?? state.tombstones[planned.asked ?? content] ?? null
  const assessment = assess(planned.plan, rehearsal, digests, policy, baseline, consent, tombstone)
  const { risk, decision } = assessment
  ports.emit('assess.made', {}, { risk, decision, certificate: rehearsal.certificate.grade })
  return { ...planned, rehearsal, assessment }
}

/** What would happen: everything but the primary. */
export async function whatIf(ports: Ports, request: ChangeRequest): Promise<Foreseen> {
  return foresee(ports, await plan(ports, request), request.intent.policy, request.consent)
}

/** The whole way forward, under the lease. */
export function apply(ports: Ports, request: ChangeRequest, options: ApplyOptions): Promise<ApplyOutcome> {
  ports.reserve.keep()
  return withLease(ports, request.destroy ? 'destroy' : 'apply', async (writable): Promise<ApplyOutcome> => {
    await settleStack(writable)
    const { policy } = request.intent
    const planned = options.planned === null ? await plan(writable.ports, request) : await replanned(writable, options.planned)
    const changed = options.planned === null ? null : await sameBase(writable.ports, planned.plan, planned.base)
    if (changed !== null) return { ...planned, outcome: 'refused', by: 'world-changed', fault: changed }
    const { steps } = planned.plan
    if (steps.length === 0 && !onlyRecords(planned.plan)) return { ...planned, outcome: 'nothing' }
    const state = await writable.state()
    const open = waitingChange(state) ?? Object.values(state.changes).find(({ phase }) => phase === 'held')
    if (open !== undefined) return { ...planned, outcome: 'refused', by: 'unconfirmed', fault: openFault(open) }
    const { lasts = null } = options
    if (steps.length === 0 && lasts !== null) return { ...planned, outcome: 'refused', by: 'policy', fault: nothingTurned() }
    if (steps.length === 0) return { ...planned, outcome: 'recorded', n: await recordPlan(writable, planned, options.message) }
    const foreseen = await foresee(writable.ports, planned, policy, request.consent)
    const { assessment, rehearsal } = foreseen
    if (assessment === null || rehearsal === null) return { ...foreseen, outcome: 'nothing' }
    if (assessment.decision === 'refuse') return { ...foreseen, outcome: 'refused', by: 'policy', fault: rehearsal.failed?.fault ?? null }
    options.foreseen(foreseen)
    const asks = assessment.decision === 'ask' || (options.always && !request.consent.yes)
    if (asks && !(await options.ask(foreseen))) return { ...foreseen, outcome: 'refused', by: 'person', fault: null }
    const { guardForMs, guardEveryMs, guardFailures, onGuard } = policy
    const guarded = guardForMs > 0 && Object.values(planned.plan.resources).some(({ terms }) => terms.guard)
    const unarmed = options.confirmWithinMs !== null || lasts !== null || guarded ? await options.arm().then(() => null, faultOf) : null
    if (unarmed !== null) return { ...foreseen, outcome: 'refused', by: 'unwatched', fault: unarmed }
    const result = await applyPlan(writable, {
      verify: verifyRun,
      plan: foreseen.plan,
      planDigest: foreseen.planDigest,
      rehearsal: assessment.rehearsal,
      assessment: await keepArtefact(ports.store, assessment),
      base: foreseen.base,
      baseDigest: foreseen.base === null ? null : await keepArtefact(ports.store, foreseen.base),
      message: options.message,
      watch: { forMs: guardForMs, everyMs: guardEveryMs, failures: guardFailures, on: onGuard },
      confirmWithinMs: options.confirmWithinMs,
      lasts,
      beforeTurning: async () => {
        if (lasts !== null && 'until' in lasts && lasts.until <= ports.clock.now()) throw tooLate(lasts.until)
        // Another stack's change may have begun since this one was planned; both are in the log now, so one of them sees the other.
        await refuseClaimed(writable.ports, foreseen.plan, foreseen.base, collectLog().add)
        for (const id of unreleasedChanges(state)) await releaseChange(writable, state, id)
      },
    })
    if (request.destroy && result.outcome === 'committed') await releaseChange(writable, await writable.state(), result.change, 'gone')
    return { ...foreseen, outcome: 'ended', result }
  })
}

/** What a plan would only record: no rehearsal is needed, and going back writes to nothing. */
function recordPlan(writable: Writable, { plan: made, base }: Foreseen, message: string): Promise<number> {
  const names = recordedNames(made).join(', ')
  return adoptRevision(writable, base, heldAsTheyAre(made, base), `recorded ${names}`, true, message)
}

async function replanned(writable: Writable, given: Plan): Promise<Foreseen> {
  const base = await headRevision(writable.ports.store, await writable.state())
  return { plan: given, planDigest: await keepArtefact(writable.ports.store, given), rehearsal: null, assessment: null, base, asked: null }
}

/** The way back, under the lease. */
export function rollback(ports: Ports, request: RollbackRequest): Promise<RollbackResult> {
  const started = ports.clock.monotonic()
  ports.reserve.free()
  return withLease(ports, 'rollback', async (writable) => {
    const settled = (await settleStack(writable)).filter(({ outcome }) => outcome !== 'kept')
    // That was the last change; the one before it is a good one that nobody asked about.
    if (settled.length > 0 && request.to === null && request.only.length === 0) return { outcome: 'settled', settled }
    return rollBack(writable, request, started)
  })
}

/** What somebody else changed is put back as the last change left it, under the lease. */
export function revertDrift(ports: Ports, resources: readonly string[], message = ''): Promise<RollbackResult> {
  return withLease(ports, 'drift', async (writable) => {
    await settleStack(writable)
    return putBack(writable, resources, message)
  })
}

/** Settles what a kill left, and undoes what was not confirmed in time, or whose time is over. */
export function recover(ports: Ports): Promise<readonly Recovered[]> {
  ports.reserve.free()
  return withLease(ports, 'recover', (writable) => settleStack(writable))
}

/** Starts again what is live and has ended. Takes the lease only where there is something. */
export async function revive(ports: Ports): Promise<readonly Revived[]> {
  if ((await endedResources(ports)).length === 0) return []
  return withLease(ports, 'recover', async (writable) => {
    await settleStack(writable)
    return reviveStack(writable)
  })
}

export type Confirmed =
  | { readonly outcome: 'nothing' }
  | { readonly outcome: 'confirmed'; readonly change: string; readonly n: number | null; readonly wasTemporary: boolean }
  /** It came too late, or the change was never finished. */
  | { readonly outcome: 'settled'; readonly settled: readonly Recovered[] }

/** Keeps the live change, a temporary one for good, and ends its guards. */
export function confirm(ports: Ports): Promise<Confirmed> {
  return withLease(ports, 'confirm', async (writable): Promise<Confirmed> => {
    const settled = await settleStack(writable)
    if (settled.length > 0) return { outcome: 'settled', settled }
    const waiting = watchedChange(await writable.state(), ports.clock.now())
    if (waiting === null) return { outcome: 'nothing' }
    await writable.journal.append([{ type: 'change.confirmed', change: waiting.change, by: ports.by }])
    return { outcome: 'confirmed', change: waiting.change, n: waiting.revision, wasTemporary: waiting.lastsUntil !== null }
  })
}

/** What is only recorded has no undo of its own at a later time: it would stay for good. */
function nothingTurned(): FaultData {
  return {
    code: 'apply.not-temporary',
    class: 'invalid',
    summary: 'What only is recorded cannot be temporary.',
    detail: 'nothing is to be turned',
    hint: 'Apply it without --for and --until.',
  }
}

function tooLate(until: number): Fault {
  return new Fault({
    code: 'apply.too-late',
    class: 'invalid',
    summary: 'The time until which the change was to last is over before it began.',
    detail: `until ${new Date(until).toISOString()}`,
    hint: 'Apply it with a later time.',
  })
}

function openFault({ change, phase, lastsUntil }: ChangeState): FaultData {
  const held = phase === 'held'
  if (!held && lastsUntil !== null) {
    return {
      code: 'apply.temporary',
      class: 'conflict',
      summary: 'The last change is temporary, and its time is not over.',
      detail: `change ${change} lasts until ${new Date(lastsUntil).toISOString()}`,
      hint: '`understudy confirm` makes it permanent, `understudy rollback` undoes it now.',
    }
  }
  return {
    code: held ? 'apply.held' : 'apply.unconfirmed',
    class: 'conflict',
    summary: held ? 'A change is held and needs a person.' : 'The last change waits to be confirmed.',
    detail: `change ${change}`,
    hint: held
      ? 'See `understudy status`, then `understudy recover --resume | --skip R | --force R | --abandon`.'
      : '`understudy confirm` keeps it, `understudy rollback` undoes it.',
  }
}
