// Owns: `output`.
// Never: prints more than the value where one is asked for, so that scripts can use it.
import { Fault, isObject } from '@understudy/contract'
import { headRevision, loadStack } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'

export function outputVerb(context: Context, _values: object, args: readonly string[]): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const head = await headRevision(ports.store, await loadStack(ports.store, stack))
    const outputs = Object.fromEntries(Object.entries(head?.resources ?? {}).map(([name, { out }]) => [name, out]))
    const [asked] = args
    if (asked === undefined) {
      context.renderer.result('output', { outputs }, () =>
        Object.entries(outputs)
          .flatMap(([name, out]) =>
            isObject(out) ? Object.entries(out).map(([key, value]) => `${name}.${key} = ${JSON.stringify(value)}`) : [],
          )
          .join('\n'),
      )
      return 'ok'
    }
    const [name = '', key] = asked.split('.')
    const out = outputs[name]
    const value = key === undefined ? out : isObject(out) ? out[key] : undefined
    if (value === undefined) {
      const known = Object.entries(outputs).flatMap(([resource, all]) =>
        isObject(all) ? Object.keys(all).map((one) => `${resource}.${one}`) : [],
      )
      throw new Fault({
        code: 'show.none',
        class: 'invalid',
        summary: 'There is no such output.',
        detail: JSON.stringify(asked),
        hint: `There are ${known.join(', ')}.`,
      })
    }
    context.renderer.result('output', { name: asked, value }, () => (typeof value === 'string' ? value : JSON.stringify(value)))
    return 'ok'
  })
}
