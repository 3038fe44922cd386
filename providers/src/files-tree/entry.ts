// Owns: one entry of a tree (file, directory, link, fifo, device) and its row in a directory object.
// Never: reads or writes a file; never holds what is not part of a tree's identity (times, inode numbers, holes).
import { isDigest, isObject } from '@understudy/contract'
import type { Digest, Json, Stat } from '@understudy/contract'
import { treeFault } from './tree-fault.ts'

export type EntryType = 'file' | 'dir' | 'link' | 'fifo' | 'char' | 'block'

/** How much lies in a directory and below it; itself not counted. */
export interface Counts {
  readonly files: number
  readonly dirs: number
  readonly links: number
  readonly other: number
  /** Sum of the sizes of all files. */
  readonly bytes: number
}

export interface Entry {
  readonly type: EntryType
  /** 0..0o7777; 0o777 for links. */
  readonly mode: number
  /** -1 in a tree of sources: the owner is kept or inherited where it is put. */
  readonly uid: number
  readonly gid: number
  /** Of a file: its bytes. Of a directory: its directory object. */
  readonly content: Digest | null
  /** Of a file: bytes. */
  readonly size: number
  readonly target: string | null
  readonly rdev: string | null
  /** Base64 by name; null for none. */
  readonly xattrs: Readonly<Record<string, string>> | null
  /** Hard links: path of the first name of this file, link or device in the tree; null for what has one name. */
  readonly group: string | null
  readonly counts: Counts | null
}

const letters: Readonly<Record<EntryType, string>> = { file: 'f', dir: 'd', link: 'l', fifo: 'p', char: 'c', block: 'b' }
const types: Readonly<Record<string, EntryType>> = { f: 'file', d: 'dir', l: 'link', p: 'fifo', c: 'char', b: 'block' }

export const noCounts: Counts = { files: 0, dirs: 0, links: 0, other: 0, bytes: 0 }
const plain = { content: null, size: 0, target: null, rdev: null, xattrs: null, group: null, counts: null }

export function fileEntry(stat: Pick<Stat, 'mode' | 'uid' | 'gid'>, content: Digest, size: number, xattrs: Entry['xattrs'] = null): Entry {
  return { ...plain, type: 'file', mode: stat.mode, uid: stat.uid, gid: stat.gid, content, size, xattrs }
}

export function dirEntry(stat: Pick<Stat, 'mode' | 'uid' | 'gid'>, content: Digest, counts: Counts, xattrs: Entry['xattrs'] = null): Entry {
  return { ...plain, type: 'dir', mode: stat.mode, uid: stat.uid, gid: stat.gid, content, counts, xattrs }
}

export function linkEntry(stat: Pick<Stat, 'uid' | 'gid'>, target: string, xattrs: Entry['xattrs'] = null): Entry {
  return { ...plain, type: 'link', mode: 0o777, uid: stat.uid, gid: stat.gid, target, xattrs }
}

export function nodeEntry(stat: Stat, type: 'fifo' | 'char' | 'block', xattrs: Entry['xattrs']): Entry {
  const rdev = type === 'fifo' ? null : stat.rdev.toString()
  return { ...plain, type, mode: stat.mode, uid: stat.uid, gid: stat.gid, rdev, xattrs }
}

/** Row in a directory object: `[name, letter, mode, uid, gid, what it holds, xattrs or 0, group or 0]`. */
export function rowOf(name: string, entry: Entry): Json {
  const { files, dirs, links, other, bytes } = entry.counts ?? noCounts
  const held: Json =
    entry.type === 'file'
      ? [entry.content, entry.size]
      : entry.type === 'dir'
        ? [entry.content, files, dirs, links, other, bytes]
        : (entry.target ?? entry.rdev ?? 0)
  return [name, letters[entry.type], entry.mode, entry.uid, entry.gid, held, sortedXattrs(entry.xattrs), entry.group ?? 0]
}

function sortedXattrs(xattrs: Entry['xattrs']): Json {
  if (xattrs === null) return 0
  return Object.keys(xattrs)
    .sort()
    .map((name) => [name, xattrs[name] ?? ''])
}

/** The opposite of `rowOf`. @throws Fault `files.bad-tree` for what no version of it wrote. */
export function entryOf(row: unknown): readonly [name: string, entry: Entry] {
  if (Array.isArray(row)) {
    const [name, letter, mode, uid, gid, held, xattrRows, group]: readonly unknown[] = row
    const type = typeof letter === 'string' ? types[letter] : undefined
    const xattrs = xattrsOf(xattrRows)
    const sound = typeof name === 'string' && isCount(mode) && typeof uid === 'number' && typeof gid === 'number' && xattrs !== undefined
    const content = sound && type !== undefined ? heldOf(type, held) : null
    if (sound && type !== undefined && content !== null) {
      return [name, { ...plain, type, mode, uid, gid, xattrs, group: typeof group === 'string' ? group : null, ...content }]
    }
  }
  throw badTree(JSON.stringify(row).slice(0, 200))
}

function heldOf(type: EntryType, held: unknown): Partial<Entry> | null {
  if (type === 'link') return typeof held === 'string' ? { target: held } : null
  if (type === 'fifo') return {}
  if (type === 'char' || type === 'block') return typeof held === 'string' && /^\d+$/.test(held) ? { rdev: held } : null
  if (!Array.isArray(held)) return null
  const [content, ...numbers]: readonly unknown[] = held
  if (!isDigest(content) || !numbers.every(isCount)) return null
  const [first = 0, dirs = 0, links = 0, other = 0, bytes = 0] = numbers
  return type === 'file' ? { content, size: first } : { content, counts: { files: first, dirs, links, other, bytes } }
}

function xattrsOf(rows: unknown): Entry['xattrs'] | undefined {
  if (rows === 0) return null
  if (!Array.isArray(rows)) return undefined
  const xattrs: Record<string, string> = {}
  for (const row of rows as readonly unknown[]) {
    if (!Array.isArray(row) || typeof row[0] !== 'string' || typeof row[1] !== 'string') return undefined
    xattrs[row[0]] = row[1]
  }
  return xattrs
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

export function badTree(detail: string) {
  const hint = 'It was written by a newer version, or the store is damaged: `understudy doctor` tells which.'
  return treeFault('bad-tree', 'invalid', 'A directory object is not one.', detail, hint)
}

/** Same in all that `of` names; without it in everything. */
export function sameEntry(a: Entry | null, b: Entry | null): boolean {
  if (a === null || b === null) return a === b
  return sameSelf(a, b) && a.content === b.content
}

/** The same apart from what a directory holds. */
export function sameSelf(a: Entry, b: Entry): boolean {
  return (
    a.type === b.type &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.target === b.target &&
    a.rdev === b.rdev &&
    a.group === b.group &&
    (a.type === 'dir' || (a.content === b.content && a.size === b.size)) &&
    sameXattrs(a.xattrs, b.xattrs)
  )
}

function sameXattrs(a: Entry['xattrs'], b: Entry['xattrs']): boolean {
  if (a === null || b === null) return a === b
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name])
}

export function addCounts(sum: Counts, entry: Entry): Counts {
  const below = entry.counts ?? noCounts
  return {
    files: sum.files + below.files + (entry.type === 'file' ? 1 : 0),
    dirs: sum.dirs + below.dirs + (entry.type === 'dir' ? 1 : 0),
    links: sum.links + below.links + (entry.type === 'link' ? 1 : 0),
    other: sum.other + below.other + (['fifo', 'char', 'block'].includes(entry.type) ? 1 : 0),
    bytes: sum.bytes + below.bytes + entry.size,
  }
}

/** The entry as JSON for people and for `Components`. */
export function componentOf(entry: Entry): Json {
  const { type, mode, uid, gid } = entry
  return {
    type,
    mode: `0${mode.toString(8)}`,
    uid,
    gid,
    ...(type === 'file' ? { content: entry.content, size: entry.size } : {}),
    ...(entry.target === null ? {} : { target: entry.target }),
    ...(entry.rdev === null ? {} : { rdev: entry.rdev }),
    ...(entry.xattrs === null ? {} : { xattrs: entry.xattrs }),
    ...(entry.group === null ? {} : { group: entry.group }),
  }
}

/** The opposite of `componentOf`; null where it is not one. A directory comes back empty. */
export function entryOfComponent(value: Json | undefined, emptyDirectory: Digest): Entry | null {
  if (!isObject(value)) return null
  const { type, mode, uid, gid, content, size, target, rdev, xattrs, group } = value
  if (typeof mode !== 'string' || !/^0[0-7]{1,4}$/.test(mode) || typeof uid !== 'number' || typeof gid !== 'number') return null
  const kind = Object.values(types).find((known) => known === type)
  if (kind === undefined) return null
  const own = { type: kind, mode: Number.parseInt(mode, 8), uid, gid, group: typeof group === 'string' ? group : null }
  const named = isObject(xattrs) ? xattrsOf(Object.entries(xattrs)) : null
  if (named === undefined) return null
  const held = kind === 'file' ? [content, size] : kind === 'dir' ? [emptyDirectory, 0, 0, 0, 0, 0] : (target ?? rdev ?? 0)
  const filled = heldOf(kind, held)
  return filled === null ? null : { ...plain, ...own, xattrs: named, ...filled }
}
