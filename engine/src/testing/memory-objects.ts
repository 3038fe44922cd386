// Owns: an object store in memory, for tests: same names and faults as a real one.
// Never: keeps anything longer than the test.
import { createHmac, createSecretKey, randomBytes } from 'node:crypto'
import { Fault, isDigest } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { Objects } from '../store/store.ts'

export function memoryObjects(): Omit<Objects, 'check' | 'digests'> {
  const key = createSecretKey(randomBytes(32))
  const kept = new Map<Digest, Uint8Array>()
  const name = (bytes: Uint8Array): Digest => {
    const digest = `h:${createHmac('sha256', key).update(bytes).digest('hex')}`
    if (!isDigest(digest)) throw new TypeError(`${digest} is no digest`)
    return digest
  }
  return {
    async put(bytes) {
      const digest = name(bytes)
      kept.set(digest, Uint8Array.from(bytes))
      return digest
    },
    async get(digest) {
      const bytes = kept.get(digest)
      if (bytes !== undefined) return Uint8Array.from(bytes)
      throw new Fault({
        code: 'store.missing',
        class: 'conflict',
        summary: 'The store does not have this content.',
        detail: digest,
        hint: 'It was never put, or was dropped since.',
      })
    },
    has: async (digest) => kept.has(digest),
    name,
    nameKey: key,
    flush: async () => undefined,
    async drop(digests) {
      for (const digest of digests) kept.delete(digest)
    },
    usage: async () => ({ objects: kept.size, bytes: [...kept.values()].reduce((sum, bytes) => sum + bytes.length, 0) }),
  }
}
