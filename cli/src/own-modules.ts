// Owns: what a module of the user's or a package finds under our names, wherever it lies and whatever is installed there:
// `understudy` for stack files, `@understudy/contract` for providers. Theirs is then the very copy that we use.
// Never: loads it.
import { registerHooks } from 'node:module'

let ready = false

export function offerOwnModules(): void {
  if (ready) return
  ready = true
  const own: Readonly<Record<string, string>> = { understudy: urlOf('index'), '@understudy/contract': urlOf('contract') }
  registerHooks({
    resolve(specifier, context, next) {
      const url = own[specifier]
      return url === undefined ? next(specifier, context) : { url, shortCircuit: true }
    },
  })
}

/** Beside the bundle each is a file of its own; in a checkout the source. */
function urlOf(name: 'index' | 'contract'): string {
  const here = import.meta.url
  if (here.endsWith('.ts')) return new URL(name === 'index' ? './index.ts' : '../../contract/src/index.ts', here).href
  return new URL(new URL('.', here).pathname.endsWith('/chunks/') ? `../${name}.js` : `./${name}.js`, here).href
}
