// Owns: what whoever takes a stack does before anything else: what a kill left is settled, what was not confirmed in time, or was only to last until now, is undone.
// Never: waits for a keeper: the deadline holds without one (L8).
import { faultOf } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import type { Ports } from '../exec/ports.ts'
import { leftMs } from '../journal/deadline.ts'
import type { Clocks } from '../journal/deadline.ts'
import { turnedLast, waitingChange } from '../journal/fold.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactOf } from '../journal/load-stack.ts'
import type { ChangeState, StackState } from '../model/journal.ts'
import { oneWayOf } from './one-way.ts'
import { recoverStack } from './recover.ts'
import type { Recovered } from './recover.ts'
import { rollBack } from './roll-back.ts'
import type { RollbackRequest } from './roll-back.ts'

/** The live change, if guards watch it, or the one that waits to be confirmed. Its time may have passed. */
export function watchedChange(state: StackState, now: number): ChangeState | null {
  const live = state.changes[turnedLast(state)?.change ?? '']
  const guarded = live?.phase === 'committed' && live.watch !== null && now < live.watch.until
  return guarded ? live : waitingChange(state)
}

/** Somebody has to stay with the stack: a change is watched, or its keeper died while it undid it. */
export function needsKeeper(state: StackState, now: number): boolean {
  const died = Object.values(state.changes).some(({ phase, undoneBy }) => phase === 'undoing' && undoneBy?.through === 'guard')
  return died || watchedChange(state, now) !== null
}

/** The change that should have been confirmed by now, or was only to last until now. */
export function overdueChange(state: StackState, clocks: Clocks): ChangeState | null {
  const change = waitingChange(state)
  const left = change === null ? null : leftMs(clocks, change)
  return left !== null && left <= 0 ? change : null
}

export async function settleStack(writable: Writable): Promise<readonly Recovered[]> {
  const recovered = await recoverStack(writable)
  const { ports } = writable
  const overdue = overdueChange(await writable.state(), ports)
  if (overdue === null) return recovered
  const outcome = await undoWatched(writable, overdue, sayOver(ports, overdue))
  return [...recovered, { change: overdue.change, outcome, why: overdue.lastsUntil === null ? 'overdue' : 'over' }]
}

/** Says that the time of a change is over; gives why it is undone. */
export function sayOver({ emit }: Ports, { change, lastsUntil }: ChangeState): string {
  emit(lastsUntil === null ? 'confirm.overdue' : 'apply.over', { change })
  return lastsUntil === null ? 'it was not confirmed in time' : 'its time was over'
}

/** Undoes by itself the change that is watched, with what was done on top of it. What cannot be undone without a person is held, said once and not tried again and again. */
export async function undoWatched(writable: Writable, change: ChangeState, why: string): Promise<'undone' | 'held'> {
  const state = await writable.state()
  const waits = waitingChange(state)?.change === change.change
  const live = turnedLast(state)?.change === change.change && state.changes[change.change]?.phase === 'committed'
  if (!waits && !live) return 'undone' // somebody was faster
  const ports: Ports = { ...writable.ports, by: { ...writable.ports.by, through: 'guard' } }
  // Not "the last change": something may have been recorded since.
  const { base: to } = await artefactOf(ports.store, 'plan', change.plan)
  // What has no way back was accepted by name when it was applied: the rest goes back all the same.
  const acceptIrreversible = oneWayOf(change)
  const request: RollbackRequest = {
    to,
    only: [],
    withClosure: false,
    resolve: null,
    acceptLoss: [],
    acceptIrreversible,
    message: why,
    why,
  }
  const result = await rollBack({ ...writable, ports }, request, ports.clock.monotonic()).catch((thrown: unknown) => stopped(thrown))
  if (result.outcome === 'nothing') await standsAsItWas(writable, change, `${why}: ${result.why}`)
  if (result.outcome === 'undone' || result.outcome === 'nothing') return 'undone'
  const fault = 'fault' in result ? result.fault : null
  const text = fault === null ? ('text' in result ? result.text : 'it could not be turned back') : `${fault.code}: ${fault.detail}`
  await hold(writable, change, `${why}; its undo needs a person: ${text}`, fault === null ? [] : [fault])
  return 'held'
}

/** Nothing had to be turned for its undo; it is not tried again and again. */
function standsAsItWas({ journal, ports }: Writable, { change }: ChangeState, why: string): Promise<void> {
  return journal.append([
    { type: 'change.undoing', change, by: ports.by, why },
    { type: 'change.kept', change, why },
    { type: 'change.confirmed', change, by: ports.by },
  ])
}

/** From here on a person decides about the change; nothing was turned for it. */
export async function hold(writable: Writable, { change }: ChangeState, why: string, faults: readonly FaultData[]): Promise<true> {
  if ((await writable.state()).changes[change]?.phase !== 'committed') return true
  await writable.journal.append([{ type: 'change.held', change, why, faults }])
  return true
}

/** A busy moment passes and is tried again; everything else is for a person. */
function stopped(thrown: unknown): { readonly outcome: 'fault'; readonly fault: FaultData } {
  const fault = faultOf(thrown)
  if (fault.class === 'transient') throw thrown
  return { outcome: 'fault', fault }
}
