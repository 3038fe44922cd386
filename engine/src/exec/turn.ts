// Owns: turning prepared steps in order, either way: one journal entry before the first, one after the last.
// Never: turns what is not prepared and journalled; never overwrites a foreign write (the provider compares and swaps).
import { Fault } from '@understudy/contract'
import type { FaultData, Side, Stand } from '@understudy/contract'
import { faultOf } from '@understudy/contract'
import { reading, writing } from './attempt.ts'
import type { JournalEntry } from '../model/journal.ts'
import { StepFailure } from './prepare.ts'
import { kindFor, placeOf, stepNamed } from './run.ts'
import type { Run } from './run.ts'

/** Turns these steps in this order. Throws a StepFailure at the first that does not get there; those after it are not tried. */
export async function turnSteps(
  run: Run,
  names: readonly string[],
  to: Side,
): Promise<readonly { readonly step: string; readonly ms: number }[]> {
  const steps = names.filter((name) => run.prepared.has(name))
  if (steps.length === 0) return []
  await run.journal.append([{ type: 'turning', change: run.change, to, steps }])
  const turned: { step: string; ms: number }[] = []
  for (const name of steps) {
    const started = run.ports.clock.monotonic()
    try {
      await turnStep(run, name, to)
    } catch (thrown) {
      if (!refusedAtOnce(faultOf(thrown))) run.turned.add(name)
      throw new StepFailure(name, to === 'after' ? 'turn' : 'undo', thrown)
    }
    run.turned.add(name)
    turned.push({ step: name, ms: run.ports.clock.monotonic() - started })
  }
  await run.journal.append([{ type: 'turned', change: run.change, to, steps: turned }])
  return turned
}

/** A conflict is found before anything is done, by the contract: compare, then swap. */
function refusedAtOnce({ class: kind, code }: FaultData): boolean {
  return kind === 'conflict' && code !== NOT_THERE
}

const NOT_THERE = 'turn.not-there'

/** One step, one way. An unknown outcome is looked at, never assumed; being there already is success. */
export async function turnStep(run: Run, name: string, to: Side): Promise<Stand> {
  const step = stepNamed(run.plan, name)
  const prepared = run.prepared.get(name)
  if (prepared === undefined) throw new Error(`step ${name} is not prepared`)
  const kind = kindFor(run.ports, step.kind)
  const at = placeOf(run, step)
  const bound = {
    world: run.world,
    resource: step.id,
    limits: step.terms,
    log: run.log,
    // A turn is short, and half of one is the worst place to stop at.
    shielded: true,
    during: to === 'after' ? 'turn' : 'undo',
  }
  let stand: Stand
  try {
    stand = await writing(run.ports, bound, prepared.key, run.journal.epoch, (call) => kind.turn(at, prepared.memento, to, call))
  } catch (thrown) {
    if (faultOf(thrown).class !== 'outcome-unknown') throw thrown
    stand = await lookAtStep(run, name, 'quick')
    if (stand.side !== to) throw thrown
  }
  if (stand.side === to) return stand
  throw new Fault({
    code: NOT_THERE,
    class: 'conflict',
    summary: 'The step was turned but does not stand where it should.',
    detail: `${step.resource} stands at "${stand.side}" instead of "${to}"`,
    hint: 'Somebody else writes to it at the same time: see `understudy drift`.',
  })
}

/** Where a prepared step stands. Always shielded: a look is how an interrupted run finds out what happened. */
export function lookAtStep(run: Run, name: string, depth: 'quick' | 'full'): Promise<Stand> {
  const step = stepNamed(run.plan, name)
  const prepared = run.prepared.get(name)
  if (prepared === undefined) throw new Error(`step ${name} is not prepared`)
  const kind = kindFor(run.ports, step.kind)
  const bound = { world: run.world, resource: step.id, limits: step.terms, log: run.log, shielded: true, during: 'look' }
  return reading(run.ports, bound, (call) => kind.look(placeOf(run, step), prepared.memento, depth, call))
}

export interface TurnedBack {
  readonly restored: readonly string[]
  readonly refused: readonly { readonly step: string; readonly fault: FaultData }[]
  /** Never turned, and what is live is somebody else's: there is nothing of ours to turn back. */
  readonly foreign: readonly string[]
}

/**
 * Turns back whatever of these steps is not back yet, last first; goes on past a step that cannot (its fault is kept), so
 * that as much as possible is restored. Steps that never were prepared have nothing to turn. `first` is journalled with
 * the intent, so that an undo costs two flushes: one before the first turn, one after the last.
 */
export async function turnBack(run: Run, names: readonly string[], first: readonly JournalEntry[] = []): Promise<TurnedBack> {
  const steps = names.filter((name) => run.prepared.has(name)).toReversed()
  const restored: string[] = []
  const refused: { step: string; fault: FaultData }[] = []
  const foreign: string[] = []
  const turning: readonly JournalEntry[] = steps.length === 0 ? [] : [{ type: 'turning', change: run.change, to: 'before', steps }]
  if (first.length + turning.length > 0) await run.journal.append([...first, ...turning])
  if (steps.length === 0) return { restored, refused, foreign }
  const turned: { step: string; ms: number }[] = []
  for (const name of steps) {
    const started = run.ports.clock.monotonic()
    try {
      await turnStep(run, name, 'before')
      restored.push(name)
      turned.push({ step: name, ms: run.ports.clock.monotonic() - started })
    } catch (thrown) {
      // What failed may have had nothing to do: its turn forward never did anything, or it did this one all the same.
      const side = (await lookAtStep(run, name, 'quick').catch(() => null))?.side
      if (side === 'before') {
        restored.push(name)
        turned.push({ step: name, ms: run.ports.clock.monotonic() - started })
      } else if (side === 'other' && !run.turned.has(name)) {
        foreign.push(name)
        turned.push({ step: name, ms: 0 }) // nothing of ours is live
      } else refused.push({ step: name, fault: faultOf(thrown, { resource: name, stage: 'undo' }) })
    }
  }
  await run.journal.append([{ type: 'turned', change: run.change, to: 'before', steps: turned }])
  return { restored, refused, foreign }
}
