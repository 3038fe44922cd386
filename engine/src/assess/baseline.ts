// Owns: what the stack's own history says: how many changes there were, which resources they touched, which were undone.
// Never: counts a change that never became a revision.
import { artefactOf } from '../journal/load-stack.ts'
import type { StackState } from '../model/journal.ts'
import type { Store } from '../store/store.ts'
import type { Baseline } from './risk.ts'

const CHANGES_MAX = 200 // the newest; older ones say little about the stack as it is now

export async function baselineOf(store: Store, state: StackState): Promise<Baseline> {
  const byResource: Record<string, { changes: number; undone: number }> = {}
  let changes = 0
  let undone = 0
  for (const id of state.order.slice(-CHANGES_MAX)) {
    const change = state.changes[id]
    if (change === undefined || change.revision === null) continue
    const { steps, goal } = await artefactOf(store, 'plan', change.plan)
    if (goal === 'undo') continue
    const back = change.phase === 'undone' || change.undoing !== null ? 1 : 0
    changes += 1
    undone += back
    for (const { resource } of steps) {
      const row = byResource[resource] ?? { changes: 0, undone: 0 }
      byResource[resource] = { changes: row.changes + 1, undone: row.undone + back }
    }
  }
  return { changes, undone, byResource }
}
