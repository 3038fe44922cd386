// Owns: settling what a kill left: changes under way go back, undos go on, worlds of the dead are closed.
// Never: goes forward; recover twice is recover once.
import type { FaultData } from '@understudy/contract'
import { settle } from '../apply/apply-plan.ts'
import { collectLog } from '../exec/collect-log.ts'
import { primaryRun } from '../exec/primary-run.ts'
import { turnBack } from '../exec/turn.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactOf, headRevision } from '../journal/load-stack.ts'
import type { ChangeState, StackState } from '../model/journal.ts'
import { closeDeadWorlds } from '../shadow/open-world.ts'
import { verifyRun } from '../verify/verify.ts'
import { performFlip, revisionNumbered } from './flip.ts'

export interface Recovered {
  readonly change: string
  /** `kept`: somebody else's writes stopped an undo; the change stands. */
  readonly outcome: 'undone' | 'held' | 'kept'
  /** `overdue`: it was not confirmed in time. `over`: it was temporary. */
  readonly why: 'interrupted' | 'overdue' | 'over'
}

const interrupted: FaultData = {
  code: 'apply.interrupted',
  class: 'outcome-unknown',
  summary: 'The change was interrupted before it was committed.',
  detail: '',
  hint: 'It was turned back; apply it again.',
}

/** Settles every unfinished change of the stack, oldest first. Held ones wait for a person. */
export async function recoverStack(writable: Writable): Promise<readonly Recovered[]> {
  const { ports } = writable
  const log = collectLog()
  await closeDeadWorlds(ports, ports.stack, log.add)
  const state = await writable.state()
  const results: Recovered[] = []
  for (const id of state.order) {
    const change = state.changes[id]
    if (change === undefined) continue
    const unfinished = change.phase === 'applying' || change.phase === 'undoing' || change.turning !== null || isRedoing(change)
    if (!unfinished || change.phase === 'held') continue
    ports.emit('recover.started', { change: id }, { phase: change.phase })
    const outcome = await recoverChange(writable, state, change)
    ports.emit('recover.finished', { change: id }, { outcome })
    results.push({ change: id, outcome, why: 'interrupted' })
  }
  return results
}

/** Turned forward again, and not yet said to be the next revision. What has no way back stays forward. */
function isRedoing({ phase, undoneRevision, steps }: ChangeState): boolean {
  return (
    phase === 'undone' &&
    undoneRevision !== null &&
    Object.values(steps).some(({ side, prepared }) => side === 'after' && prepared?.reversal !== 'none')
  )
}

async function recoverChange(writable: Writable, state: StackState, change: ChangeState): Promise<Recovered['outcome']> {
  const plan = await artefactOf(writable.ports.store, 'plan', change.plan)
  const log = collectLog()
  const run = primaryRun(writable, plan, change.change, log.add, change)
  const head = await headRevision(writable.ports.store, state)
  // It was a revision already: an undo of it, or a redo, was under way. Either ends on back.
  if (change.revision !== null && head !== null) {
    const wanted = await revisionNumbered(writable, state, plan.base)
    if (change.phase === 'undone') {
      const { refused } = await turnBack(run, plan.waves.flat())
      if (refused.length === 0) return 'undone'
      const why = `an interrupted redo could not be turned back: ${refused.map(({ step }) => step).join(', ')}`
      await writable.journal.append([{ type: 'change.held', change: change.change, why, faults: refused.map(({ fault }) => fault) }])
      return 'held'
    }
    const started = writable.ports.clock.monotonic()
    const done = await performFlip(
      writable,
      { change, plan, to: 'before', run, rows: log.rows },
      head,
      wanted,
      'an interrupted undo goes on',
      started,
      change.undoMessage,
    )
    return done.ok ? 'undone' : done.outcome
  }
  const result = await settle(writable, verifyRun, run, change, interrupted, true, log.rows())
  return result.outcome === 'held' ? 'held' : 'undone'
}
