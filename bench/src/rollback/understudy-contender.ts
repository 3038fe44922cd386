// Owns: undo with Understudy, as a resident process does it: real store, lease, journal, look, turn, verification.
// Never: leaves out a part of an undo that a user would wait for.
import { join } from 'node:path'
import { apply, kindOf, loadStack, machineClock, openPorts, openSqliteStore, rollback } from '@understudy/engine'
import type { EngineEvent } from '@understudy/engine'
import { makeIntent, plainOptions, plainRequest } from '@understudy/engine/testing'
import { filesTree } from '@understudy/providers'
import type { Contender } from './contender.ts'

const STACK = 'bench'
const TIMEOUT_MS = 1_800_000 // preparing 100,000 files for the first time takes minutes on a slow disk

export interface Understudy extends Contender {
  /** Makes a folder the wanted content. Gives parts of it, ms: `discovery` (what is live, what is wanted), `prepare` beside the live tree, `turn`. */
  change(source: string): Promise<Readonly<Record<string, number>>>
  /** Takes one file back to what the first revision had, ms from the request to the verdict and its entry in the log. */
  undoFile(path: string): Promise<number>
}

export async function openUnderstudy(dir: string): Promise<Understudy> {
  const store = await openSqliteStore({ dir: join(dir, '.understudy'), clock: machineClock })
  const events: EngineEvent[] = []
  const ports = openPorts({
    stack: STACK,
    dir: join(dir, '.understudy'),
    store,
    kinds: [kindOf(filesTree)],
    onEvent: (event) => void events.push(event),
    who: 'bench',
    through: 'bench',
    signal: new AbortController().signal,
    parallelism: 2,
  })
  const between = (from: EngineEvent['type'], to: EngineEvent['type']): number =>
    (events.find(({ type }) => type === to)?.at ?? Number.NaN) - (events.find(({ type }) => type === from)?.at ?? Number.NaN)
  const back = async (to: number | null, only: string | null) => {
    events.length = 0
    const selected = only === null ? [] : [{ resource: 'tree', pointer: only }]
    const request = {
      to,
      only: selected,
      withClosure: true,
      resolve: null,
      acceptLoss: [],
      acceptIrreversible: [],
      message: '',
      why: 'bench',
    }
    const started = performance.now()
    const result = await rollback(ports, request)
    const totalMs = performance.now() - started
    if (result.outcome !== 'undone' || !result.undoing.verified) throw new Error(`no verified undo: ${JSON.stringify(result)}`)
    return { result, totalMs }
  }
  /** What the last change's log says of the exchange itself and its syncing, ms. */
  const switchMs = async (change: string): Promise<number> => {
    const digest = (await loadStack(store, STACK)).changes[change]?.logs.at(-1)
    if (digest === undefined) throw new Error('the undo has no log')
    const calls: unknown = JSON.parse(Buffer.from(await store.objects.get(digest)).toString('utf8'))
    return rowsOf(calls)
      .filter(({ verb }) => verb === 'exchange' || verb === 'sync')
      .reduce((sum, { durationMs }) => sum + durationMs, 0)
  }
  return {
    name: 'understudy',
    live: join(dir, 'understudy-live'),
    async change(source) {
      const tree = { kind: 'files.tree', spec: { path: join(dir, 'understudy-live'), source }, timeoutMs: TIMEOUT_MS }
      const intent = makeIntent(store, STACK, { tree }, { askAt: 100, refuseAt: 100 })
      events.length = 0
      const outcome = await apply(ports, plainRequest(intent, dir), plainOptions)
      if (outcome.outcome !== 'ended' || outcome.result.outcome !== 'committed') throw new Error(`not applied: ${JSON.stringify(outcome)}`)
      const { prepareMs, turnMs } = outcome.result.receipt
      return { discovery: between('plan.started', 'plan.made'), prepare: prepareMs, turn: turnMs }
    },
    async undo() {
      const { result, totalMs } = await back(null, null)
      if (result.how !== 'flip') throw new Error(`the undo was ${result.how}, not a flip`)
      const { switchMs: ms } = result.undoing
      return { ms, parts: { switch: await switchMs(result.change), verify: totalMs - ms } }
    },
    async redo() {
      const { revisions } = await loadStack(store, STACK)
      await back((revisions.at(-1)?.n ?? 0) - 1, null)
    },
    async undoFile(path) {
      const { result, totalMs } = await back(1, `/files/${path.replaceAll('/', '~1')}`)
      if (result.how !== 'flip') throw new Error(`the undo of one file was ${result.how}, not a flip`)
      return totalMs
    },
    close: () => store.close(),
  }
}

function rowsOf(calls: unknown): readonly { readonly verb: string; readonly durationMs: number }[] {
  if (!Array.isArray(calls)) return []
  const all: readonly unknown[] = calls
  return all.flatMap((call) => {
    const rows: unknown = typeof call === 'object' && call !== null && 'rows' in call ? call.rows : []
    const list: readonly unknown[] = Array.isArray(rows) ? rows : []
    return list.flatMap((row) => {
      if (typeof row !== 'object' || row === null || !('verb' in row) || !('durationMs' in row)) return []
      return [{ verb: String(row.verb), durationMs: Number(row.durationMs) }]
    })
  })
}
