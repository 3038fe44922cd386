// Owns: `forget`.
// Never: changes the thing that is forgotten.
import { forgetResource, withLease } from '@understudy/engine'
import type { Context } from '../context.ts'
import { textIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'

export function forgetVerb(context: Context, values: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<Exit> {
  const name = args[0] ?? ''
  return context.withStore(async ({ ports }) => {
    const n = await withLease(ports, 'forget', (writable) => forgetResource(writable, name, textIn(values, 'message') ?? ''))
    context.renderer.result(
      'forget',
      { name, n },
      () =>
        `${name} is no longer looked after (revision ${n}); it stays as it is. Take it out of the stack file, or the next apply takes it over again.`,
    )
    return 'ok'
  })
}
