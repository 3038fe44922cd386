// Owns: `tombstone list` and `tombstone lift`.
// Never: lifts more than was asked for.
import { Fault } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import { artefactOf, loadStack, withLease } from '@understudy/engine'
import type { Ports, StackState } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { oneLine } from '../render/renderer.ts'

export function tombstoneListVerb(context: Context): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const state = await loadStack(ports.store, stack)
    const rows = await Promise.all(rowsOf(state).map(async (row) => ({ ...row, resources: await resourcesOf(ports, state, row.change) })))
    context.renderer.result('tombstone', { rows }, () => rows.map(text).join('\n') || 'No tombstones.')
    return 'ok'
  })
}

export function tombstoneLiftVerb(context: Context, _values: object, args: readonly string[]): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const rows = rowsOf(await loadStack(ports.store, stack))
    const row = args[0] === undefined ? rows.at(-1) : rows.findLast(({ change }) => change === args[0])
    if (row === undefined) {
      throw new Fault({
        code: 'show.none',
        class: 'invalid',
        summary: 'There is no such tombstone.',
        detail: args[0] ?? 'there are none',
        hint: '`understudy tombstone list` shows them.',
      })
    }
    await withLease(ports, 'tombstone', (writable) =>
      writable.journal.append([{ type: 'tombstone.lifted', content: row.content, by: ports.by }]),
    )
    context.renderer.result('tombstone', { lifted: row }, () => `What change ${row.change} made may be applied again.`)
    return 'ok'
  })
}

/** What was changed by the change that was undone. */
async function resourcesOf({ store }: Pick<Ports, 'store'>, { changes }: StackState, id: string): Promise<readonly string[]> {
  const change = changes[id]
  return change === undefined ? [] : (await artefactOf(store, 'plan', change.plan)).steps.map(({ name }) => name)
}

function text({ change, at, resources, message }: Row & { readonly resources: readonly string[] }): string {
  return `${change}  ${new Date(at).toISOString()}  ${resources.map((name) => oneLine(name)).join(', ')}${message === '' ? '' : `: ${oneLine(message)}`}`
}

interface Row {
  readonly content: Digest
  readonly change: string
  readonly message: string
  readonly at: number
}

function rowsOf(state: StackState): readonly Row[] {
  return Object.entries(state.tombstones)
    .map(([content, change]) => ({
      content: digestOf(content),
      change,
      message: state.changes[change]?.message ?? '',
      at: state.changes[change]?.endedAt ?? 0,
    }))
    .toSorted((a, b) => a.at - b.at)
}

function digestOf(text: string): Digest {
  return `h:${text.replace(/^h:/, '')}`
}
