// Owns: what a stack file that is a module finds: `understudy` to import wherever it lies, and a standard output that is
// ours; and what becomes of one that never finishes.
// Never: loads it.
import { registerHooks } from 'node:module'
import { Fault } from '@understudy/contract'
import { orNever } from './alive.ts'
import { standardOutput } from './render/renderer.ts'

let ready = false

/** Reads something that may import a module of the user's. What that prints goes to standard error. */
export function withModules<T>(file: string, read: () => Promise<T>): Promise<T> {
  if (!/\.[cm]?[jt]s$/.test(file)) return read()
  if (!ready) {
    ready = true
    const url = ownUrl()
    registerHooks({
      resolve: (specifier, context, next) => (specifier === 'understudy' ? { url, shortCircuit: true } : next(specifier, context)),
    })
    standardOutput()
    process.stdout.write = process.stderr.write.bind(process.stderr)
  }
  const never = (): Fault =>
    new Fault({
      code: 'intent.module-failed',
      class: 'invalid',
      summary: 'The module could not be loaded.',
      detail: `${file}: it waits for something that never comes`,
      hint: 'An `await` in it, or the promise that its function gives, never settles.',
    })
  return orNever(read(), never)
}

/** Beside the bundle it is a file of its own; in a checkout the source. */
function ownUrl(): string {
  const here = import.meta.url
  if (here.endsWith('.ts')) return new URL('./index.ts', here).href
  return new URL(new URL('.', here).pathname.endsWith('/chunks/') ? '../index.js' : './index.js', here).href
}
