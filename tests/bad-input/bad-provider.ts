// Owns: the kind `bad.note`: files.file, but for the verb that `behave.json` beside it says.
// Never: used but as the package of a test, copied into a folder of its own.
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { filesFile } from '@understudy/providers'

/** `wait`: does the right thing once somebody has written to the FIFO `gate` beside this file. `nothing` is undefined; `garbage` has every field that a verb may give, each with something that is no JSON. */
export type How = 'throw' | 'throw text' | 'nothing' | 'garbage' | 'hang' | 'wait'
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

export const provider = new Proxy(filesFile, {
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
      const behave = (): unknown => Reflect.apply(value, target, given)
      if (verb['verb'] !== key || !meant) return behave()
      return verb['how'] === 'wait' ? readFile(new URL('gate', import.meta.url)).then(behave) : misbehave(key, verb['how'])
    }
  },
})
