// Owns: the kinds there are: the built-in ones, and those of packages that a stack file of the store names or has named.
// Never: loads any other package.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { kindOf } from '@understudy/engine'
import type { Kind } from '@understudy/engine'
import { builtInKinds } from './built-in-kinds.ts'
import { namedFaults } from './named-faults.ts'
import { offerOwnModules } from './own-modules.ts'
import { namedPackages, rememberedPackages } from './named-packages.ts'

export interface Loaded {
  /** Also those of packages that only an earlier stack file named: an undo carries its own tools (L3). */
  readonly kinds: readonly Kind[]
  /** Those that the stack file may use. */
  readonly named: readonly Kind[]
  /** Package that cannot be used → why. */
  readonly unusable: Readonly<Record<string, string>>
}

/** `dir` is the store's folder, where packages are remembered. Nothing is thrown for one that cannot be loaded: not every verb needs it. */
export async function loadKinds(stackFile: string, dir: string): Promise<Loaded> {
  const kinds = new Map(builtInKinds().map((kind) => [kind.kind, kind]))
  const named = await namedPackages(stackFile)
  const require = createRequire(pathToFileURL(stackFile))
  const unusable: Record<string, string> = {}
  const add = async (name: string): Promise<void> => {
    offerOwnModules()
    try {
      for (const provider of providersOf(await import(pathToFileURL(require.resolve(name)).href))) {
        const kind = namedFaults(kindOf(provider), name)
        if (kinds.has(kind.kind)) throw new Error(`it brings ${kind.kind}, which is there already`)
        kinds.set(kind.kind, kind)
      }
    } catch (thrown) {
      unusable[name] = firstLine(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }
  for (const name of named) await add(name)
  const usable = [...kinds.values()]
  for (const name of rememberedPackages(dir)) if (!named.includes(name)) await add(name)
  return { kinds: [...kinds.values()], named: usable, unusable }
}

/** Node adds where it looked from. */
function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}

type AnyProvider = Parameters<typeof kindOf>[0]

/** A package exports `provider`, or `providers` as a list. */
function providersOf(loaded: unknown): readonly AnyProvider[] {
  const found: unknown[] = []
  if (typeof loaded === 'object' && loaded !== null) {
    if ('provider' in loaded) found.push(loaded.provider)
    if ('providers' in loaded && Array.isArray(loaded.providers)) found.push(...loaded.providers)
  }
  const providers = found.filter(isProvider)
  if (providers.length === 0 || providers.length < found.length) throw new Error('it exports no `provider` and no list of `providers`')
  return providers
}

const verbs = ['prepares', 'home', 'want', 'read', 'fork', 'close', 'prepare', 'look', 'turn', 'release']

function isProvider(value: unknown): value is AnyProvider {
  if (typeof value !== 'object' || value === null) return false
  const has = (key: string, type: string): boolean => typeof Reflect.get(value, key) === type
  return has('kind', 'string') && has('version', 'number') && has('schema', 'object') && verbs.every((verb) => has(verb, 'function'))
}
