// Owns: `show`: one revision, one change, or one resource with its components.
// Never: shows a secret: states hold only its label.
import { Fault } from '@understudy/contract'
import { artefactOf, componentsOf, headRevision, loadStack, overdueChange, watchedChange } from '@understudy/engine'
import type { Assessment, ChangeState, Undoing } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { duration } from '../render/amounts.ts'
import { planText } from '../render/plan-text.ts'
import { oneLine } from '../render/renderer.ts'
import { lastingText } from '../render/lasting-text.ts'
import { saidOf } from './history.ts'

export function showVerb(context: Context, _values: object, args: readonly string[]): Promise<Exit> {
  const what = args[0] ?? ''
  return context.withStore(async ({ ports, stack }) => {
    const { store } = ports
    const state = await loadStack(store, stack)
    const watched = watchedChange(state, Date.now())
    const overdue = overdueChange(state, ports) !== null
    const lasting = (of: ChangeState | null): readonly string[] => lastingText(of, overdue).map((text) => `  ${text}`)
    const row = state.revisions.findLast(({ n }) => String(n) === what)
    const change = state.changes[what]
    if (row !== undefined) {
      const revision = await artefactOf(store, 'revision', row.digest)
      const { who, through, message } = saidOf(state, row)
      const ends = watched?.change === row.change && watched.revision === row.n ? watched : null
      const { confirmBy = null, lastsUntil = null } = ends ?? {}
      context.renderer.result(
        'show',
        { of: 'revision', revision, at: row.at, how: row.how, who, through, message, confirmBy, lastsUntil },
        () =>
          [
            `revision ${row.n} (${row.how}) ${new Date(row.at).toISOString()} by ${oneLine(who)}${message === '' ? '' : `: ${oneLine(message)}`}`,
            ...lasting(ends),
            ...Object.entries(revision.resources).map(
              ([name, held]) => `  ${name.padEnd(14)} ${held.kind.padEnd(16)} ${oneLine(JSON.stringify(held.state))}`,
            ),
          ].join('\n'),
      )
      return 'ok'
    }
    if (change !== undefined) {
      const plan = await artefactOf(store, 'plan', change.plan)
      const rehearsal = change.rehearsal === null ? null : await artefactOf(store, 'rehearsal', change.rehearsal)
      const assessment = change.assessment === null ? null : await artefactOf(store, 'assessment', change.assessment)
      const undoing = change.undoing === null ? null : await artefactOf(store, 'undoing', change.undoing)
      context.renderer.result('show', { of: 'change', ...change, plan, rehearsal, assessment, undone: undoing }, () =>
        [
          `change ${change.change}: ${change.phase}, ${new Date(change.at).toISOString()} by ${oneLine(change.by.who)}${change.message === '' ? '' : `: ${oneLine(change.message)}`}`,
          ...lasting(change.change === watched?.change ? change : null),
          ...(change.why === '' ? [] : [`  ${oneLine(change.why)}`]),
          planText({ plan, rehearsal, assessment }),
          ...undoLines(assessment, undoing),
        ].join('\n'),
      )
      return 'ok'
    }
    const head = await headRevision(store, state)
    const held = head?.resources[what]
    if (head === null || held === undefined) {
      throw new Fault({
        code: 'show.none',
        class: 'invalid',
        summary: 'There is no such revision, change or resource.',
        detail: JSON.stringify(what),
        hint: `Resources: ${Object.keys(head?.resources ?? {}).join(', ')}; revisions and changes: \`understudy history\`.`,
      })
    }
    const components = await componentsOf(ports, head, what)
    context.renderer.result('show', { of: 'resource', name: what, ...held, components }, () =>
      [
        `${what} (${held.kind})`,
        `  part  ${oneLine(JSON.stringify(held.part))}`,
        `  state ${oneLine(JSON.stringify(held.state))}`,
        `  out   ${oneLine(JSON.stringify(held.out))}`,
        ...components.map((pointer) => `  ${what}#${oneLine(pointer)}`),
      ].join('\n'),
    )
    return 'ok'
  })
}

/** What was forecast of the undo, on which basis, and what it took. */
function undoLines(assessment: Assessment | null, undoing: Undoing | null): readonly string[] {
  const lines: string[] = []
  if (assessment !== null) {
    const { undoMs, basis } = assessment.forecast
    lines.push(`  undo forecast: ${duration(undoMs.low)} to ${duration(undoMs.high)}; ${basis}`)
  }
  if (undoing !== null && undoing.totalMs !== undefined && undoing.how !== 'nothing')
    lines.push(`  undo took: ${duration(undoing.totalMs)} (${undoing.how})`)
  return lines
}
