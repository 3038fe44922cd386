// Owns: what an undo of the live change would be, before anybody asks for it: how, how long, and what of it there is none for (L14).
// Never: writes; takes long: at what is live it only glances.
import { reading } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import { turnedLast } from '../journal/fold.ts'
import { artefactOf } from '../journal/load-stack.ts'
import type { Interval } from '../model/artefacts.ts'
import type { ChangeState, StackState } from '../model/journal.ts'
import { PRIMARY } from '../model/world.ts'
import { lossesOf } from './flip.ts'
import { oneWayOf, oneWaySteps } from './one-way.ts'

export interface UndoAhead {
  readonly change: string
  /** `none`: all of it is without a way back. */
  readonly how: 'flip' | 'compiled' | 'none'
  /** Resources without a way back: they would be left as they are, and only if that is accepted. */
  readonly oneWay: readonly string[]
  /** What going back would lose, by name: it was accepted when the change was applied. */
  readonly losses: readonly string[]
  /** From the request to the verdict. */
  readonly forecastMs: Interval | null
  /** What the forecast is made of. */
  readonly basis: string
}

export async function undoAhead(ports: Ports, state: StackState): Promise<UndoAhead | null> {
  const { store } = ports
  const last = turnedLast(state)
  const change = state.changes[last?.change ?? '']
  // After an undo there is nothing to undo but what it left of that change.
  if (change === undefined || change.phase !== 'committed' || last?.back?.how === 'undone') return null
  const oneWay = oneWayOf(change)
  const turned = Object.values(change.steps).filter(({ prepared }) => prepared !== null && prepared.reversal !== 'none')
  const forecast = change.assessment === null ? null : (await artefactOf(store, 'assessment', change.assessment)).forecast
  const none = oneWay.length > 0 && turned.length === 0
  const how = none ? 'none' : !change.downgraded && (await standsFit(ports, change)) ? 'flip' : 'compiled'
  const ms = { none: null, flip: forecast?.undoMs ?? null, compiled: forecast?.compiledMs ?? null }[how]
  const losses = lossesOf(change, Object.keys(change.steps))
  return { change: change.change, how, oneWay, losses, forecastMs: ms, basis: ms === null ? '' : (forecast?.basis ?? '') }
}

/** Whether all that an undo would turn is there to be turned: what a reboot took, or somebody wrote to, is not. */
async function standsFit(ports: Ports, change: ChangeState): Promise<boolean> {
  const plan = await artefactOf(ports.store, 'plan', change.plan)
  const oneWay = oneWaySteps(change)
  for (const { name, id, kind, part, terms } of plan.steps) {
    const prepared = change.steps[name]?.prepared
    if (prepared === undefined || prepared === null || oneWay.includes(name)) continue
    const world = { id: PRIMARY, parent: null, parts: { [id]: part } }
    const bound = { world, resource: id, during: 'look', limits: terms, log: collectLog().add }
    const at = { world: PRIMARY, id, part }
    const look = reading(ports, bound, (call) => kindFor(ports, kind).look(at, prepared.memento, 'quick', call))
    // What cannot be told now is nothing to promise; the undo itself says why.
    const stand = await look.catch(() => null)
    if (stand?.side !== 'before' && (stand?.side !== 'after' || stand.standby !== 'fit')) return false
  }
  return true
}
