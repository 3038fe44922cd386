// Owns: reading what stands at paths on disk as entries, whole, as they stood at one moment.
// Never: follows a link, or takes a file that changed under its eyes.
import { posix } from 'node:path'
import { Fault } from '@understudy/contract'
import type { Digest, DirReads, Look, Stat } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { FILE_BYTES_MAX, pause, xattrsOf } from '../files-tree/read-tree.ts'
import { shown } from '../files-tree/tree-fault.ts'
import type { Entries, Entry } from './entries.ts'
import { runFault } from './run-fault.ts'

export type Keep = (bytes: Uint8Array) => Promise<Digest>

const TRIES = 3
const BATCH = 64 // entries between pauses: a few ms, so that heartbeats and Ctrl-C come through

export interface Found {
  readonly entry: Entry
  readonly stat: Stat
}

/** Null when nothing stands there. */
export async function readEntry(dir: DirReads, name: string, keep: Keep): Promise<Found | null> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const stat = statOrNull(dir, name)
    if (stat === null) return null
    const found = await readAs(dir, name, stat, keep)
    const after = statOrNull(dir, name)
    if (found !== null && after !== null && after.ino === stat.ino && after.ctimeNs === stat.ctimeNs) return { entry: found, stat }
  }
  const detail = `${shown(`${dir.path}/${name}`)}, ${TRIES} times.`
  throw runFault('changed-while-read', 'transient', 'A file changed while it was read.', detail, 'Stop what writes to it, then try again.')
}

async function readAs(dir: DirReads, name: string, stat: Stat, keep: Keep): Promise<Entry | null> {
  const { mode, uid, gid } = stat
  try {
    if (stat.type === 'link') return { type: 'link', uid, gid, target: dir.readlink(name) }
    const xattrs = ownXattrs(dir, name)
    if (stat.type === 'dir' || stat.type === 'fifo') return { type: stat.type, mode, uid, gid, xattrs }
    if (stat.type !== 'file') return { type: stat.type, mode, uid, gid, xattrs, rdev: `${stat.rdev}` }
    if (stat.size > FILE_BYTES_MAX) {
      const detail = `${shown(`${dir.path}/${name}`)} has ${stat.size} bytes, ${FILE_BYTES_MAX} are allowed.`
      throw runFault('too-big', 'invalid', 'A file that the command changes is too big.', detail, 'Leave its directory out of `writes`.')
    }
    const bytes = dir.read(name)
    return { type: 'file', mode, uid, gid, xattrs, digest: await keep(bytes), size: bytes.length, group: null }
  } catch (thrown) {
    if (isGone(thrown)) return null
    throw thrown
  }
}

/** What belongs to the file, without what an overlay notes on it. */
function ownXattrs(dir: DirReads, name: string): Record<string, string> | null {
  const all = Object.entries(xattrsOf(dir, name) ?? {}).filter(([key]) => !key.startsWith('user.overlay.'))
  return all.length === 0 ? null : Object.fromEntries(all)
}

export function statOrNull(dir: DirReads | null, name: string): Stat | null {
  if (dir === null) return null
  try {
    return dir.stat(name)
  } catch (thrown) {
    if (isGone(thrown)) return null // a parent is no directory any more, or a link: so nothing of ours stands there
    throw thrown
  }
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof Fault && (thrown.fault.class === 'conflict' || thrown.fault.code === 'files.outside-tree')
}

export interface Site {
  readonly path: string
  readonly root: string
}

/** Which of the roots a path lies in. */
export function siteOf(path: string, roots: readonly string[]): Site {
  const root = roots.filter((one) => path === one || path.startsWith(`${one}/`)).toSorted((a, b) => a.length - b.length)[0]
  if (root !== undefined) return { path, root }
  throw runFault(
    'bad-object',
    'invalid',
    'An object of this kind is not one.',
    `${shown(path)} lies in none of its roots.`,
    'Run `understudy doctor`.',
  )
}

/** Open directories by root, and a path's name in them. */
export interface Roots<D extends DirReads> {
  /** Null when the root itself is not there. */
  open(root: string): D | null
  close(): void
}

export function openRoots<D extends DirReads>(prefix: string, open: (dir: string) => D | null): Roots<D> {
  const opened = new Map<string, D | null>()
  return {
    open(root) {
      const known = opened.get(root)
      if (known !== undefined) return known
      const dir = open(`${prefix}${root}`)
      opened.set(root, dir)
      return dir
    },
    close() {
      for (const dir of opened.values()) dir?.close()
      opened.clear()
    },
  }
}

export function nameIn({ path, root }: Site): string {
  return posix.relative(root, path)
}

/** Name of the directory that a path stands in; null for a root itself. */
export function parentIn(site: Site): string | null {
  const name = nameIn(site)
  if (name === '') return null
  const slash = name.lastIndexOf('/')
  return slash === -1 ? '' : name.slice(0, slash)
}

/** All these paths as they are now, with inode numbers; hard links among them grouped. */
export async function readPaths(
  prefix: string,
  roots: readonly string[],
  paths: readonly string[],
  call: Look,
  keep: Keep,
): Promise<{ readonly entries: Entries; readonly stats: ReadonlyMap<string, Stat> }> {
  const open = openRoots(prefix, (dir) => openIfThere(call.fx, dir))
  const entries: Record<string, Entry | null> = {}
  const stats = new Map<string, Stat>()
  try {
    let seen = 0
    for (const path of paths) {
      const site = siteOf(path, roots)
      const dir = open.open(site.root)
      const found = dir === null ? null : await readEntry(dir, nameIn(site), keep)
      entries[path] = found?.entry ?? null
      if (found !== null) stats.set(path, found.stat)
      seen += 1
      if (seen % BATCH === 0) {
        call.progress(seen, paths.length, 'reading')
        await pause(call)
      }
    }
  } finally {
    open.close()
  }
  return { entries: grouped(entries, stats), stats }
}

/** Notes which paths are the same file: under the first of them in order. */
export function grouped(entries: Entries, stats: ReadonlyMap<string, Stat>): Entries {
  const names = new Map<string, string[]>()
  for (const [path, stat] of stats) {
    if (stat.type !== 'file' || stat.nlink < 2) continue
    const id = `${stat.dev} ${stat.ino}`
    names.set(id, [...(names.get(id) ?? []), path])
  }
  const next: Record<string, Entry | null> = { ...entries }
  for (const group of names.values()) {
    const first = group.toSorted()[0]
    if (group.length < 2 || first === undefined) continue
    for (const path of group) {
      const entry = next[path]
      if (entry?.type === 'file') next[path] = { ...entry, group: first }
    }
  }
  return next
}
