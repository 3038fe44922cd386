// Owns: a directory on disk read into a root: identity in directory objects, times and sockets beside it.
// Never: writes to the disk, follows a link, crosses into another file system, or takes a file that changed under its eyes.
import type { Digest, DirReads, Look, NamedFile, Stat } from '@understudy/contract'
import { dirEntry, fileEntry, linkEntry, nodeEntry, sameEntry } from './entry.ts'
import type { Entry } from './entry.ts'
import { join } from './tree-difference.ts'
import { countsOf, openTrees, saveDirectory, saveRoot } from './tree-objects.ts'
import type { Directory, Keep, Trees } from './tree-objects.ts'
import { shown, treeFault } from './tree-fault.ts'

/** "At this moment (by the file system's clock, ns) the directory held this tree." True for ever once it was true. */
export interface Known {
  readonly root: Digest
  readonly at: bigint
}

export interface ReadOptions {
  readonly call: Pick<Look, 'get' | 'name' | 'nameFiles' | 'fx' | 'signal' | 'progress'>
  readonly keep: Keep
  /** Lets files whose ctime is older than that moment go unread. */
  readonly known: Known | null
  /** What is left out: a name at any depth, or a path with a slash in it. Default nothing. */
  readonly excludes?: (path: string, name: string) => boolean
  /** Sees every file's bytes that were read. */
  readonly onContent?: (bytes: Uint8Array) => Promise<unknown>
}

export interface ReadTree {
  readonly root: Digest
  readonly entry: Entry
  /** Digest over the modification times of everything. */
  readonly times: Digest
  /** Paths of unix sockets: they belong to whoever listens, not to the tree. */
  readonly sockets: readonly string[]
}

export const FILE_BYTES_MAX = 1_073_741_824 // content is hashed and kept in one piece of memory; Node's buffers end not far above
const TRIES = 3 // a tree that is written to all the time cannot be read; a single late write should not fail a plan
const BATCH = 256 // entries between pauses: about 2 ms, so heartbeats and Ctrl-C come through

interface Walk extends ReadOptions {
  readonly dir: DirReads
  readonly base: string
  readonly dev: bigint
  readonly trees: Trees
  /** Inode to its first path, for what has several names in this tree; filled by the first pass. */
  readonly groups: ReadonlyMap<bigint, string>
  readonly firstNames: Map<bigint, string>
  readonly shared: Set<bigint>
  readonly sockets: string[]
  seen: number
}

/** Reads the directory `name` of `dir`. @throws Fault `files.changed-while-read` when it does not hold still. */
export async function readTree(dir: DirReads, name: string, options: ReadOptions): Promise<ReadTree> {
  const trees = openTrees(options.call)
  const stat = dir.stat(name)
  if (stat === null || stat.type !== 'dir') throw changedWhileRead(dir, name)
  const knownEntry = await knownRoot(options.known, trees)
  const walk = (groups: ReadonlyMap<bigint, string>): Walk => ({
    ...options,
    dir,
    base: name,
    dev: stat.dev,
    trees,
    groups,
    firstNames: new Map(),
    shared: new Set(),
    sockets: [],
    seen: 0,
  })
  let pass = walk(new Map())
  let read = await readDirectory(pass, '', stat, knownEntry, knownEntry !== null)
  if (pass.shared.size > 0) {
    // Hard links: only now is it known which files have several names, and which name comes first.
    pass = walk(new Map([...pass.shared].map((ino) => [ino, pass.firstNames.get(ino) ?? ''])))
    read = await readDirectory(pass, '', stat, knownEntry, knownEntry !== null)
  }
  const root =
    knownEntry !== null && options.known !== null && sameEntry(knownEntry, read.entry)
      ? options.known.root
      : await saveRoot(read.entry, options.keep)
  return { root, entry: read.entry, times: read.times, sockets: pass.sockets }
}

async function knownRoot(known: Known | null, trees: Trees): Promise<Entry | null> {
  if (known === null) return null
  try {
    return await trees.loadRoot(known.root)
  } catch {
    return null // only ever a way to read less
  }
}

interface ReadDirectory {
  readonly entry: Entry
  readonly times: Digest
}

/** `trusted`: nothing above was moved here since the known moment, so what is older than it is what it was. */
async function readDirectory(walk: Walk, path: string, first: Stat, known: Entry | null, trusted: boolean): Promise<ReadDirectory> {
  let stat = first
  for (let tries = 1; ; tries += 1) {
    const read = await readOnce(walk, path, stat, known, trusted)
    const after = walk.dir.stat(join(walk.base, path))
    const still = after !== null && after.ino === stat.ino && after.ctimeNs === stat.ctimeNs && after.mtimeNs === stat.mtimeNs
    if (read !== null && still) return read
    if (after === null || after.type !== 'dir' || tries === TRIES) throw changedWhileRead(walk.dir, join(walk.base, path))
    stat = after
  }
}

async function readOnce(walk: Walk, path: string, stat: Stat, known: Entry | null, trusted: boolean): Promise<ReadDirectory | null> {
  const full = join(walk.base, path)
  const at = walk.known?.at ?? 0n
  const fresh = !trusted || stat.ctimeNs >= at
  const listed = walk.dir.list(full)
  const stats = new Map<string, Stat>()
  let times = `${stat.mtimeNs}\n`
  let lookUp = fresh && known !== null
  for (const { name } of listed) {
    const below = join(path, name)
    if (walk.excludes?.(below, name) === true) continue
    const found = walk.dir.stat(join(full, name))
    if (found === null) return null
    // Files of an overlay may show the device of their layer; directories show the overlay's.
    if (found.type === 'dir' && found.dev !== walk.dev) throw mountInside(walk.dir, join(full, name))
    stats.set(name, found)
    times += `${name}/${found.mtimeNs}\n`
    if (found.type === 'dir' || found.nlink > 1 || found.ctimeNs >= at) lookUp = true
    walk.seen += 1
    if (walk.seen % BATCH === 0) await breathe(walk)
  }
  const own = fresh ? xattrsOf(walk.dir, full) : (known?.xattrs ?? null)
  if (!lookUp && known !== null && stats.size === sizeOf(known)) {
    return { entry: { ...known, uid: stat.uid, gid: stat.gid, mode: stat.mode, xattrs: own }, times: timesOf(walk, times) }
  }
  const before = await knownDirectory(known, walk)
  const named = await nameAll(walk, full, stats, trusted ? (before ?? new Map()) : new Map())
  const entries = new Map<string, Entry>()
  let alike = before !== null && before.size === stats.size
  for (const name of [...stats.keys()].sort()) {
    const found = stats.get(name)
    if (found === undefined) continue
    const below = join(path, name)
    const was = before?.get(name) ?? null
    if (found.type === 'dir') {
      // A directory that is newer than the known moment may have been moved here whole, with old files in it.
      const sub = await readDirectory(
        walk,
        below,
        found,
        was?.type === 'dir' ? was : null,
        trusted && found.ctimeNs < at && was?.type === 'dir',
      )
      entries.set(name, sub.entry)
      times += `${name} ${sub.times}\n`
    } else if (found.type === 'socket') {
      walk.sockets.push(below)
      alike = false
      continue
    } else {
      const old = trusted && found.ctimeNs < at && was?.type === found.type ? was : null
      const entry = await readEntry(walk, below, found, old, named.get(name) ?? null)
      if (entry === null) return null
      entries.set(name, entry)
    }
    const now = entries.get(name)
    alike &&= was !== null && now !== undefined && sameEntry(was, now)
    walk.seen += 1
    if (walk.seen % BATCH === 0) await breathe(walk)
  }
  const again = walk.dir.list(full)
  if (again.length !== listed.length || again.some(({ name }, index) => listed[index]?.name !== name)) return null
  const content = alike && known !== null && known.content !== null ? known.content : await saveDirectory(entries, walk.keep)
  return { entry: dirEntry(stat, content, countsOf(entries), own), times: timesOf(walk, times) }
}

async function knownDirectory(known: Entry | null, walk: Walk): Promise<Directory | null> {
  if (known === null || known.content === null) return null
  try {
    return await walk.trees.load(known.content)
  } catch {
    return null
  }
}

/** The files of one directory that have to be read, all in one go and by another thread. */
async function nameAll(
  walk: Walk,
  full: string,
  stats: ReadonlyMap<string, Stat>,
  trusted: Directory,
): Promise<ReadonlyMap<string, NamedFile>> {
  const at = walk.known?.at ?? 0n
  const read = [...stats].flatMap(([name, { type, ctimeNs, size }]) =>
    type !== 'file' || size > FILE_BYTES_MAX || (ctimeNs < at && trusted.get(name)?.type === 'file') ? [] : [name],
  )
  if (walk.onContent !== undefined || read.length === 0) return new Map()
  const found = await walk.call.nameFiles(walk.dir, full, read)
  return new Map(read.flatMap((name, index): [string, NamedFile][] => (found[index] ? [[name, found[index]]] : [])))
}

/** Null when it did not hold still. `named`: its bytes were named already, which counts if it is still that file. */
async function readEntry(walk: Walk, path: string, stat: Stat, old: Entry | null, named: NamedFile | null): Promise<Entry | null> {
  const full = join(walk.base, path)
  const group = stat.nlink > 1 ? groupOf(walk, stat.ino, path) : null
  if (old !== null) return old.group === group ? old : { ...old, group }
  const xattrs = xattrsOf(walk.dir, full)
  if (stat.type === 'link') return { ...linkEntry(stat, walk.dir.readlink(full), xattrs), group }
  if (stat.type === 'fifo' || stat.type === 'char' || stat.type === 'block') return { ...nodeEntry(stat, stat.type, xattrs), group }
  if (named !== null && named.ino === stat.ino && named.ctimeNs === stat.ctimeNs && named.size === stat.size) {
    return { ...fileEntry(stat, named.digest, named.size, xattrs), group }
  }
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const before = tries === 1 ? stat : walk.dir.stat(full)
    if (before === null || before.type !== 'file') return null
    if (before.size > FILE_BYTES_MAX) throw tooBig(walk.dir, full, before.size)
    const bytes = walk.dir.read(full)
    const after = walk.dir.stat(full)
    if (after === null) return null
    if (after.ino === before.ino && after.ctimeNs === before.ctimeNs && after.size === before.size && bytes.length === after.size) {
      if (walk.onContent !== undefined) await walk.onContent(bytes)
      return { ...fileEntry(after, walk.call.name(bytes), bytes.length, xattrs), group }
    }
  }
  throw changedWhileRead(walk.dir, full)
}

function groupOf(walk: Walk, ino: bigint, path: string): string | null {
  const first = walk.firstNames.get(ino)
  if (first === undefined) walk.firstNames.set(ino, path)
  else if (first !== path) walk.shared.add(ino)
  return walk.groups.get(ino) ?? null
}

/**
 * Attributes that are part of what a tree is. Labels that the kernel gives by its own policy (SELinux, IMA) are not, nor is
 * what an overlay notes in its layers.
 */
function isIdentity(xattr: string): boolean {
  if (xattr.startsWith('trusted.')) return !xattr.startsWith('trusted.overlay.')
  return xattr.startsWith('user.') || xattr.startsWith('system.posix_acl_') || xattr === 'security.capability'
}

export function xattrsOf(dir: DirReads, path: string): Entry['xattrs'] {
  const all = dir.xattrs(path)
  let kept: Record<string, string> | null = null
  for (const name of Object.keys(all)) {
    const value = all[name]
    if (value === undefined || !isIdentity(name)) continue
    kept ??= {}
    kept[name] = Buffer.from(value).toString('base64')
  }
  return kept
}

function sizeOf({ counts }: Entry): number {
  return counts === null ? -1 : counts.files + counts.dirs + counts.links + counts.other
}

function timesOf(walk: Walk, lines: string): Digest {
  return walk.call.name(Buffer.from(lines, 'utf8'))
}

async function breathe(walk: Walk): Promise<void> {
  walk.call.progress(walk.seen, 0, 'reading')
  await pause(walk.call)
}

/** Lets others run, and stops here when the step was cancelled. */
export async function pause(call: Pick<Look, 'fx' | 'signal'>): Promise<void> {
  await call.fx.pause()
  if (call.signal.aborted) {
    throw treeFault(
      'cancelled',
      'transient',
      'The step was cancelled.',
      'It was still reading or preparing.',
      'Nothing visible was changed.',
    )
  }
}

function changedWhileRead(dir: DirReads, path: string) {
  const detail = `${shown(`${dir.path}/${path}`)}, ${TRIES} times.`
  const hint = 'Stop whoever writes to it, or leave the file out (`exclude:` for sources), and try again.'
  return treeFault('changed-while-read', 'conflict', 'A file or directory changed while it was read.', detail, hint)
}

export function mountInside(dir: DirReads, path: string) {
  const detail = `${shown(`${dir.path}/${path}`)} is on another file system.`
  const hint = 'A tree is exchanged as a whole, so nothing may be mounted in it: manage the mounted directory as a resource of its own.'
  return treeFault('mount-inside', 'invalid', 'Something is mounted inside the tree.', detail, hint)
}

function tooBig(dir: DirReads, path: string, size: number) {
  const detail = `${shown(`${dir.path}/${path}`)}: ${size} bytes, ${FILE_BYTES_MAX} allowed.`
  return treeFault(
    'too-big',
    'invalid',
    'A file is too big for a tree under management.',
    detail,
    'Keep it outside of the tree and link to it.',
  )
}
