// Owns: `history`: revisions and changes, newest first.
// Never: hides a change that failed.
import { loadStack } from '@understudy/engine'
import type { ChangeState, StackState } from '@understudy/engine'
import type { Context } from '../context.ts'
import { numberIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { oneLine } from '../render/renderer.ts'

export function historyVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const state = await loadStack(ports.store, stack)
    const all = rowsOf(state)
    const rows = all.slice(0, numberIn(values, 'limit') ?? undefined)
    context.renderer.result(
      'history',
      { stack, rows },
      () => rows.map(line).join('\n') || (all.length === 0 ? 'Nothing was applied yet.' : ''),
    )
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
  /** Of a change that is undone by itself, until when; `lastsUntil` where it is temporary. */
  readonly confirmBy: number | null
  readonly lastsUntil: number | null
}

/** Who made a revision, and what for: an undo is said by whoever undid. */
export function saidOf({ changes }: StackState, { change: id, by, message, how }: StackState['revisions'][number]) {
  const change = changes[id]
  const author = by ?? change?.by
  const text = message === '' && change !== undefined ? (how === 'undone' && by !== null ? change.why : became(change)) : message
  return { who: author?.who ?? '', through: author?.through ?? '', message: text }
}

/** Its message, and what became of it since: what a guard said. */
function became({ message, why, phase }: ChangeState): string {
  const since = phase === 'held' || phase === 'committed' ? why : ''
  return [message, since].filter((text) => text !== '').join('; ')
}

function rowsOf(state: StackState): readonly HistoryRow[] {
  const last = state.revisions.at(-1)
  const revisions = state.revisions.map((row): HistoryRow => {
    return {
      n: row.n,
      at: row.at,
      how: row === last && state.changes[row.change]?.phase === 'held' ? 'held' : row.how,
      change: row.change,
      ...saidOf(state, row),
      live: row === last,
      ...endsOf(state.changes[row.change], row.n),
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
        ...endsOf(undefined, 0),
      },
    ]
  })
  return [...revisions, ...without].toSorted((a, b) => b.at - a.at)
}

/** Said with the revision that the change made, and as long as it waits. */
function endsOf(change: ChangeState | undefined, n: number): Pick<HistoryRow, 'confirmBy' | 'lastsUntil'> {
  const waits = change?.phase === 'committed' && change.revision === n && change.confirmBy !== null
  return waits ? { confirmBy: change.confirmBy, lastsUntil: change.lastsUntil } : { confirmBy: null, lastsUntil: null }
}

function line({ n, at, how, change, who, message, live, lastsUntil }: HistoryRow): string {
  const until = lastsUntil === null ? '' : `temporary, until ${new Date(lastsUntil).toISOString()}`
  const said = [message, until].filter((text) => text !== '').join('; ')
  const number = n === null ? '–' : String(n)
  return `${live ? '*' : ' '} ${number.padStart(4)}  ${new Date(at).toISOString()}  ${how.padEnd(10)}  ${change.padEnd(16)}  ${oneLine(who).padEnd(10)}  ${oneLine(said)}`
}
