// Owns: loading the program, from source in a checkout, from the bundle in an installed package, through V8's compile
// cache: it saves stripping and compiling at each start.
// Never: keeps that cache where somebody else could put code into it (not in the shared temporary directory, and not
// in a home that belongs to another user, as `sudo` leaves it).

import { existsSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

const cache = process.env.XDG_CACHE_HOME || (process.env.HOME && join(process.env.HOME, '.cache'))
if (cache?.startsWith('/') && isOurs(cache)) enableCompileCache(join(cache, 'understudy', 'compiled'))

const source = new URL('../src/main.ts', import.meta.url)
await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href)

/** The nearest part of the path that exists belongs to this user. */
function isOurs(path) {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found) return found.uid === process.geteuid?.()
  const parent = join(path, '..')
  return parent !== path && isOurs(parent)
}
