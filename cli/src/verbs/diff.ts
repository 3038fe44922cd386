// Owns: `diff`: two revisions, or a revision and what is live, as text where there is text.
// Never: shows a secret: states hold only its label.
import { Fault } from '@understudy/contract'
import { artefactIfKept, artefactOf, diffRevisions, headRevision, liveRevision, loadStack } from '@understudy/engine'
import type { ResourceDifference, Revision, StackState } from '@understudy/engine'
import { createTwoFilesPatch } from 'diff'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { oneLine, printable } from '../render/renderer.ts'

const SECRETS_OF_MAX = 200 // revisions whose secrets are known by heart

export function diffVerb(context: Context, values: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const state = await loadStack(ports.store, stack)
    const revision = async (n: string): Promise<Revision> => artefactOf(ports.store, 'revision', rowOf(state, n).digest)
    const head = await headRevision(ports.store, state)
    const [first, second] = args
    if (head === null) throw none('nothing was applied yet')
    const a = first === undefined ? head : await revision(first)
    const b = second === undefined ? await liveRevision(ports, head) : await revision(second)
    const digests = [...new Set(state.revisions.slice(-SECRETS_OF_MAX).map(({ digest }) => digest))]
    const others = await Promise.all(digests.map((digest) => artefactIfKept(ports.store, 'revision', digest)))
    const rows = await diffRevisions(
      ports,
      a,
      b,
      second === undefined,
      others.filter((one) => one !== null),
    )
    context.renderer.result(
      'diff',
      { from: a.n, to: second === undefined ? 'live' : b.n, rows },
      () => rows.map(text).join('\n') || 'No differences.',
    )
    return rows.length > 0 && values['exitCode'] === true ? 'differences' : 'ok'
  })
}

function rowOf(state: StackState, n: string) {
  const row = state.revisions.findLast((one) => String(one.n) === n)
  if (row === undefined) throw none(`revision ${JSON.stringify(n)}; there are ${state.revisions.map((one) => one.n).join(', ')}`)
  return row
}

function none(detail: string): Fault {
  return new Fault({
    code: 'rollback.no-revision',
    class: 'invalid',
    summary: 'There is no such revision.',
    detail,
    hint: '`understudy history` lists them.',
  })
}

function text({ resource, components, before, after }: ResourceDifference): string {
  if (components.length === 0) return `${resource}\n- ${printable(JSON.stringify(before))}\n+ ${printable(JSON.stringify(after))}`
  return components
    .map(({ pointer, before: was, after: is, textual }) => {
      const name = `${resource}#${oneLine(pointer)}`
      if (!textual) return `${name}: differs (not text)`
      return createTwoFilesPatch(name, name, was ?? '', is ?? '', undefined, undefined, { context: 3 })
        .split('\n')
        .slice(1)
        .map((line) => printable(line))
        .join('\n')
    })
    .join('\n')
}
