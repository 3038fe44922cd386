// Owns: what is in a folder, seen with nothing but node:fs, and what differs between two such views.
// Never: goes through a provider or through effects; follows no links.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

export interface Entry {
  readonly type: 'file' | 'dir' | 'link' | 'other'
  /** Type and permission bits. */
  readonly mode: bigint
  readonly owner: string
  /** Digest of the bytes, or target of the link; empty for others. */
  readonly content: string
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly ino: bigint
}

export type Snapshot = ReadonlyMap<string, Entry>

/**
 * - `names`: paths, types, modes and owners.
 * - `content`: and bytes.
 * - `times`: and times of files (a folder's time changes with what is made beside).
 * - `all`: everything, so that even a write that changed nothing shows.
 */
export type Depth = 'names' | 'content' | 'times' | 'all'

/** A folder (`.`) and everything below it by path relative to it, but what `skips` says. */
export function snapshot(root: string, skips: (path: string) => boolean): Snapshot {
  const found = new Map<string, Entry>()
  const visit = (path: string): void => {
    const full = join(root, path)
    const stat = lstatSync(full, { bigint: true })
    const type = stat.isDirectory() ? 'dir' : stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : 'other'
    const content =
      type === 'file'
        ? createHash('sha256').update(readFileSync(full)).digest('hex')
        : type === 'link'
          ? readlinkSync(full, { encoding: 'buffer' }).toString('latin1')
          : ''
    const { mode, uid, gid, mtimeNs, ctimeNs, ino } = stat
    found.set(path === '' ? '.' : path, { type, mode, owner: `${uid}:${gid}`, content, mtimeNs, ctimeNs, ino })
    if (type !== 'dir') return
    for (const name of readdirSync(full)) {
      const below = path === '' ? name : `${path}/${name}`
      if (!skips(below)) visit(below)
    }
  }
  visit('')
  return found
}

/** What differs, one line each: `+ path` came, `- path` went, `~ path (what)` changed. */
export function differences(before: Snapshot, after: Snapshot, depth: Depth): readonly string[] {
  const rows: string[] = []
  for (const [path, entry] of after) {
    const old = before.get(path)
    if (old === undefined) rows.push(`+ ${path}`)
    else {
      const changed = changesOf(old, entry, depth)
      if (changed.length > 0) rows.push(`~ ${path} (${changed.join(', ')})`)
    }
  }
  for (const path of before.keys()) if (!after.has(path)) rows.push(`- ${path}`)
  return rows.toSorted()
}

function changesOf(old: Entry, entry: Entry, depth: Depth): readonly string[] {
  const fields: (keyof Entry)[] = ['type', 'mode', 'owner']
  if (depth !== 'names') fields.push('content')
  if (depth === 'all' || (depth === 'times' && entry.type === 'file')) fields.push('mtimeNs')
  if (depth === 'all') fields.push('ctimeNs', 'ino')
  return fields.filter((field) => old[field] !== entry[field])
}
