// Owns: a store that lives as long as its object: for tests and simulation. Same rules, same faults as on disk.
// Never: does I/O; never has randomness of its own.
import type { Digest, Json } from '@understudy/contract'
import { isDigest } from '@understudy/contract'
import type { Clock } from '../fx/recorder.ts'
import { chainOn, checkAppend, textsOf } from './append-rule.ts'
import { bodyOf, bodyText, FIRST } from './chain.ts'
import { free, renew, rowOf, take } from './lease-rule.ts'
import type { KeptLease } from './lease-rule.ts'
import { checkName, checkStack, compareNames, stackOf } from './names.ts'
import { createSealer } from './seal.ts'
import type { Entry, Message, Objects, Store } from './store.ts'
import { storeFault } from './store-fault.ts'

export interface MemoryStore extends Store {
  /** The store as it would be found after a power cut now: objects put since the last `append` or `flush` are gone. It goes on by itself. */
  cut(clock: Clock): MemoryStore
}

interface Contents {
  readonly streams: Map<string, Entry[]>
  readonly inboxes: Map<string, { readonly keys: Set<string>; readonly messages: Message[] }>
  readonly leases: Map<string, KeptLease>
  readonly objects: Map<Digest, Uint8Array>
  /** Objects that are not durable yet. */
  readonly unsynced: Map<Digest, Uint8Array>
}

/** @param options.key 32 bytes; without it a fixed one, so that digests are the same in each run. */
export function createMemoryStore({ clock, key = new Uint8Array(32) }: { readonly clock: Clock; readonly key?: Uint8Array }): MemoryStore {
  const empty = { streams: new Map(), inboxes: new Map(), leases: new Map(), objects: new Map(), unsynced: new Map() }
  return storeOf(clock, createSealer(key), empty)
}

function storeOf(clock: Clock, sealer: ReturnType<typeof createSealer>, contents: Contents): MemoryStore {
  const { streams, inboxes, leases } = contents
  let closed = false
  const open = (): void => {
    if (closed) throw storeFault('store.closed', 'memory')
  }
  const now = (): number => Math.trunc(clock.now())
  const headOf = (stream: string) => streams.get(stream)?.at(-1) ?? { seq: 0, hash: FIRST, epoch: 0 }
  const change = (stack: string, to: (kept: KeptLease | null) => KeptLease | null): boolean => {
    const next = to(leases.get(checkStack(stack)) ?? null)
    if (next !== null) leases.set(stack, next)
    return next !== null
  }
  return {
    objects: memoryObjects(sealer, contents, open),
    cut(at) {
      const boxes: Contents['inboxes'] = new Map()
      for (const [stack, { keys, messages }] of inboxes) boxes.set(stack, { keys: new Set(keys), messages: [...messages] })
      return storeOf(at, sealer, {
        streams: new Map(streams), // their entries are never changed, only replaced
        inboxes: boxes,
        leases: new Map(leases),
        objects: new Map(contents.objects),
        unsynced: new Map(),
      })
    },
    async append(stream, epoch, expectedSeq, bodies) {
      open()
      const stack = stackOf(stream)
      const texts = textsOf(bodies)
      const head = headOf(stream)
      checkAppend(stream, epoch, expectedSeq, head, leases.get(stack)?.epoch ?? 0)
      const made = chainOn(stream, epoch, now(), head, texts).map(({ entry, text }) => ({ ...entry, body: frozen(bodyOf(text)) }))
      sync(contents)
      if (made.length > 0) streams.set(stream, [...(streams.get(stream) ?? []), ...made])
      return made
    },
    async entries(stream, afterSeq, limit) {
      open()
      checkName(stream)
      return (streams.get(stream) ?? []).slice(Math.max(0, afterSeq), Math.max(0, afterSeq) + Math.max(0, limit))
    },
    async head(stream) {
      open()
      checkName(stream)
      const { seq, hash } = headOf(stream)
      return { seq, hash }
    },
    async streams(prefix) {
      open()
      return [...streams.keys()].filter((stream) => stream.startsWith(prefix)).sort(compareNames)
    },
    async dropStream(stream) {
      open()
      if (stackOf(stream) === stream)
        throw storeFault('store.bad-name', `${JSON.stringify(stream)} is a stack's own log and cannot be dropped`)
      streams.delete(stream)
    },
    async send(stack, messageKey, body) {
      open()
      checkStack(stack)
      checkName(messageKey)
      const text = bodyText(body)
      const box = inboxes.get(stack) ?? { keys: new Set(), messages: [] }
      inboxes.set(stack, box)
      if (box.keys.has(messageKey)) return
      box.keys.add(messageKey)
      box.messages.push({ seq: box.messages.length + 1, at: now(), body: frozen(bodyOf(text)) })
    },
    async inbox(stack, afterSeq, limit) {
      open()
      checkStack(stack)
      const messages = inboxes.get(stack)?.messages ?? []
      return messages.slice(Math.max(0, afterSeq), Math.max(0, afterSeq) + Math.max(0, limit))
    },
    async takeLease(stack, holder, ttlMs, gone) {
      open()
      checkStack(stack)
      const asked = { stack, holder, ttlMs: Math.trunc(ttlMs), now: now(), seenEpoch: headOf(stack).epoch, gone }
      const answer = take(leases.get(stack) ?? null, asked)
      leases.set(stack, answer.keep)
      const lease = rowOf(answer.keep)
      if (lease === null) throw storeFault('store.damaged', `the lease of ${stack} has no holder`)
      return answer.taken ? { taken: true, lease } : { taken: false, lease }
    },
    async renewLease(stack, epoch, ttlMs) {
      open()
      return change(stack, (kept) => renew(kept, epoch, Math.trunc(ttlMs), now()))
    },
    async freeLease(stack, epoch) {
      open()
      change(stack, (kept) => free(kept, epoch))
    },
    async leaseOf(stack) {
      open()
      return rowOf(leases.get(checkStack(stack)) ?? null)
    },
    async close() {
      closed = true
    },
  }
}

function sync({ objects, unsynced }: Contents): void {
  for (const [digest, bytes] of unsynced) objects.set(digest, bytes)
  unsynced.clear()
}

function memoryObjects(sealer: ReturnType<typeof createSealer>, contents: Contents, open: () => void): Objects {
  const name = (bytes: Uint8Array): Digest => sealer.name(bytes)
  const { objects, unsynced } = contents
  const find = (digest: Digest): Uint8Array | undefined => objects.get(digest) ?? unsynced.get(digest)
  return {
    async put(bytes) {
      open()
      const digest = name(bytes)
      if (find(digest) === undefined) unsynced.set(digest, Uint8Array.from(bytes))
      return digest
    },
    async get(digest) {
      open()
      const bytes = isDigest(digest) ? find(digest) : undefined
      if (bytes === undefined) throw storeFault('store.missing', `object ${digest}`)
      return Uint8Array.from(bytes)
    },
    async has(digest) {
      open()
      return find(digest) !== undefined
    },
    async check(digest) {
      open()
      const first = find(digest)
      return first === undefined ? null : { bytes: first.length, first: Uint8Array.from(first) }
    },
    async digests(after, limit) {
      open()
      return [...objects.keys(), ...unsynced.keys()]
        .filter((digest) => after === null || digest > after)
        .sort()
        .slice(0, limit)
    },
    name,
    nameKey: sealer.nameKey,
    async flush() {
      open()
      sync(contents)
    },
    async drop(digests) {
      open()
      for (const digest of digests) if (!objects.delete(digest)) unsynced.delete(digest)
    },
    async usage() {
      open()
      const all = [...objects.values(), ...unsynced.values()]
      return { objects: all.length, bytes: all.reduce((sum, { length }) => sum + length, 0) }
    },
  }
}

/** Shared by all who read it, so nobody may change it. */
function frozen(value: Json): Json {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) frozen(member)
  }
  return value
}
