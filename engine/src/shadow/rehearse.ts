// Owns: the rehearsal: the plan run forward, back, forward, back in a shadow, compared after each, and the certificate.
// Never: touches the primary; ends on anything but back.
import { equal, faultOf } from '@understudy/contract'
import type { Digest, FaultData, Json } from '@understudy/contract'
import type { CallLog } from '../exec/attempt.ts'
import { reading } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { prepareWave, StepFailure } from '../exec/prepare.ts'
import { kindFor, placeOf } from '../exec/run.ts'
import type { Run } from '../exec/run.ts'
import { lookAtStep, turnBack, turnSteps } from '../exec/turn.ts'
import type { Rehearsal, RehearsedStep } from '../model/artefacts.ts'
import type { Plan, Step } from '../model/plan.ts'
import { observe } from '../plan/observe.ts'
import { certify, joinCertificates } from './certify.ts'
import type { Evidence } from './certify.ts'
import { openShadow } from './open-world.ts'
import type { Shadow } from './open-world.ts'

type Failed = NonNullable<Rehearsal['failed']>

class RehearsalEnd extends Error {
  readonly failed: Failed
  constructor(step: string, during: Failed['during'], fault: FaultData) {
    super(fault.code)
    this.failed = { step, during, fault }
  }
}

export async function rehearse(ports: Ports, plan: Plan, planDigest: Digest): Promise<Rehearsal> {
  const started = ports.clock.monotonic()
  const log = collectLog()
  const evidence = new Map<string, Evidence>()
  const probes: Rehearsal['probes'][number][] = []
  const downtime: string[] = []
  let failed: Failed | null = null
  let shadow: Shadow | null = null
  const backMs: number[] = []
  let forkMs = 0
  let run: Run | null = null
  try {
    shadow = await openShadow(ports, plan, log.add)
    forkMs = ports.clock.monotonic() - started
    run = runIn(ports, plan, shadow, log.add)
    await perform(run, shadow.unfit, evidence, probes, downtime, backMs)
  } catch (thrown) {
    failed =
      thrown instanceof RehearsalEnd
        ? thrown.failed
        : thrown instanceof StepFailure
          ? { step: thrown.step, during: thrown.during, fault: thrown.fault }
          : outsideSteps(faultOf(thrown, { stage: 'shadow' }))
    ports.emit('shadow.failed', failed.step === '' ? {} : { resource: failed.step }, {
      during: failed.during,
      code: failed.fault.code,
      detail: failed.fault.detail,
    })
  } finally {
    await shadow?.close()
  }
  const steps = plan.steps.map((step): RehearsedStep => rehearsedStep(step, evidence.get(step.name), shadow, failed))
  const certificate = failed === null ? joinCertificates(steps.map((step) => step.certificate)) : certify(null, failed)
  const rehearsal: Rehearsal = {
    artefact: 'rehearsal',
    plan: planDigest,
    world: shadow?.world.id ?? '',
    certificate,
    steps,
    failed,
    probes,
    downtime,
    backMs,
    forkMs,
    totalMs: ports.clock.monotonic() - started,
    log: await ports.store.objects.put(Buffer.from(JSON.stringify(log.rows()))),
  }
  ports.emit('shadow.rehearsed', {}, { grade: certificate.grade, failed: failed !== null, ms: rehearsal.totalMs })
  return rehearsal
}

/** Stopped between steps: making the world, or reading what stands in it. The fault names the resource. */
function outsideSteps(fault: FaultData): Failed {
  return { step: fault.resource ?? '', during: fault.stage === 'read' ? 'compare' : 'fork', fault }
}

function runIn(ports: Ports, plan: Plan, shadow: Shadow, log: CallLog): Run {
  // What goes has no outputs for others, as on the primary.
  for (const name of shadow.outs.keys()) if (plan.resources[name] === undefined) shadow.outs.delete(name)
  const run: Run = {
    ports,
    plan,
    change: shadow.world.id,
    world: shadow.world,
    parts: shadow.parts,
    async makePlace(step, spec) {
      await shadow.makePlace(step, spec)
      run.before.set(step.name, await look(run, step)) // what is live came along
    },
    journal: { epoch: 0, append: shadow.append },
    log,
    outs: shadow.outs,
    before: new Map(),
    prepared: new Map(),
    idle: new Map(),
    turned: new Set(),
    shielded: false,
  }
  return run
}

async function perform(
  run: Run,
  unfit: Shadow['unfit'],
  evidence: Map<string, Evidence>,
  probes: Rehearsal['probes'][number][],
  downtime: string[],
  backMs: number[],
): Promise<void> {
  const { plan, ports } = run
  const order = plan.waves.flat()
  for (const step of plan.steps) {
    if (run.parts.has(step.id)) run.before.set(step.name, await look(run, step))
    const sick = unfit.get(step.id)
    const differences = sick === undefined ? [] : [`${step.resource}: what would come back does not answer (${sick})`]
    evidence.set(step.name, { turnMs: [], undoMs: [], prepareMs: 0, differences, prepared: null, idle: false })
  }
  for (const [wave, names] of plan.waves.entries()) {
    const steps = plan.steps.filter((step) => step.wave === wave)
    await prepareWave(run, steps, (step, ms) => ports.emit('shadow.prepared', { resource: step.resource }, { ms }))
    for (const step of steps) {
      const seen = evidence.get(step.name)
      if (seen)
        Object.assign(seen, {
          prepared: run.prepared.get(step.name) ?? null,
          idle: run.idle.has(step.name),
          prepareMs: run.prepared.get(step.name)?.prepareMs ?? 0,
        })
    }
    note(await turnSteps(run, names, 'after'), evidence, 'turnMs')
    ports.emit('shadow.turned', {}, { wave, to: 'after' })
    if (steps.some(({ mode }) => mode === 'in-place')) await probeOldUsers(run, wave, unfit, probes, downtime)
  }
  await compareForward(run)
  // What has no way back is not asked to go back; it needs consent by name, and the certificate says so.
  const returning = order.filter((name) => run.prepared.get(name)?.reversal !== 'none')
  const back = async (): Promise<void> => {
    const started = ports.clock.monotonic()
    // As an undo does, so that it takes as long: a look before, the turns with their journal, a fresh read and a second look.
    for (const name of returning) if (run.prepared.has(name)) await lookAtStep(run, name, 'quick')
    const { refused } = await turnBack({ ...run, journal: timing(run, evidence) }, returning)
    const first = refused[0]
    if (first !== undefined) throw new RehearsalEnd(first.step, 'undo', first.fault)
    ports.emit('shadow.turned', {}, { to: 'before', ms: ports.clock.monotonic() - started })
    await compareBack(run, evidence)
    for (const name of returning) if (run.prepared.has(name)) await lookAtStep(run, name, 'full')
    backMs.push(ports.clock.monotonic() - started)
  }
  await back()
  note(await turnSteps(run, returning, 'after'), evidence, 'turnMs')
  await compareForward(run)
  await back()
}

/** Takes the measured times of going back from the entries that are journalled anyway. */
function timing(run: Run, evidence: Map<string, Evidence>): Run['journal'] {
  return {
    epoch: run.journal.epoch,
    async append(entries) {
      for (const entry of entries) if (entry.type === 'turned') note(entry.steps, evidence, 'undoMs')
      await run.journal.append(entries)
    },
  }
}

function note(
  turned: readonly { readonly step: string; readonly ms: number }[],
  evidence: Map<string, Evidence>,
  to: 'turnMs' | 'undoMs',
): void {
  for (const { step, ms } of turned) evidence.get(step)?.[to].push(ms)
}

async function look(run: Run, step: Step): Promise<{ state: Json | null; unmanaged: Json }> {
  const subject = { id: step.id, kind: step.kind, part: placeOf(run, step).part }
  const seen = await observe(run.ports, run.world, subject, null, step.terms, run.log)
  return { state: seen?.state ?? null, unmanaged: seen?.unmanaged ?? null }
}

/** After going forward every state is what was wanted, and what can be asked answers. */
async function compareForward(run: Run): Promise<void> {
  for (const step of run.plan.steps) {
    const prepared = run.prepared.get(step.name)
    if (prepared === undefined) continue
    const { state } = await look(run, step)
    const same = prepared.to === null ? state === null : state !== null && equal(state, prepared.to)
    run.ports.emit(same ? 'shadow.compared' : 'shadow.diverged', { resource: step.resource }, { side: 'after' })
    if (!same) {
      const detail = `wanted ${brief(prepared.to)}, found ${brief(state)}`
      throw new RehearsalEnd(step.name, 'compare', divergence(step.resource, 'The change does not lead to what was wanted.', detail))
    }
    const answer = prepared.to === null ? null : await probe(run, step)
    if (answer !== null && !answer.fit) {
      throw new RehearsalEnd(step.name, 'compare', divergence(step.resource, 'The new side does not answer.', answer.detail))
    }
  }
}

/** After going back every state is what it was; so is what the spec does not speak of, or the certificate says otherwise. */
async function compareBack(run: Run, evidence: Map<string, Evidence>): Promise<void> {
  for (const step of run.plan.steps) {
    const prepared = run.prepared.get(step.name)
    if (prepared === undefined || prepared.reversal === 'none') continue
    const before = run.before.get(step.name) ?? { state: null, unmanaged: null }
    const { state, unmanaged } = await look(run, step)
    const same = before.state === null ? state === null : state !== null && equal(state, before.state)
    run.ports.emit(same ? 'shadow.compared' : 'shadow.diverged', { resource: step.resource }, { side: 'before' })
    if (!same) {
      const detail = `it was ${brief(before.state)}, going back left ${brief(state)}`
      throw new RehearsalEnd(step.name, 'undo', divergence(step.resource, 'Going back does not restore what was there.', detail))
    }
    if (!equal(unmanaged, before.unmanaged)) evidence.get(step.name)?.differences.push(`${step.resource}: what its spec does not speak of`)
  }
}

function divergence(resource: string, summary: string, detail: string): FaultData {
  return {
    code: 'shadow.diverged',
    class: 'conflict',
    summary,
    detail,
    hint: 'See `understudy log` for what the rehearsal did.',
    resource,
    stage: 'shadow',
  }
}

function brief(state: Json | null): string {
  const text = state === null ? 'nothing' : JSON.stringify(state)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** Those who use what was turned in place and have not been turned themselves: can they stand on the new data? */
async function probeOldUsers(
  run: Run,
  wave: number,
  unfit: Shadow['unfit'],
  probes: Rehearsal['probes'][number][],
  downtime: string[],
): Promise<void> {
  const changed = new Set(run.plan.steps.filter((step) => step.wave === wave && step.mode === 'in-place').map(({ resource }) => resource))
  for (const live of Object.values(run.plan.live)) {
    if (!live.terms.dependsOn.some((name) => changed.has(name)) || !run.parts.has(live.id)) continue
    if (run.plan.steps.some((step) => step.id === live.id && step.wave <= wave)) continue
    const answer = await probe(run, live)
    if (answer === null) continue
    probes.push({ resource: live.id, ...answer })
    // One that does not answer as it is loses nothing by this change.
    if (!answer.fit && !unfit.has(live.id)) downtime.push(live.id)
  }
}

async function probe(
  run: Run,
  of: { readonly id: string; readonly kind: string; readonly terms: Step['terms'] },
): Promise<{ fit: boolean; detail: string } | null> {
  const kind = kindFor(run.ports, of.kind)
  const ask = kind.probe
  if (ask === null) return null
  try {
    return await reading(run.ports, { world: run.world, resource: of.id, during: 'probe', limits: of.terms, log: run.log }, (call) =>
      ask(placeOf(run, of), call),
    )
  } catch (thrown) {
    return { fit: false, detail: faultOf(thrown).detail }
  }
}

function rehearsedStep(step: Step, seen: Evidence | undefined, shadow: Shadow | null, failed: Failed | null): RehearsedStep {
  const { fidelity, because } = shadow?.fidelity.get(step.id) ?? { fidelity: 'modelled' as const, because: 'it was not reached' }
  return {
    step: step.name,
    certificate: certify(seen ?? null, failed),
    reversal: seen?.prepared?.reversal ?? 'none',
    fidelity,
    because,
    prepareMs: seen?.prepareMs ?? 0,
    turnMs: seen?.turnMs ?? [],
    undoMs: seen?.undoMs ?? [],
    bytesHeld: seen?.prepared?.bytesHeld ?? 0,
    idle: seen?.idle ?? false,
  }
}
