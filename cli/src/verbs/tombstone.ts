// Owns: `tombstone list` and `tombstone lift`.
// Never: lifts more than was asked for.
import { Fault } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import { loadStack, withLease } from '@understudy/engine'
import type { StackState } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { printable } from '../render/renderer.ts'

export function tombstoneListVerb(context: Context): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const state = await loadStack(ports.store, stack)
    const rows = rowsOf(state)
    context.renderer.result(
      'tombstones',
      { rows },
      () =>
        rows.map(({ change, message, at }) => `${change}  ${new Date(at).toISOString()}  ${printable(message)}`).join('\n') ||
        'No tombstones.',
    )
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

function rowsOf(
  state: StackState,
): readonly { readonly content: Digest; readonly change: string; readonly message: string; readonly at: number }[] {
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
