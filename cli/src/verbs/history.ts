// Owns: `history`: revisions and changes, newest first.
// Never: hides a change that failed.
import { loadStack } from '@understudy/engine'
import type { StackState } from '@understudy/engine'
import type { Context } from '../context.ts'
import { numberIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { printable } from '../render/renderer.ts'

export function historyVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const state = await loadStack(ports.store, stack)
    const rows = rowsOf(state).slice(0, numberIn(values, 'limit') ?? undefined)
    context.renderer.result('history', { stack, rows }, () => rows.map(line).join('\n') || 'Nothing was applied yet.')
    return 'ok'
  })
}

export interface HistoryRow {
  readonly n: number | null
  readonly at: number
  readonly how: string
  readonly change: string
  readonly who: string
  readonly through: string
  readonly message: string
  readonly live: boolean
}

function rowsOf(state: StackState): readonly HistoryRow[] {
  const last = state.revisions.at(-1)
  const revisions = state.revisions.map((row): HistoryRow => {
    const change = state.changes[row.change]
    return {
      n: row.n,
      at: row.at,
      how: row.how,
      change: row.change,
      who: (change ?? row).by?.who ?? '',
      through: (change ?? row).by?.through ?? '',
      message: change === undefined ? row.message : row.how === 'undone' ? change.why : change.message,
      live: row === last,
    }
  })
  const without = state.order.flatMap((id): readonly HistoryRow[] => {
    const change = state.changes[id]
    if (change === undefined || change.revision !== null) return []
    return [
      {
        n: null,
        at: change.at,
        how: change.phase === 'undone' ? 'failed, turned back' : change.phase,
        change: id,
        who: change.by.who,
        through: change.by.through,
        message: change.why === '' ? change.message : change.why,
        live: false,
      },
    ]
  })
  return [...revisions, ...without].toSorted((a, b) => b.at - a.at)
}

function line({ n, at, how, change, who, message, live }: HistoryRow): string {
  const number = n === null ? '–' : String(n)
  return `${live ? '*' : ' '} ${number.padStart(4)}  ${new Date(at).toISOString()}  ${how.padEnd(10)}  ${change.padEnd(16)}  ${printable(who).padEnd(10)}  ${printable(message)}`
}
