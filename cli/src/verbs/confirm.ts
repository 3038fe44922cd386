// Owns: `confirm`.
// Never: confirms anything but the change that waits.
import { loadStack, withLease } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'

export function confirmVerb(context: Context): Promise<Exit> {
  return context.withStore(async ({ ports }) => {
    const state = await loadStack(ports.store, ports.stack)
    const change = state.changes[state.revisions.at(-1)?.change ?? '']
    if (change === undefined || change.phase !== 'committed' || (change.watch === null && change.confirmBy === null)) {
      context.renderer.result('confirm', { outcome: 'nothing' }, () => 'Nothing waits to be confirmed.')
      return 'ok'
    }
    await withLease(ports, 'confirm', (writable) =>
      writable.journal.append([{ type: 'change.confirmed', change: change.change, by: ports.by }]),
    )
    context.renderer.result(
      'confirm',
      { outcome: 'confirmed', change: change.change, n: change.revision },
      () => `Confirmed: revision ${change.revision ?? '?'} stays, its guards end.`,
    )
    return 'ok'
  })
}
