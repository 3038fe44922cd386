// Owns: the kinds there are: the built-in ones, and those of packages that the stack file names.
// Never: loads a package that the stack file does not name.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Fault } from '@understudy/contract'
import { kindOf } from '@understudy/engine'
import type { Kind } from '@understudy/engine'
import { builtInKinds } from './built-in-kinds.ts'
import { namedFaults } from './named-faults.ts'
import { namedPackages } from './named-packages.ts'

export async function loadKinds(stackFile: string): Promise<readonly Kind[]> {
  const kinds = new Map(builtInKinds().map((kind) => [kind.kind, kind]))
  const named = await namedPackages(stackFile)
  const require = createRequire(pathToFileURL(stackFile))
  for (const name of named) {
    for (const provider of providersOf(name, await load(require, name))) {
      const kind = namedFaults(kindOf(provider), name)
      if (kinds.has(kind.kind)) throw unusable(name, `it brings ${kind.kind}, which is there already`)
      kinds.set(kind.kind, kind)
    }
  }
  return [...kinds.values()]
}

async function load(require: NodeJS.Require, name: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(require.resolve(name)).href)
  } catch (thrown) {
    throw unusable(name, thrown instanceof Error ? thrown.message : String(thrown))
  }
}

type AnyProvider = Parameters<typeof kindOf>[0]

/** A package exports `provider`, or `providers` as a list. */
function providersOf(name: string, loaded: unknown): readonly AnyProvider[] {
  const found: unknown[] = []
  if (typeof loaded === 'object' && loaded !== null) {
    if ('provider' in loaded) found.push(loaded.provider)
    if ('providers' in loaded && Array.isArray(loaded.providers)) found.push(...loaded.providers)
  }
  const providers = found.filter(isProvider)
  if (providers.length === 0 || providers.length < found.length) throw unusable(name, 'it exports no `provider` and no list of `providers`')
  return providers
}

const verbs = ['prepares', 'home', 'want', 'read', 'fork', 'close', 'prepare', 'look', 'turn', 'release']

function isProvider(value: unknown): value is AnyProvider {
  if (typeof value !== 'object' || value === null) return false
  const has = (key: string, type: string): boolean => typeof Reflect.get(value, key) === type
  return has('kind', 'string') && has('version', 'number') && has('schema', 'object') && verbs.every((verb) => has(verb, 'function'))
}

function unusable(name: string, detail: string): Fault {
  return new Fault({
    code: 'kind.no-package',
    class: 'invalid',
    summary: 'A package with providers cannot be used.',
    detail: `${name}: ${detail}`,
    hint: 'Install it beside the stack file (npm install), or correct its name under `providers:`.',
  })
}
