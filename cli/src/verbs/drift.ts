// Owns: `drift`: what changed outside; taking it over or putting it back.
// Never: both at once.
import { Fault } from '@understudy/contract'
import { acceptDrift, findDrift, headRevision, loadStack, revertDrift, withLease } from '@understudy/engine'
import type { ChangeRow } from '@understudy/engine'
import type { Context } from '../context.ts'
import { textIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { oneLine } from '../render/renderer.ts'

export function driftVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  if (values['accept'] === true && values['revert'] === true) {
    throw new Fault({
      code: 'cli.both',
      class: 'invalid',
      summary: 'Drift is either taken over or put back.',
      detail: '--accept and --revert',
      hint: 'Say one of them.',
    })
  }
  const message = textIn(values, 'message') ?? ''
  return context.withStore(async ({ ports, stack }) => {
    const head = await headRevision(ports.store, await loadStack(ports.store, stack))
    const rows = head === null ? [] : await findDrift(ports, head)
    const drifted = rows.filter((row) => row.drifted)
    if (drifted.length > 0 && values['accept'] === true) {
      const n = await withLease(ports, 'drift', (writable) => acceptDrift(writable, rows, message))
      context.renderer.result('drift', { rows, accepted: n }, () => `Taken over as revision ${n ?? '?'}: ${names(drifted)}.`)
      return 'ok'
    }
    if (drifted.length > 0 && values['revert'] === true) {
      const result = await revertDrift(
        ports,
        drifted.map(({ resource }) => resource),
        message,
      )
      context.renderer.result('drift', { rows, reverted: result }, () =>
        result.outcome === 'undone'
          ? `Put back as revision ${result.n}, verified: ${names(drifted)}.`
          : `Not put back: ${result.outcome}${'text' in result ? `: ${result.text}` : ''}.`,
      )
      return result.outcome === 'undone' || result.outcome === 'nothing' ? 'ok' : result.outcome === 'refused' ? 'refused' : 'failed'
    }
    context.renderer.result('drift', { rows }, () => (drifted.length === 0 ? 'No drift.' : drifted.map(text).join('\n')))
    return drifted.length > 0 && values['exitCode'] === true ? 'differences' : 'ok'
  })
}

function names(rows: readonly ChangeRow[]): string {
  return rows.map(({ resource }) => resource).join(', ')
}

function text({ resource, live, pointers, saved }: ChangeRow): string {
  if (live === null) return `${resource}: gone`
  if (pointers.length > 0) return `${resource}: ${pointers.map((pointer) => oneLine(pointer)).join(', ')}`
  return `${resource}\n  saved ${oneLine(JSON.stringify(saved))}\n  live  ${oneLine(JSON.stringify(live.state))}`
}
