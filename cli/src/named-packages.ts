// Owns: which packages a stack file names under `providers:`, before it can be read as a whole (its kinds come from them),
// and which ones the stack files of a store have named so far.
// Never: complains: reading the stack file does, with line and column.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { namedProviders, nodeSources } from '@understudy/engine'
import { withModules } from './stack-module.ts'

export async function namedPackages(stackFile: string): Promise<readonly string[]> {
  if (!existsSync(stackFile)) return []
  try {
    if (/\.(ya?ml|json)$/.test(stackFile)) return namedProviders(readFileSync(stackFile))
    // The very module that reading the stack file imports: it runs once.
    const sources = nodeSources({ seal: () => Promise.reject(new Error('nothing is sealed here')), environment: {} })
    const module = await withModules(stackFile, () => sources.importModule(stackFile))
    const stack: unknown = typeof module === 'object' && module !== null && 'default' in module ? module.default : null
    const named: unknown = typeof stack === 'object' && stack !== null && 'providers' in stack ? stack.providers : []
    return Array.isArray(named) ? named.filter((name) => typeof name === 'string') : []
  } catch {
    return [] // it cannot be read, or the module is broken: reading the stack file says how and where
  }
}

const memory = (dir: string): string => join(dir, 'packages.json')

/** What the stack files of this store have named, also where they no longer do. */
export function rememberedPackages(dir: string): readonly string[] {
  if (!existsSync(memory(dir))) return []
  const names: unknown = JSON.parse(readFileSync(memory(dir), 'utf8'))
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []
}

/** Before anything is made with them: what they make may have to be undone without the stack file. */
export function rememberPackages(dir: string, names: readonly string[]): void {
  const known = rememberedPackages(dir)
  const all = [...new Set([...known, ...names])]
  if (all.length === known.length) return
  const fresh = `${memory(dir)}.${process.pid}`
  writeFileSync(fresh, JSON.stringify(all), { mode: 0o600, flush: true })
  renameSync(fresh, memory(dir))
}
