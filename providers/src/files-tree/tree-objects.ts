// Owns: trees in the store: directory objects, big ones in chunks, and the root that holds a tree's own entry.
// Never: touches a file system; a tree has the same root wherever it stands.
import { canonical, isDigest, isObject } from '@understudy/contract'
import type { Digest, Json, Look } from '@understudy/contract'
import { addCounts, badTree, dirEntry, entryOf, noCounts, rowOf } from './entry.ts'
import type { Counts, Entry } from './entry.ts'

/** Names to entries, in order of UTF-16 code units. */
export type Directory = ReadonlyMap<string, Entry>

export type Store = Pick<Look, 'get' | 'put' | 'name'>

/** `put`, or `name` where nothing is to be kept. */
export type Keep = (bytes: Uint8Array) => Digest | Promise<Digest>

export const keeping =
  (call: Pick<Look, 'put'>): Keep =>
  (bytes) =>
    call.put(bytes)

export const naming =
  (call: Pick<Look, 'name'>): Keep =>
  (bytes) =>
    call.name(bytes)

const CHUNK_FROM = 1_024 // entries; a smaller directory is one object, so one change writes at most about 150 KB
const CHUNK_MASK = 0xff // a chunk ends at one name in 256 on average, chosen by the name, so that a new name moves no other chunk
const CACHED_MAX = 50_000 // entries held in memory, about 15 MB; beyond that all are forgotten and read again

export interface Trees {
  /** All entries of a directory object. */
  load(digest: Digest): Promise<Directory>
  /** Of two directory objects, at least the entries outside the chunks they share. */
  loadDifferent(a: Digest, b: Digest): Promise<readonly [Directory, Directory]>
  loadRoot(root: Digest): Promise<Entry>
  /** The entry at a path, null where there is none. */
  find(root: Digest, path: string): Promise<Entry | null>
}

/** What was read and parsed in this process, for every call of a provider: a digest is keyed, so it names one content of one store. */
const cache = new Map<Digest, Directory>()
let cached = 0

export function openTrees(store: Pick<Store, 'get'>): Trees {
  const roots = new Map<Digest, Entry>()
  const parse = async (digest: Digest): Promise<Json> => parseJson(await store.get(digest))
  const load = async (digest: Digest): Promise<Directory> => cache.get(digest) ?? keepParsed(digest, await parse(digest))
  const keepParsed = async (digest: Digest, object: Json): Promise<Directory> => {
    const chunks = chunksOf(object)
    const entries = new Map<string, Entry>()
    if (chunks === null) for (const row of rowsOf(object)) entries.set(...entryOf(row))
    else for (const chunk of chunks) for (const row of rowsOf(await parse(chunk))) entries.set(...entryOf(row))
    if (cached + entries.size > CACHED_MAX) {
      cache.clear()
      cached = 0
    }
    cache.set(digest, entries)
    cached += entries.size
    return entries
  }
  const loadRoot = async (root: Digest): Promise<Entry> => {
    const known = roots.get(root)
    if (known !== undefined) return known
    const object = await parse(root)
    if (!isObject(object) || object['tree'] === undefined) throw badTree(`${root} is no root`)
    const [, entry] = entryOf(object['tree'])
    roots.set(root, entry)
    return entry
  }
  return {
    load,
    loadRoot,
    async loadDifferent(a, b) {
      const known = [cache.get(a), cache.get(b)] as const
      if (known[0] !== undefined && known[1] !== undefined) return [known[0], known[1]]
      const objects = [await parse(a), await parse(b)] as const
      const [left, right] = [chunksOf(objects[0]), chunksOf(objects[1])]
      if (left === null || right === null) return [await keepParsed(a, objects[0]), await keepParsed(b, objects[1])]
      const side = async (mine: readonly Digest[], theirs: readonly Digest[]): Promise<Directory> => {
        const shared = new Set(theirs)
        const entries = new Map<string, Entry>()
        for (const chunk of mine.filter((digest) => !shared.has(digest))) {
          for (const row of rowsOf(await parse(chunk))) entries.set(...entryOf(row))
        }
        return entries
      }
      return [await side(left, right), await side(right, left)]
    },
    async find(root, path) {
      let entry: Entry | undefined = await loadRoot(root)
      for (const name of path === '' ? [] : path.split('/')) {
        if (entry?.type !== 'dir' || entry.content === null) return null
        entry = (await load(entry.content)).get(name)
      }
      return entry ?? null
    },
  }
}

/** Writes a directory's object. The map need not be in order. */
export async function saveDirectory(entries: Directory, keep: Keep): Promise<Digest> {
  const names = [...entries.keys()].sort()
  const rows: Json[] = []
  const chunks: Json[] = []
  for (const name of names) {
    const entry = entries.get(name)
    if (entry === undefined) continue
    rows.push(rowOf(name, entry))
    if (names.length >= CHUNK_FROM && (hashOf(name) & CHUNK_MASK) === 0) chunks.push(await keep(encode({ v: 1, entries: rows.splice(0) })))
  }
  if (names.length < CHUNK_FROM) return keep(encode({ v: 1, entries: rows }))
  if (rows.length > 0) chunks.push(await keep(encode({ v: 1, entries: rows })))
  return keep(encode({ v: 1, chunks }))
}

export function countsOf(entries: Directory): Counts {
  let sum = noCounts
  for (const entry of entries.values()) sum = addCounts(sum, entry)
  return sum
}

/** A directory's entry with these entries in it; mode, owner and xattrs are those of `self`. */
export async function directoryEntry(self: Entry, entries: Directory, keep: Keep): Promise<Entry> {
  return dirEntry(self, await saveDirectory(entries, keep), countsOf(entries), self.xattrs)
}

export async function saveRoot(entry: Entry, keep: Keep): Promise<Digest> {
  return keep(encode({ v: 1, tree: rowOf('', entry) }))
}

function encode(value: Json): Uint8Array {
  return Buffer.from(canonical(value), 'utf8')
}

function parseJson(bytes: Uint8Array): Json {
  const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  if (!isObject(value) || value['v'] !== 1) throw badTree('its version is not 1')
  return value
}

function rowsOf(object: Json): readonly Json[] {
  const rows = isObject(object) ? object['entries'] : undefined
  if (!Array.isArray(rows)) throw badTree('it has no entries')
  return rows as readonly Json[]
}

function chunksOf(object: Json): readonly Digest[] | null {
  const chunks = isObject(object) ? object['chunks'] : undefined
  if (!Array.isArray(chunks)) return null
  return chunks.filter(isDigest)
}

/** FNV-1a over code units (Fowler, Noll, Vo), 32 bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 8
}
