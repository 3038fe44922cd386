// Owns: a change of the primary: prepare a wave, turn it, next wave; verified and committed, or turned back.
// Never: decides anything that is not in the plan; commits what is not verified.
import type { Digest, FaultData, Json, Side } from '@understudy/contract'
import { Fault, faultOf } from '@understudy/contract'
import { collectLog } from '../exec/collect-log.ts'
import { prepareWave, StepFailure } from '../exec/prepare.ts'
import { begunSteps, primaryRun } from '../exec/primary-run.ts'
import { releaseSteps } from '../exec/release.ts'
import type { Run } from '../exec/run.ts'
import { lookAtStep, turnBack, turnSteps } from '../exec/turn.ts'
import { deadlineAt } from '../journal/deadline.ts'
import type { Writable } from '../journal/lease.ts'
import { keepArtefact } from '../journal/load-stack.ts'
import type { Artefact } from '../journal/load-stack.ts'
import type { Receipt, Verdict } from '../model/artefacts.ts'
import type { Back, ChangeState, JournalEntry, Watch } from '../model/journal.ts'
import type { Held, Plan, Revision } from '../model/plan.ts'

/** The next stage, handed in: apply commits what it says is verified, and nothing else. */
export type Verify = (run: Run, side: Side, names: readonly string[]) => Promise<Verdict>

/** How long a temporary change lasts: so many ms from when it is verified, or until then (wall clock, ms since 1970). */
export type Lasts = { readonly forMs: number } | { readonly until: number }

export interface ApplyRequest {
  readonly verify: Verify
  readonly plan: Plan
  readonly planDigest: Digest
  readonly rehearsal: Digest | null
  readonly assessment: Digest | null
  readonly base: Revision | null
  readonly baseDigest: Digest | null
  readonly message: string
  readonly watch: (Omit<Watch, 'until' | 'resources' | 'boot'> & { readonly forMs: number }) | null
  readonly confirmWithinMs: number | null
  /** Of a temporary change, and never together with `confirmWithinMs`. */
  readonly lasts?: Lasts | null
  /** For an undo. */
  readonly back?: Back
  /** Called when the first wave is prepared and before anything is turned: the last moment for what stood by until now. */
  readonly beforeTurning: () => Promise<void>
}

export type ApplyResult =
  | {
      readonly outcome: 'committed'
      readonly change: string
      readonly n: number
      readonly receipt: Receipt
      readonly verdict: Verdict
      readonly revision: Revision
      readonly watched: boolean
    }
  | {
      readonly outcome: 'undone'
      readonly change: string
      readonly fault: FaultData
      /** Something was turned: then what came back is verified, or the change is held. */
      readonly touched: boolean
    }
  | { readonly outcome: 'held'; readonly change: string; readonly fault: FaultData; readonly left: readonly string[] }

export async function applyPlan(writable: Writable, request: ApplyRequest): Promise<ApplyResult> {
  const { ports, journal } = writable
  const { plan } = request
  const change = ports.newId('c')
  const log = collectLog()
  const run = primaryRun(writable, plan, change, log.add, null)
  await journal.append([
    {
      type: 'change.begun',
      change,
      plan: request.planDigest,
      rehearsal: request.rehearsal,
      assessment: request.assessment,
      by: ports.by,
      message: request.message,
    },
  ])
  ports.emit('apply.started', { change }, { steps: plan.steps.length, waves: plan.waves.length })
  const times = new Map<string, { prepareMs: number; turnMs: number }>()
  let turned = false
  let wavesTurned = 0
  try {
    for (const [wave, names] of plan.waves.entries()) {
      const steps = plan.steps.filter((step) => step.wave === wave)
      for (const step of steps) ports.emit('apply.preparing', { change, resource: step.resource }, { wave })
      await prepareWave(run, steps, (step, prepareMs) => {
        times.set(step.name, { prepareMs, turnMs: 0 })
        ports.emit(run.idle.has(step.name) ? 'apply.idle' : 'apply.prepared', { change, resource: step.resource }, { ms: prepareMs })
      })
      ports.signal.throwIfAborted()
      if (!turned) await request.beforeTurning()
      turned = true
      const done = await turnSteps(run, names, 'after')
      wavesTurned += 1
      for (const { step, ms } of done) Object.assign(times.get(step) ?? {}, { turnMs: ms })
      ports.emit('apply.turned', { change }, { wave, steps: done.map(({ step }) => step), ms: done.reduce((sum, { ms }) => sum + ms, 0) })
    }
    ports.signal.throwIfAborted()
    const verdict = await request.verify(run, 'after', plan.waves.flat())
    if (!verdict.verified) throw notVerified(verdict)
    return await commit(writable, request, run, times, verdict, log.rows())
  } catch (thrown) {
    const fault = thrown instanceof StepFailure ? thrown.fault : faultOf(thrown, { stage: 'apply' })
    ports.emit(
      'apply.step-failed',
      { change, ...(fault.resource === undefined ? {} : { resource: fault.resource }) },
      { code: fault.code, detail: fault.detail },
    )
    const touched = turned && !(wavesTurned === 0 && (await failedAtOnce(run, thrown)))
    return await goBack(writable, request.verify, run, fault, touched, log.rows())
  }
}

/** The very first turn failed before it did anything, or met somebody else's write: nothing of ours is live. */
async function failedAtOnce(run: Run, thrown: unknown): Promise<boolean> {
  if (!(thrown instanceof StepFailure) || thrown.during !== 'turn') return false
  const first = run.plan.waves.flat().find((name) => run.prepared.has(name))
  if (first !== thrown.step) return false
  const stand = await lookAtStep(run, first, 'quick').catch(() => null)
  return stand?.side === 'before' || (stand?.side === 'other' && thrown.fault.class === 'conflict')
}

export type Committed = Extract<ApplyResult, { outcome: 'committed' }>

/** Makes the next revision of a verified run. `around` is journalled in the same append, before and after. */
export async function commit(
  writable: Writable,
  request: Pick<ApplyRequest, 'planDigest' | 'baseDigest' | 'watch' | 'confirmWithinMs' | 'lasts' | 'back'>,
  run: Run,
  times: ReadonlyMap<string, { prepareMs: number; turnMs: number }>,
  verdict: Verdict,
  rows: readonly Json[],
  around: { readonly before: readonly JournalEntry[]; readonly after: readonly JournalEntry[] } = { before: [], after: [] },
): Promise<Committed> {
  const { ports, journal } = writable
  const { plan, change } = run
  const receipt: Receipt = {
    artefact: 'receipt',
    change,
    plan: request.planDigest,
    prepareMs: [...times.values()].reduce((sum, { prepareMs }) => sum + prepareMs, 0),
    turnMs: [...times.values()].reduce((sum, { turnMs }) => sum + turnMs, 0),
    steps: plan.steps.map(({ name }) => ({
      step: name,
      idle: run.idle.has(name),
      prepareMs: times.get(name)?.prepareMs ?? 0,
      turnMs: times.get(name)?.turnMs ?? 0,
      bytesHeld: run.prepared.get(name)?.bytesHeld ?? 0,
    })),
  }
  const n = plan.base + 1
  const revision: Revision = {
    artefact: 'revision',
    stack: plan.stack,
    n,
    change,
    parent: request.baseDigest,
    content: plan.content,
    resources: resourcesAfter(run),
  }
  const { watch, confirmWithinMs, lasts = null } = request
  const now = ports.clock.now()
  const endsAfterMs = lasts !== null && 'forMs' in lasts ? lasts.forMs : confirmWithinMs
  const endsAt = lasts !== null && 'until' in lasts ? lasts.until : endsAfterMs === null ? null : now + endsAfterMs
  const guarded = Object.entries(plan.resources).filter(([, { terms }]) => terms.guard)
  const keep = (artefact: Artefact): Promise<Digest> => keepArtefact(ports.store, artefact)
  const kept = await Promise.all([keep(revision), keep(receipt), keep(verdict), keepRows(writable, rows)])
  const entry = {
    type: 'change.committed' as const,
    change,
    revision: kept[0],
    n,
    receipt: kept[1],
    verdict: kept[2],
    watch:
      watch === null || guarded.length === 0 || watch.forMs === 0
        ? null
        : {
            until: now + watch.forMs,
            boot: ports.self.boot,
            everyMs: watch.everyMs,
            failures: watch.failures,
            on: watch.on,
            resources: guarded.map(([name]) => name),
          },
    ...(endsAt === null ? { confirmBy: null } : deadlineAt(ports, endsAt)),
    ...(lasts === null ? {} : { temporary: true as const }),
    ...(request.back === undefined ? {} : { back: request.back }),
  }
  await journal.append([...around.before, { type: 'step.logged', change, log: kept[3] }, entry, ...around.after])
  ports.emit('apply.committed', { change }, { n, prepareMs: receipt.prepareMs, turnMs: receipt.turnMs })
  if (entry.watch !== null) ports.emit('guard.watching', { change }, { until: entry.watch.until, resources: entry.watch.resources })
  return { outcome: 'committed', change, n, receipt, verdict, revision, watched: entry.watch !== null }
}

export function keepRows(writable: Writable, rows: readonly Json[]): Promise<Digest> {
  return writable.ports.store.objects.put(Buffer.from(JSON.stringify(rows)))
}

function resourcesAfter(run: Run): Revision['resources'] {
  const resources: Record<string, Held> = {}
  for (const [name, planned] of Object.entries(run.plan.resources)) {
    const prepared = run.prepared.get(name)
    const live = run.plan.live[planned.id]
    const state = prepared?.to ?? live?.state
    if (state === undefined || state === null) continue
    resources[name] = { ...planned, state, out: run.outs.get(name) ?? null }
  }
  return resources
}

/** Everything that was turned goes back, everything prepared is dropped; what cannot go back is held for a person. */
async function goBack(
  writable: Writable,
  verify: Verify,
  run: Run,
  fault: FaultData,
  turned: boolean,
  rows: readonly Json[],
): Promise<ApplyResult> {
  const past = (await writable.state()).changes[run.change]
  try {
    return await settle(writable, verify, { ...run, shielded: true }, past ?? null, fault, turned, rows)
  } catch (thrown) {
    if (faultOf(thrown).class === 'transient') await turnBackUnwritten(run)
    throw thrown
  }
}

/**
 * The log takes nothing any more (a full disk). That the steps were to be turned stands in it, so recovery turns back what is
 * not back; until then the primary need not show half of a change. Who lost the lease has a conflict and never comes here.
 */
async function turnBackUnwritten(run: Run): Promise<void> {
  const unwritten = { epoch: run.journal.epoch, append: () => Promise.resolve() }
  await turnBack({ ...run, shielded: true, journal: unwritten, ports: { ...run.ports, signal: NEVER } }, run.plan.waves.flat())
}

/** Ends a change that was not committed. Also what recovery does with one whose writer died. */
export async function settle(
  writable: Writable,
  verify: Verify,
  run: Run,
  past: ChangeState | null,
  fault: FaultData,
  turned: boolean,
  rows: readonly Json[],
): Promise<ApplyResult> {
  const { ports, journal } = writable
  const { change, plan } = run
  const shielded: Run = { ...run, shielded: true, ports: { ...ports, signal: NEVER } }
  await journal.append([{ type: 'change.undoing', change, by: ports.by, why: `${fault.code}: ${fault.summary}` }])
  const begun = past === null ? plan.waves.flat() : begunSteps(plan, past)
  const { refused, foreign } = await turnBack(shielded, begun)
  const held = async (left: readonly string[], why: string): Promise<ApplyResult> => {
    await journal.append([
      { type: 'step.logged', change, log: await keepRows(writable, rows) },
      { type: 'change.held', change, why: `${why}: ${left.join(', ')}`, faults: refused.map((one) => one.fault) },
    ])
    return { outcome: 'held', change, fault, left }
  }
  if (refused.length > 0)
    return held(
      refused.map(({ step }) => step),
      'could not be turned back',
    )
  const isForeign = (resource: string): boolean => plan.steps.some((step) => step.resource === resource && foreign.includes(step.name))
  const verdict = turned ? await verify(shielded, 'before', begun) : null
  const wrong = (verdict?.resources ?? []).filter((row) => !row.equal && !isForeign(row.resource) && !metForeign(run, row.resource, fault))
  // Nothing is let go of: the way back may be wanted once more.
  if (wrong.length > 0)
    return held(
      wrong.map(({ resource }) => resource),
      'what came back is not what was saved',
    )
  const unreleased = await releaseSteps(shielded, begun)
  const undoing = await keepArtefact(ports.store, {
    artefact: 'undoing',
    change,
    how: turned ? 'flip' : 'nothing',
    restored: begun.filter((name) => !foreign.includes(name)),
    refused: [],
    left: foreign,
    late: [],
    switchMs: 0,
    verified: true,
  })
  await journal.append([
    { type: 'step.logged', change, log: await keepRows(writable, rows) },
    { type: 'change.undone', change, revision: null, n: null, undoing, tombstone: null },
    // What could not be dropped is dropped before the next change.
    ...(unreleased.length === 0 ? [{ type: 'change.released' as const, change }] : []),
  ])
  return { outcome: 'undone', change, fault, touched: turned }
}

/** What was written there by somebody else is why the change went back; nothing was overwritten, so it stands. */
function metForeign({ plan }: Run, resource: string, fault: FaultData): boolean {
  if (fault.class !== 'conflict' || fault.stage !== 'turn' || fault.code === DIFFERS) return false
  return plan.steps.some((step) => step.resource === resource && step.id === fault.resource)
}

const DIFFERS = 'verify.differs'
const NEVER = new AbortController().signal // an undo that has begun is not stopped by a signal

export function notVerified(verdict: Verdict): StepFailure {
  const wrong = verdict.resources.filter((row) => !row.equal).map(({ resource }) => resource)
  const fault = new Fault({
    code: DIFFERS,
    class: 'conflict',
    summary: 'What is live is not what was wanted, or does not answer.',
    detail: wrong.join(', '),
    hint: 'See `understudy log` for what was done and `understudy drift` for what is there.',
  })
  return new StepFailure(wrong[0] ?? '', 'turn', fault)
}
