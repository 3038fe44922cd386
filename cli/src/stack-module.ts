// Owns: what a stack file that is a module finds: our modules to import wherever it lies, and a standard output that is
// ours; and what becomes of one that never finishes.
// Never: loads it.
import { Fault } from '@understudy/contract'
import { orNever } from './alive.ts'
import { offerOwnModules } from './own-modules.ts'
import { standardOutput } from './render/renderer.ts'

let ready = false

/** Reads something that may import a module of the user's. What that prints goes to standard error. */
export function withModules<T>(file: string, read: () => Promise<T>): Promise<T> {
  if (!/\.[cm]?[jt]s$/.test(file)) return read()
  if (!ready) {
    ready = true
    offerOwnModules()
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
