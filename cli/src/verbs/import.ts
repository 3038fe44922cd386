// Owns: `import`.
// Never: changes the thing that is taken over.
import { Fault } from '@understudy/contract'
import { collectLog, freezeIntent, headRevision, importResource, withLease } from '@understudy/engine'
import type { Context } from '../context.ts'
import { textIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'

export function importVerb(context: Context, values: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<Exit> {
  const name = args[0] ?? ''
  return context.withIntent(async ({ session, intent, ports }) => {
    const wish = intent.resources[name]
    if (wish === undefined) {
      throw new Fault({
        code: 'plan.no-resource',
        class: 'invalid',
        summary: 'The stack file has no such resource.',
        detail: JSON.stringify(name),
        hint: `It has ${Object.keys(intent.resources).join(', ')}; write it there first.`,
      })
    }
    const n = await withLease(ports, 'import', async (writable) => {
      const head = await headRevision(ports.store, await writable.state())
      const desired = await freezeIntent(
        ports,
        { ...intent, resources: { [name]: wish } },
        head,
        session.base,
        writable.epoch,
        collectLog().add,
      )
      const want = desired[name]
      if (want === undefined) throw new Error(`${name} was not frozen`)
      return importResource(writable, name, want, textIn(values, 'message') ?? '')
    })
    context.renderer.result(
      'import',
      { name, n },
      () => `${name} is looked after from now on, as it is (revision ${n}). \`understudy plan\` shows what the stack file would change.`,
    )
    return 'ok'
  })
}
