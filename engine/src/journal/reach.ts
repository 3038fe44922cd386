// Owns: what lies below an object of the store, and what of it is gone or damaged. Content is read once.
// Never: knows a kind: whatever an object names by its digest, in JSON, belongs to it. Holds no content, one name per object.
import { faultOf, isDigest, isObject } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { Store } from '../store/store.ts'

export interface Bad {
  readonly digest: Digest
  readonly why: 'gone' | 'damaged'
}

export interface Reach {
  /** All that is bad in an object and in what it names, however deep. */
  below(digest: Digest): Promise<readonly Bad[]>
  /** What is bad in an object itself: of an artefact, which names much that is not kept. */
  self(digest: Digest): Promise<readonly Bad[]>
  /** The value of an object that is JSON; null where it is none, or bad. */
  value(digest: Digest): Promise<unknown>
  /** Objects looked at so far, and what is bad of them. */
  readonly seen: ReadonlyMap<Digest, readonly Bad[]>
}

const JSON_BYTES_MAX = 64 << 20 // a plan of some ten thousand resources; what is bigger is nobody's list of names
const none: readonly Bad[] = []

export function openReach({ objects }: Pick<Store, 'objects'>): Reach {
  const seen = new Map<Digest, readonly Bad[]>()

  async function look(digest: Digest): Promise<{ readonly bad: Bad | null; readonly value: unknown }> {
    try {
      const found = await objects.check(digest)
      if (found === null) return { bad: { digest, why: 'gone' }, value: null }
      const { first, bytes } = found
      const maybe = (first[0] === 0x7b || first[0] === 0x5b) && bytes <= JSON_BYTES_MAX // { or [
      return { bad: null, value: maybe ? parsed(first.length === bytes ? first : await objects.get(digest)) : null }
    } catch (thrown) {
      if (faultOf(thrown).code !== 'store.damaged') throw thrown
      return { bad: { digest, why: 'damaged' }, value: null }
    }
  }

  async function below(digest: Digest): Promise<readonly Bad[]> {
    const known = seen.get(digest)
    if (known !== undefined) return known
    seen.set(digest, none)
    const { bad, value } = await look(digest)
    const all = bad === null ? await badIn(digestsIn(value), { below }) : [bad]
    seen.set(digest, all)
    return all
  }

  return {
    seen,
    below,
    async self(digest) {
      const { bad } = await look(digest)
      const all = bad === null ? none : [bad]
      if (!seen.has(digest)) seen.set(digest, all)
      return all
    },
    value: async (digest) => (await look(digest)).value,
  }
}

/** What is bad in any of them, each named once. */
export async function badIn(digests: Iterable<Digest>, reach: Pick<Reach, 'below'>): Promise<readonly Bad[]> {
  const all = new Map<Digest, Bad>()
  for (const digest of digests) for (const bad of await reach.below(digest)) all.set(bad.digest, bad)
  return all.size === 0 ? none : [...all.values()]
}

/** All digests in a JSON value, keys not counted. */
export function digestsIn(value: unknown): ReadonlySet<Digest> {
  const found = new Set<Digest>()
  const todo: unknown[] = [value]
  while (todo.length > 0) {
    const next = todo.pop()
    if (isDigest(next)) found.add(next)
    else if (Array.isArray(next)) for (const item of next) todo.push(item)
    else if (isObject(next)) for (const member of Object.values(next)) todo.push(member)
  }
  return found
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    return null // content of somebody's that only begins like JSON
  }
}
