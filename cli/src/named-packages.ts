// Owns: which packages a stack file names under `providers:`, before it can be read as a whole (its kinds come from them).
// Never: complains: reading the stack file does, with line and column.
import { existsSync, readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { namedProviders } from '@understudy/engine'

export async function namedPackages(stackFile: string): Promise<readonly string[]> {
  if (!existsSync(stackFile)) return []
  try {
    if (/\.(ya?ml|json)$/.test(stackFile)) return namedProviders(readFileSync(stackFile))
    const module: unknown = await import(pathToFileURL(stackFile).href)
    const stack: unknown = typeof module === 'object' && module !== null && 'default' in module ? module.default : null
    const named: unknown = typeof stack === 'object' && stack !== null && 'providers' in stack ? stack.providers : []
    return Array.isArray(named) ? named.filter((name) => typeof name === 'string') : []
  } catch {
    return [] // it cannot be read, or the module is broken: reading the stack file says how and where
  }
}
