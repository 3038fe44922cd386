// Owns: sources out of memory, for tests and simulations: files, modules and environment are given.
// Never: touches the disk.
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Digest } from '@understudy/contract'
import type { Sources } from '../world/sources.ts'

export interface MemorySources extends Sources {
  /** What was sealed, as text, by digest. */
  readonly sealed: ReadonlyMap<Digest, string>
}

export interface MemoryWorld {
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly modules?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string>>
}

export function memorySources({ files = {}, modules = {}, environment = {} }: MemoryWorld): MemorySources {
  const sealed = new Map<Digest, string>()
  return {
    sealed,
    read(path) {
      const found = Object.hasOwn(modules, path) ? '// a module' : Object.hasOwn(files, path) ? files[path] : undefined
      if (found === undefined) return Promise.resolve(null)
      return Promise.resolve(typeof found === 'string' ? new TextEncoder().encode(found) : found)
    },
    resolve: (base, path) => posix.join(base, path),
    importModule: (path) => Promise.resolve(modules[path]),
    environment: (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined),
    seal(bytes) {
      const digest: Digest = `h:${createHash('sha256').update(bytes).digest('hex')}`
      sealed.set(digest, new TextDecoder().decode(bytes))
      return Promise.resolve(digest)
    },
  }
}
