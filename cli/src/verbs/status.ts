// Owns: `status`: what is live, what can be undone, how, how fast, and until when (L14).
// Never: reads more than it says.
import { artefactOf, askKeeper, headRevision, loadStack } from '@understudy/engine'
import type { ChangeState, Revision, StackState } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { duration } from '../render/amounts.ts'
import { printable } from '../render/renderer.ts'

export function statusVerb(context: Context): Promise<Exit> {
  return context.withStore(async ({ ports, session, stack }) => {
    const state = await loadStack(ports.store, stack)
    const head = await headRevision(ports.store, state)
    const lease = await ports.store.leaseOf(stack)
    const keeper = await askKeeper(session.dir, '/')
    const live = state.revisions.at(-1)
    const change = state.changes[live?.change ?? '']
    const undo = await undoOf(ports, change)
    const open = Object.values(state.changes).filter(({ phase }) => phase === 'applying' || phase === 'undoing' || phase === 'held')
    const data = {
      stack,
      revision: live ?? null,
      resources: Object.entries(head?.resources ?? {}).map(([name, { kind, out }]) => ({ name, kind, out })),
      undo,
      watch: change?.watch ?? null,
      confirmBy: change?.confirmBy ?? null,
      open: open.map(({ change: id, phase, why, faults }) => ({ change: id, phase, why, faults })),
      holder: lease?.holder ?? null,
      keeper,
    }
    context.renderer.result('status', data, () => text(stack, state, head, change, undo, open))
    return open.some(({ phase }) => phase === 'held') ? 'held' : 'ok'
  })
}

async function undoOf(ports: Parameters<Parameters<Context['withStore']>[0]>[0]['ports'], change: ChangeState | undefined) {
  if (change === undefined || change.phase !== 'committed') return null
  const forecast = change.assessment === null ? null : (await artefactOf(ports.store, 'assessment', change.assessment)).forecast.undoMs
  return { change: change.change, how: change.downgraded ? 'compiled' : 'flip', forecastMs: forecast }
}

function text(
  stack: string,
  state: StackState,
  head: Revision | null,
  change: ChangeState | undefined,
  undo: Awaited<ReturnType<typeof undoOf>>,
  open: readonly ChangeState[],
): string {
  const live = state.revisions.at(-1)
  const lines = [
    live === undefined
      ? `${stack}: nothing was applied yet`
      : `${stack}: revision ${live.n} (${live.how}), ${new Date(live.at).toISOString()}${change === undefined ? '' : `, by ${printable(change.by.who)}${change.message === '' ? '' : `: ${printable(change.message)}`}`}`,
  ]
  for (const [name, { kind, out }] of Object.entries(head?.resources ?? {}))
    lines.push(`  ${name.padEnd(14)} ${kind.padEnd(16)} ${printable(JSON.stringify(out))}`)
  if (undo !== null)
    lines.push(
      `undo: ${undo.how}${undo.forecastMs === null ? '' : `, ≤ ${duration(undo.forecastMs.high)}`}, kept until the next change; after that by a compiled undo`,
    )
  if (change?.confirmBy !== null && change?.confirmBy !== undefined)
    lines.push(`waits to be confirmed until ${new Date(change.confirmBy).toISOString()}, then it is undone`)
  if (change?.watch) lines.push(`guarded until ${new Date(change.watch.until).toISOString()}: ${change.watch.resources.join(', ')}`)
  for (const { change: id, phase, why, faults } of open) {
    lines.push(`${phase.toUpperCase()}: change ${id}${why === '' ? '' : `: ${printable(why)}`}`)
    for (const fault of faults) lines.push(`  ${fault.code}: ${printable(fault.summary)} ${printable(fault.detail)}`)
    lines.push(
      phase === 'held'
        ? '  decide: understudy recover --resume | --skip NAME | --force NAME | --abandon'
        : '  settle it: understudy recover',
    )
  }
  return lines.join('\n')
}
