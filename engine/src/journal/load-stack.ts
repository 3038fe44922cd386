// Owns: reading a stack's log into its state, and artefacts by digest.
// Never: writes.
import { canonical, Fault, faultOf, isObject } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { JournalEntry, StackState } from '../model/journal.ts'
import { jsonOf } from '../model/json-of.ts'
import type { Plan, Revision } from '../model/plan.ts'
import type { Assessment, Receipt, Rehearsal, Undoing, Verdict } from '../model/artefacts.ts'
import type { Intent } from '../model/intent.ts'
import type { Store } from '../store/store.ts'
import { emptyStack, foldEntry } from './fold.ts'

const PAGE = 1_000 // entries read at once

/** A fold so far, and the hash of the entry it ends with. */
interface Folded {
  readonly state: StackState
  readonly hash: string
}

/** What a store's handle has folded already: a log only grows, so a resident process folds each entry once. */
const folds = new WeakMap<Store, Map<string, Folded>>()

export async function loadStack(store: Store, stack: string): Promise<StackState> {
  const known = folds.get(store) ?? new Map<string, Folded>()
  folds.set(store, known)
  const last = known.get(stack) ?? null
  const folded = (last === null ? null : await foldOn(store, stack, last)) ?? (await foldOn(store, stack, null))
  if (folded === null) return emptyStack(stack)
  known.set(stack, folded)
  return folded.state
}

/** Null where the log does not go on from there (another log was put in its place), or is empty. */
async function foldOn(store: Store, stack: string, from: Folded | null): Promise<Folded | null> {
  let folded = from
  for (;;) {
    const state = folded?.state ?? emptyStack(stack)
    const entries = await store.entries(stack, state.seq, PAGE)
    if (from !== null && folded === from && (entries[0]?.prev ?? (await store.head(stack)).hash) !== from.hash) return null
    folded = entries.reduce<Folded | null>((sum, { seq, at, hash, body }) => {
      if (!isEntry(body)) throw unreadable(`entry ${seq} of ${stack}`)
      return { state: foldEntry(sum?.state ?? state, seq, at, body), hash }
    }, folded)
    if (entries.length < PAGE) return folded
  }
}

/** What the chain of hashes has verified only lacks its type: entries are written by this engine alone. */
function isEntry(body: unknown): body is JournalEntry {
  return isObject(body) && typeof body['type'] === 'string'
}

export type Artefact = Intent | Plan | Rehearsal | Assessment | Receipt | Verdict | Undoing | Revision

/** Keeps an artefact; its digest is its name. */
export function keepArtefact(store: Store, artefact: Artefact): Promise<Digest> {
  return store.objects.put(Buffer.from(canonical(jsonOf(artefact))))
}

/** An artefact of one kind by its digest; the content is verified by the store. */
export async function artefactOf<K extends Artefact['artefact']>(
  store: Store,
  kind: K,
  digest: Digest,
): Promise<Extract<Artefact, { artefact: K }>> {
  const value: unknown = JSON.parse(Buffer.from(await store.objects.get(digest)).toString('utf8'))
  if (isArtefact(value, kind)) return value
  throw unreadable(`${kind} ${digest}`)
}

/** Null where it is gone or damaged: for who can do without it. */
export async function artefactIfKept<K extends Artefact['artefact']>(
  store: Store,
  kind: K,
  digest: Digest,
): Promise<Extract<Artefact, { artefact: K }> | null> {
  try {
    return await artefactOf(store, kind, digest)
  } catch (thrown) {
    const { code } = faultOf(thrown)
    if (code === 'store.missing' || code === 'store.damaged') return null
    throw thrown
  }
}

function isArtefact<K extends Artefact['artefact']>(value: unknown, kind: K): value is Extract<Artefact, { artefact: K }> {
  return isObject(value) && value['artefact'] === kind
}

/** The revision that is live, or null for a stack that has none. */
export async function headRevision(store: Store, state: StackState): Promise<Revision | null> {
  const head = state.revisions.at(-1)
  return head === undefined ? null : artefactOf(store, 'revision', head.digest)
}

function unreadable(what: string): Fault {
  return new Fault({
    code: 'store.unreadable',
    class: 'invalid',
    summary: 'The store holds something that this version cannot read.',
    detail: what,
    hint: 'Use the version that wrote it. `understudy verify-store` says what can still be gone back to.',
  })
}
