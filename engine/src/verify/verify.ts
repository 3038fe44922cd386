// Owns: the verdict: every changed resource read afresh and compared with the state it should have.
// Never: trusts what a turn said; reports success before it has looked (L10).
import { canonical, equal, faultOf } from '@understudy/contract'
import type { Json, Side } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import { kindFor, placeOf } from '../exec/run.ts'
import type { Run } from '../exec/run.ts'
import { lookAtStep } from '../exec/turn.ts'
import type { Verdict } from '../model/artefacts.ts'
import type { Step } from '../model/plan.ts'
import { observe } from '../plan/observe.ts'

/** Compares every prepared step of a run with its `side`. After going back it also looks for late writes to the other side. */
export async function verifyRun(run: Run, side: Side, names: readonly string[]): Promise<Verdict> {
  const { ports, plan, change } = run
  const started = ports.clock.monotonic()
  ports.emit('verify.started', { change }, { resources: names.length })
  const resources: Verdict['resources'][number][] = []
  for (const step of plan.steps) {
    if (!names.includes(step.name) || !run.prepared.has(step.name)) continue
    const row = await verifyStep(run, step, side)
    resources.push(row)
    ports.emit('verify.resource', { change, resource: step.resource }, { equal: row.equal, late: row.late })
  }
  const verified = resources.every((row) => row.equal)
  const ms = ports.clock.monotonic() - started
  ports.emit('verify.finished', { change }, { verified, ms })
  return { artefact: 'verdict', change, verified, resources, ms }
}

async function verifyStep(run: Run, step: Step, side: Side): Promise<Verdict['resources'][number]> {
  const prepared = run.prepared.get(step.name)
  const wanted = side === 'after' ? (prepared?.to ?? null) : (prepared?.from ?? null)
  const subject = { id: step.id, kind: step.kind, part: placeOf(run, step).part }
  const seen = await observe(run.ports, run.world, subject, wanted, step.terms, run.log)
  const state = seen?.state ?? null
  let same = state === null ? wanted === null : wanted !== null && equal(state, wanted)
  if (same && side === 'after' && wanted !== null) same = await answers(run, step)
  const late = side === 'before' ? ((await lookAtStep(run, step.name, 'full')).late ?? []) : []
  const writtenSince =
    side === 'before' &&
    seen !== null &&
    prepared !== undefined &&
    prepared.unmanaged !== null &&
    !equal(seen.unmanaged, prepared.unmanaged)
  return { resource: step.resource, equal: same, wanted: name(run, wanted), seen: name(run, state), late, writtenSince }
}

/** Something new that does not answer is not verified. */
async function answers(run: Run, step: Step): Promise<boolean> {
  const ask = kindFor(run.ports, step.kind).probe
  if (ask === null) return true
  const bound = { world: run.world, resource: step.id, during: 'probe', limits: step.terms, log: run.log, shielded: true }
  try {
    const answer = await reading(run.ports, bound, (call) => ask(placeOf(run, step), call))
    return answer.fit
  } catch (thrown) {
    // What cannot be asked is not known to answer: the verdict says "not verified", the event says why.
    const fault = faultOf(thrown)
    run.ports.emit('guard.failed', { change: run.change, resource: step.resource }, { code: fault.code, detail: fault.detail })
    return false
  }
}

function name(run: Run, state: Json | null) {
  return state === null ? null : run.ports.store.objects.name(Buffer.from(canonical(state)))
}
