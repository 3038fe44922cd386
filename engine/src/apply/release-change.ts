// Owns: letting go of what an earlier change still holds beside the live things, once it cannot be wanted any more.
// Never: begins before "from here on only a compiled undo" is durable.
import { collectLog } from '../exec/collect-log.ts'
import { begunSteps, primaryRun } from '../exec/primary-run.ts'
import { releaseSteps } from '../exec/release.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactOf } from '../journal/load-stack.ts'
import type { StackState } from '../model/journal.ts'

/** `gone`: what was deleted on purpose is let go of at once, as far as the store can bring it back (reversal `switch`). */
export async function releaseChange(writable: Writable, state: StackState, id: string, which: 'all' | 'gone' = 'all'): Promise<void> {
  const past = state.changes[id]
  if (past === undefined || past.released) return
  if (!past.downgraded) await writable.journal.append([{ type: 'change.downgraded', change: id }])
  const plan = await artefactOf(writable.ports.store, 'plan', past.plan)
  const run = primaryRun(writable, plan, id, collectLog().add, past)
  const names = begunSteps(plan, past).filter((name) => which === 'all' || past.steps[name]?.prepared?.reversal === 'switch')
  const failed = await releaseSteps(run, names)
  // What could not be dropped, or was left out, is dropped before the next change.
  if (failed.length === 0 && which === 'all') await writable.journal.append([{ type: 'change.released', change: id }])
}
