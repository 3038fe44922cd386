// Owns: the kind `bad.note`: the example of docs/providers.md, but for the verb that `behave.json` beside it says.
// Never: used but as the package of a test, copied with the example into a folder of its own.
import { readFileSync } from 'node:fs'
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { provider as note } from '../../examples/provider-note/provider.ts'

/** `nothing` is undefined; `garbage` has every field that a verb may give, each with something that is no JSON. */
export type How = 'throw' | 'throw text' | 'nothing' | 'garbage' | 'hang'
export type Behaviour = { readonly verb: string; readonly how: How; readonly in: 'primary' | 'shadow' | 'both' }

const garbage = { state: () => 0, memento: 0n, out: Symbol('out'), part: new Map(), unmanaged: NaN, side: 7, standby: null, claims: 'x' }

function misbehave(verb: string, how: Json | undefined): unknown {
  switch (how) {
    case 'throw':
      throw new Error(`the ${verb} of this provider is broken`)
    case 'throw text':
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- a provider may do that too
      throw `the ${verb} of this provider is broken`
    case 'nothing':
      return undefined
    case 'hang':
      return new Promise(() => undefined)
    default:
      return garbage
  }
}

export const provider = new Proxy(note, {
  get(target, key): unknown {
    const value: unknown = Reflect.get(target, key)
    if (key === 'kind') return 'bad.note'
    if (typeof value !== 'function' || typeof key !== 'string') return value
    return (...given: readonly [Json, ...Json[]]): unknown => {
      const behaviour: Json = JSON.parse(readFileSync(new URL('behave.json', import.meta.url), 'utf8'))
      const verb = isObject(behaviour) && behaviour['verb'] === key ? behaviour : {}
      const at = key === 'fork' ? given[1] : given[0]
      const world = isObject(at) && at['world'] !== undefined ? (at['world'] === 'primary' ? 'primary' : 'shadow') : 'both'
      const meant = verb['in'] === 'both' || world === 'both' || verb['in'] === world
      return verb['verb'] === key && meant ? misbehave(key, verb['how']) : Reflect.apply(value, target, given)
    }
  },
})
