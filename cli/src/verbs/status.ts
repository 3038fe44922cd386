// Owns: `status`: what is live, what can be undone, how, how fast, and until when (L14).
// Never: reads more than it says.
import { faultOf } from '@understudy/contract'
import {
  askKeeper,
  endedResources,
  headRevision,
  liesAside,
  loadStack,
  overdueChange,
  recover,
  undoAhead,
  watchedChange,
} from '@understudy/engine'
import type { ChangeState, Holder, Ports, Recovered, Revision, StackState, UndoAhead } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { duration } from '../render/amounts.ts'
import { oneLine } from '../render/renderer.ts'
import { saidOf } from './history.ts'
import { asideText } from '../render/aside-text.ts'
import { lastingText } from '../render/lasting-text.ts'
import { settledText } from '../render/settled-text.ts'

export function statusVerb(context: Context): Promise<Exit> {
  return context.withStore(async ({ ports, session, stack }) => {
    const settled = overdueChange(await loadStack(ports.store, stack), ports) === null ? [] : await settle(ports)
    const state = await loadStack(ports.store, stack)
    const head = await headRevision(ports.store, state)
    const lease = await ports.store.leaseOf(stack)
    const holder = lease === null || ports.gone(lease.holder) ? null : lease.holder
    const keeper = await askKeeper(session.dir, '/')
    const live = state.revisions.at(-1)
    const watched = watchedChange(state, Date.now())
    const undo = await undoAhead(ports, state)
    const ended = await endedResources(ports)
    const unknown = Object.entries(head?.resources ?? {}).flatMap(([name, { kind }]) => (ports.kinds.has(kind) ? [] : [{ name, kind }]))
    const aside = await liesAside(ports, head)
    const open = Object.values(state.changes).filter(({ phase }) => phase === 'applying' || phase === 'undoing' || phase === 'held')
    const data = {
      stack,
      revision: live ?? null,
      resources: Object.entries(head?.resources ?? {}).map(([name, { kind, out }]) => ({ name, kind, out })),
      ended,
      unknown,
      undo,
      aside,
      watch: watched?.watch ?? null,
      confirmBy: watched?.confirmBy ?? null,
      lastsUntil: watched?.lastsUntil ?? null,
      settled,
      open: open.map(({ change: id, phase, why, faults }) => ({ change: id, phase, why, faults })),
      holder,
      keeper,
    }
    context.renderer.result('status', data, () =>
      [
        ...settledText(settled),
        text(stack, state, head, ended, undo, open, holder),
        ...(unknown.length === 0 ? [] : [unknownText(unknown, ports.unusable)]),
        ...asideText(aside),
        ...watchText(watched, overdueChange(state, ports) !== null, keeper !== null),
      ].join('\n'),
    )
    return open.some(({ phase }) => phase === 'held') ? 'held' : 'ok'
  })
}

/** Of these nothing is known, nor can they be undone. */
function unknownText(unknown: readonly { readonly name: string; readonly kind: string }[], unusable: Ports['unusable']): string {
  const packages = Object.entries(unusable).map(([name, why]) => `package ${name}: ${oneLine(why)}`)
  const why = packages.length === 0 ? 'no package that is named brings it' : packages.join('; ')
  return `NOT KNOWN: ${unknown.map(({ name, kind }) => `${name} (${kind})`).join(', ')}; ${why}`
}

/** Nobody undid it in time: this is done now (L8). Nothing where somebody else is doing it. */
async function settle(ports: Ports): Promise<readonly Recovered[]> {
  try {
    return await recover(ports)
  } catch (thrown) {
    if (faultOf(thrown).code === 'lease.held') return []
    throw thrown
  }
}

function byText({ who, message }: ReturnType<typeof saidOf>): string {
  return `${who === '' ? '' : `, by ${oneLine(who)}`}${message === '' ? '' : `: ${oneLine(message)}`}`
}

function watchText(change: ChangeState | null, overdue: boolean, kept: boolean): readonly string[] {
  if (change === null) return []
  const lines = [...lastingText(change, overdue)]
  const { watch } = change
  if (watch !== null && watch.until > Date.now())
    lines.push(`guarded until ${new Date(watch.until).toISOString()}: ${watch.resources.join(', ')}`)
  return kept ? lines : [...lines, 'no keeper ran to see to it; it is started now']
}

function undoText({ how, oneWay, losses, forecastMs }: UndoAhead): readonly string[] {
  const time = forecastMs === null ? '' : `, ${duration(forecastMs.low)} to ${duration(forecastMs.high)}`
  const options = oneWay.map((name) => `--accept-irreversible ${name}`).join(' ')
  const none = oneWay.length === 0 ? [] : [`no way back: ${oneWay.join(', ')}; \`rollback ${options}\` leaves that as it is`]
  const lost = losses.map((loss) => `  it would lose, as accepted: ${oneLine(loss)}`)
  const kept = how === 'flip' ? ', kept until the next change; after that by a compiled undo' : ''
  return how === 'none' ? none : [`undo: ${how}${time}${kept}`, ...lost, ...none]
}

function text(
  stack: string,
  state: StackState,
  head: Revision | null,
  ended: readonly string[],
  undo: UndoAhead | null,
  open: readonly ChangeState[],
  holder: Holder | null,
): string {
  const live = state.revisions.at(-1)
  const lines = [
    live === undefined
      ? `${stack}: nothing was applied yet`
      : `${stack}: revision ${live.n} (${live.how}), ${new Date(live.at).toISOString()}${byText(saidOf(state, live))}`,
  ]
  for (const [name, { kind, out }] of Object.entries(head?.resources ?? {}))
    lines.push(`  ${name.padEnd(14)} ${kind.padEnd(16)} ${oneLine(JSON.stringify(out))}`)
  if (ended.length > 0)
    lines.push(`DOWN: ${ended.join(', ')}; \`understudy recover\` starts again what has ended, where it was, or says why not`)
  if (undo !== null) lines.push(...undoText(undo))
  if (holder !== null)
    lines.push(`under way: ${holder.doing}, by ${oneLine(holder.who)} on ${holder.host}, pid ${holder.pid}; what follows may be half of it`)
  for (const { change: id, phase, why, faults } of open) {
    lines.push(`${phase.toUpperCase()}: change ${id}${why === '' ? '' : `: ${oneLine(why)}`}`)
    for (const fault of faults) lines.push(`  ${fault.code}: ${oneLine(fault.summary)} ${oneLine(fault.detail)}`)
    if (holder !== null) continue // whoever is at it ends it, or leaves it to the next
    lines.push(
      phase === 'held'
        ? '  decide: understudy recover --resume | --skip NAME | --force NAME | --abandon'
        : '  settle it: understudy recover',
    )
  }
  return lines.join('\n')
}
