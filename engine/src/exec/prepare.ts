// Owns: preparing the steps of a wave beside the live things, as parallel as their order allows.
// Never: turns anything; when it fails, nothing visible has happened.
import { equal, Fault, faultOf } from '@understudy/contract'
import type { FaultData, Json } from '@understudy/contract'
import { fillHoles } from '../model/holes.ts'
import type { PreparedStep } from '../model/journal.ts'
import type { Step } from '../model/plan.ts'
import { isObject } from '@understudy/contract'
import { reading, writing } from './attempt.ts'
import { keyOf, kindFor, placeOf } from './run.ts'
import type { Run } from './run.ts'

/** A step that failed, and during what. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly step: string
  readonly during: 'prepare' | 'turn' | 'undo'
  readonly fault: FaultData
  constructor(step: string, during: 'prepare' | 'turn' | 'undo', thrown: unknown) {
    const fault = faultOf(thrown, { resource: step, stage: during })
    super(`${step}: ${fault.code}`)
    this.step = step
    this.during = during
    this.fault = fault
  }
}

/** Prepares all steps of a wave; at the first failure no more are begun, those under way are awaited. */
export async function prepareWave(run: Run, steps: readonly Step[], each: (step: Step, ms: number) => void): Promise<void> {
  const waiting = new Set(steps)
  const underWay = new Map<string, Promise<void>>()
  let failure: StepFailure | null = null
  while (waiting.size > 0 || underWay.size > 0) {
    for (const step of waiting) {
      if (failure !== null || underWay.size >= run.ports.parallelism) break
      const blocked = steps.some((other) => step.after.includes(other.name) && (waiting.has(other) || underWay.has(other.name)))
      if (blocked) continue
      waiting.delete(step)
      const started = run.ports.clock.monotonic()
      const work = prepareStep(run, step).then(
        () => each(step, run.ports.clock.monotonic() - started),
        (thrown: unknown) => {
          failure ??= new StepFailure(step.name, 'prepare', thrown)
        },
      )
      underWay.set(
        step.name,
        work.finally(() => underWay.delete(step.name)),
      )
    }
    if (failure !== null) waiting.clear()
    if (underWay.size > 0) await Promise.race(underWay.values())
  }
  if (failure !== null) throw failure as StepFailure
}

async function prepareStep(run: Run, step: Step): Promise<void> {
  const { ports, change } = run
  const kind = kindFor(ports, step.kind)
  const bound = { world: run.world, resource: step.id, limits: step.terms, log: run.log, shielded: run.shielded }
  const to = await wantedState(run, step)
  const at = placeOf(run, step)
  const from = run.before.get(step.name)?.state ?? null
  const forced = step.because.some(({ why }) => why === 'forced')
  if (!forced && (to === null ? from === null : from !== null && equal(from, to))) {
    const out = run.outs.get(step.resource) ?? null
    run.idle.set(step.name, { state: from, out })
    await run.journal.append([{ type: 'step.idle', change, step: step.name, state: from, out }])
    return
  }
  const key = keyOf(change, step.name)
  await run.journal.append([{ type: 'step.preparing', change, step: step.name, key }])
  const started = ports.clock.monotonic()
  const made = await writing(ports, { ...bound, during: 'prepare' }, key, run.journal.epoch, (call) => {
    if (step.pointers.length > 0 && kind.prepareParts !== null && from !== null && to !== null) {
      return kind.prepareParts(at, from, to, step.pointers, call)
    }
    return kind.prepare(at, from, to, call)
  })
  const prepared: PreparedStep = {
    step: step.name,
    key,
    from,
    to,
    unmanaged: run.before.get(step.name)?.unmanaged ?? null,
    memento: made.memento,
    out: made.out,
    reversal: made.reversal,
    bytesHeld: made.bytesHeld,
    losses: made.losses,
    prepareMs: ports.clock.monotonic() - started,
  }
  await run.journal.append([{ type: 'step.prepared', change, ...prepared }])
  run.prepared.set(step.name, prepared)
  if (step.action !== 'delete' && made.out !== null) run.outs.set(step.resource, made.out)
}

/** What a step's spec asks for in this world, now that what it refers to is prepared. */
async function wantedState(run: Run, step: Step): Promise<Json | null> {
  if (step.spec === null) return null
  if (step.target !== null && run.parts.has(step.id)) return step.target
  const { spec, open } = fillHoles(step.spec, (name, output) => outputOf(run.outs.get(name), output))
  const hole = open[0]
  if (hole !== undefined) {
    throw new Fault({
      code: 'plan.open-reference',
      class: 'invalid',
      summary: 'A reference has no value.',
      detail: `\${${hole.$ref}.${hole.output}} in ${step.resource}: ${hole.$ref} has no output ${hole.output} here`,
      hint: 'See `understudy output` for the outputs there are.',
    })
  }
  if (!run.parts.has(step.id)) await run.makePlace?.(step, spec)
  if (step.target !== null) return step.target
  const kind = kindFor(run.ports, step.kind)
  const bound = { world: run.world, resource: step.id, during: 'want', limits: step.terms, log: run.log, shielded: run.shielded }
  return (await reading(run.ports, bound, (call) => kind.want(placeOf(run, step), spec, call))).state
}

export function outputOf(out: Json | undefined, output: string): Json | undefined {
  return isObject(out) ? out[output] : undefined
}
