// Owns: the whole of a store looked at: every chain with its head, every object that is kept, and whether all is there that
// going back needs.
// Never: writes, repairs, or stops at the first damage.
import { faultOf } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { Entry, Store } from '../store/store.ts'
import type { StackState } from '../model/journal.ts'
import { loadStack } from './load-stack.ts'
import { openReach } from './reach.ts'
import type { Bad } from './reach.ts'
import { judgeStack } from './judge-stack.ts'
import type { StackReport } from './judge-stack.ts'
import { openTold, tell } from './told.ts'

export interface StoreReport {
  readonly streams: readonly {
    readonly stream: string
    readonly entries: number
    /** What is wrong with it. */ readonly damage: string | null
  }[]
  /** Objects that were read, all of them. */
  readonly objects: number
  readonly damaged: readonly (Bad & {
    /** What needs it, for people; empty: nothing that the log speaks of. */ readonly usedBy: readonly string[]
  })[]
  readonly stacks: readonly StackReport[]
}

const PAGE = 500 // entries or names read at once
const NAMED_MAX = 8 // users named of one damaged object

/** Reads all of it, once; holds one name per object and no content. A damaged stream is read as far as it verifies. */
export async function verifyStore(store: Store): Promise<StoreReport> {
  const reach = openReach(store)
  const users = new Map<Digest, { readonly bad: Bad; readonly usedBy: string[] }>()
  const blame = (found: readonly Bad[], by: string | null): void => {
    for (const bad of found) {
      const known = users.get(bad.digest) ?? { bad, usedBy: [] }
      users.set(bad.digest, known)
      if (by !== null && known.usedBy.length < NAMED_MAX && !known.usedBy.includes(by)) known.usedBy.push(by)
    }
  }
  const streams: StoreReport['streams'][number][] = []
  const stacks: StackReport[] = []
  for (const stream of await store.streams('')) {
    const told = openTold(stream)
    const read = await readStream(store, stream, (entry) => tell(told, entry, reach, blame))
    const folded = stream.includes('/') || read.damage !== null ? null : await foldOf(store, stream)
    streams.push({ stream, ...read, ...(folded !== null && 'damage' in folded ? folded : {}) })
    if (stream.includes('/')) continue
    streams.push(...(await inboxOf(store, stream)))
    stacks.push(await judgeStack(told, folded === null || 'damage' in folded ? null : folded, reach, blame))
  }
  for (let after: Digest | null = null, more = true; more;) {
    const names: readonly Digest[] = await store.objects.digests(after, PAGE)
    for (const digest of names) if (!reach.seen.has(digest)) blame(await reach.self(digest), null)
    after = names.at(-1) ?? null
    more = after !== null
  }
  const { objects } = await store.objects.usage()
  return { streams, objects, damaged: [...users.values()].map(({ bad, usedBy }) => ({ ...bad, usedBy })), stacks }
}

/** What a whole chain says; a chain that verifies may hold an entry that cannot be where it is. */
async function foldOf(store: Store, stack: string): Promise<StackState | { readonly damage: string }> {
  try {
    return await loadStack(store, stack)
  } catch (thrown) {
    const { code, detail } = faultOf(thrown)
    if (code !== 'journal.illegal-entry' && code !== 'store.unreadable') throw thrown
    return { damage: `${code}: ${detail}` }
  }
}

/** After damage one entry at a time, as far as they verify. */
async function readStream(store: Store, stream: string, each: (entry: Entry) => Promise<void>) {
  let [entries, size, damage] = [0, PAGE, null as string | null]
  for (;;) {
    try {
      const page = await store.entries(stream, entries, size)
      for (const entry of page) await each(entry)
      entries += page.length
      if (page.length < size) return { entries, damage }
    } catch (thrown) {
      const { code, detail } = faultOf(thrown)
      if (code !== 'store.damaged') throw thrown
      damage ??= detail
      if (size === 1) return { entries, damage }
      size = 1
    }
  }
}

async function inboxOf(store: Store, stack: string): Promise<StoreReport['streams']> {
  let read = 0
  try {
    for (;;) {
      const { length } = await store.inbox(stack, read, PAGE)
      read += length
      if (length < PAGE) return []
    }
  } catch (thrown) {
    const { code, detail } = faultOf(thrown)
    if (code !== 'store.damaged') throw thrown
    return [{ stream: `${stack} (inbox)`, entries: read, damage: detail }]
  }
}
