// Owns: what an undo of the live change would be, before anybody asks for it: how, how long, and what of it there is none for (L14).
// Never: looks at anything live: what it says comes from the log alone.
import { turnedLast } from '../journal/fold.ts'
import { artefactOf } from '../journal/load-stack.ts'
import type { Interval } from '../model/artefacts.ts'
import type { StackState } from '../model/journal.ts'
import type { Store } from '../store/store.ts'
import { oneWayOf } from './one-way.ts'

export interface UndoAhead {
  readonly change: string
  /** `none`: all of it is without a way back. */
  readonly how: 'flip' | 'compiled' | 'none'
  /** Resources without a way back: they would be left as they are, and only if that is accepted. */
  readonly oneWay: readonly string[]
  /** From the request to the verdict. */
  readonly forecastMs: Interval | null
  /** What the forecast is made of. */
  readonly basis: string
}

export async function undoAhead(store: Store, state: StackState): Promise<UndoAhead | null> {
  const change = state.changes[turnedLast(state)?.change ?? '']
  if (change === undefined || change.phase !== 'committed') return null
  const oneWay = await oneWayOf(store, change)
  const turned = Object.values(change.steps).filter(({ prepared }) => prepared !== null && prepared.reversal !== 'none')
  const forecast = change.assessment === null ? null : (await artefactOf(store, 'assessment', change.assessment)).forecast
  const how = oneWay.length > 0 && turned.length === 0 ? 'none' : change.downgraded ? 'compiled' : 'flip'
  const ms = { none: null, flip: forecast?.undoMs ?? null, compiled: forecast?.compiledMs ?? null }[how]
  return { change: change.change, how, oneWay, forecastMs: ms, basis: ms === null ? '' : (forecast?.basis ?? '') }
}
