// Owns: bringing a directory from one tree to another by their difference: the only code that builds slots and copies.
// Never: touches anything outside of that directory; never takes bytes whose digest it has not reason to trust.
import { Fault } from '@understudy/contract'
import type { Digest, DirReads, DirWrites, Hands } from '@understudy/contract'
import type { Entry } from './entry.ts'
import { pause, xattrsOf } from './read-tree.ts'
import { differenceOf, eachPath, join, parentOf } from './tree-difference.ts'
import type { Difference } from './tree-difference.ts'
import type { Trees } from './tree-objects.ts'
import { changedSince, isMissing, shown, treeFault } from './tree-fault.ts'

/** Where content can be copied from: a directory that held `root` at the moment `at`. */
export interface Source {
  readonly dir: DirReads
  readonly base: string
  readonly root: Digest
  readonly at: bigint
}

export interface Level {
  readonly dir: DirWrites
  /** Name of the directory in `dir`. With `from` null it is made here. */
  readonly base: string
  readonly from: Digest | null
  readonly to: Digest
  readonly source: Source | null
  /** Where else content may be that is not in the store: sides of changes that are not released yet. */
  readonly others?: readonly Source[]
  /** The path in a source, where it is not the path that is made. */
  readonly sourcePath?: (path: string) => string
  readonly trees: Trees
  readonly call: Hands
  /** True: where an owner or a device cannot be had it goes on and says so (a copy to rehearse in, without root). */
  readonly lenient?: boolean
}

export interface Levelled {
  /** Puts it all on disk, with the directory `holder` of what was made in it since. */
  readonly sync: (holder?: string) => void
  /** What could not be made as it should be; only when lenient. */
  readonly short: readonly string[]
}

const BATCH = 64 // entries between pauses: about 5 ms of creating files
const SYNC_EACH_MAX = 8 // up to here each file is synced alone (0.2–0.6 ms each); from here syncfs is cheaper

interface Work extends Level {
  /** Directories in which something changed, with what they are to be. */
  readonly touched: Map<string, Entry>
  readonly files: string[]
  readonly short: string[]
  done: number
}

/** Brings `base` level with `to`. The caller syncs, together with what it does about it. */
export async function levelTree(level: Level): Promise<Levelled> {
  const { trees, from, to, call } = level
  const top = await differenceOf(from, to, trees)
  const differences = await eachPath(top, trees)
  const work: Work = { ...level, touched: new Map(), files: [], short: [], done: 0 }
  for (const difference of top) {
    if (difference.before !== null && !staysDirectory(difference)) await removeOld(work, difference)
  }
  for (const difference of differences) {
    if (difference.after !== null) await make(work, difference, difference.after)
    work.done += 1
    if (work.done % BATCH === 0) {
      call.progress(work.done, differences.length, 'preparing')
      await pause(call)
    }
  }
  await finishDirectories(work)
  return { short: work.short, sync: (holder) => sync(work, holder) }
}

const staysDirectory = ({ before, after }: Difference): boolean => before?.type === 'dir' && after?.type === 'dir'

async function removeOld(work: Work, { path, before }: Difference): Promise<void> {
  await open(work, parentOf(path))
  if (before?.type === 'dir') await removeTree(work.dir, join(work.base, path), work.call)
  else work.dir.remove(join(work.base, path))
}

/** Removes a directory a batch at a time: one call for 100,000 files would stop heartbeats for a second. */
export async function removeTree(dir: DirWrites, path: string, call: Pick<Hands, 'fx' | 'signal'>): Promise<void> {
  const stat = dir.stat(path)
  if (stat === null) return
  if (stat.type === 'dir') {
    if ((stat.mode & 0o700) !== 0o700) dir.chmod(path, stat.mode | 0o700)
    for (const { name, type } of dir.list(path)) if (type === 'dir') await removeTree(dir, join(path, name), call)
    await call.fx.pause()
  }
  dir.remove(path)
}

/** Makes a directory of ours writable for us, and remembers to set it right at the end. */
async function open(work: Work, path: string): Promise<Entry> {
  const known = work.touched.get(path)
  if (known !== undefined) return known
  const entry = await work.trees.find(work.to, path)
  if (entry === null || entry.type !== 'dir')
    throw treeFault('bad-tree', 'bug', 'A directory is missing in the wanted tree.', shown(path), '')
  const stat = work.dir.stat(join(work.base, path))
  if (stat !== null && (stat.mode & 0o700) !== 0o700) work.dir.chmod(join(work.base, path), stat.mode | 0o700)
  work.touched.set(path, entry)
  return entry
}

async function make(work: Work, { path, before }: Difference, entry: Entry): Promise<void> {
  const { dir } = work
  const full = join(work.base, path)
  if (entry.type === 'dir') {
    work.touched.set(path, entry)
    if (before?.type === 'dir') {
      const stat = dir.stat(full)
      if (stat !== null && (stat.mode & 0o700) !== 0o700) dir.chmod(full, stat.mode | 0o700)
      return
    }
    if (path !== '') await open(work, parentOf(path))
    dir.mkdir(full, entry.mode | 0o700)
    // An access list given by the parent directory would be inherited by all that is made in here.
    dropInherited(work, path, full)
    return
  }
  const parent = await open(work, parentOf(path))
  if (entry.group !== null && entry.group !== path) {
    const first = join(work.base, entry.group)
    if (work.lenient === true && dir.stat(first) === null) work.short.push(full)
    else dir.hardlink(full, first)
    return
  }
  switch (entry.type) {
    case 'file':
      await makeFile(work, path, full, entry)
      break
    case 'link':
      dir.symlink(full, entry.target ?? '')
      own(work, full, entry)
      if (entry.xattrs !== null) setXattrs(work, full, entry)
      await keepTime(work, path, full, entry)
      return
    case 'fifo':
    case 'char':
    case 'block':
      if (
        !tried(work, full, () =>
          dir.mknod(full, entry.type === 'fifo' ? 'fifo' : entry.type === 'char' ? 'char' : 'block', entry.mode, BigInt(entry.rdev ?? '0')),
        )
      ) {
        return
      }
      break
  }
  finish(work, full, entry, parent)
  await keepTime(work, path, full, entry)
}

async function makeFile(work: Work, path: string, full: string, entry: Entry): Promise<void> {
  if (entry.content === null) return
  work.files.push(full)
  if (await copied(work, path, full, entry)) return
  try {
    work.dir.create(full, await work.call.get(entry.content), entry.mode)
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown
    if (await copiedFromElsewhere(work, path, full, entry)) return
    // It was never kept because it stood there; it does not any more: somebody has written to it since it was read.
    const { source } = work
    const there = source === null ? null : await sourceEntry(work, source, path)
    if (source !== null && there?.content === entry.content) throw changedSince(join(source.dir.path, source.base), [path])
    throw thrown
  }
}

/** From the source's file of the same name, if it has that content: holes and shared blocks stay. */
async function copied(work: Work, path: string, full: string, entry: Entry): Promise<boolean> {
  const { source } = work
  if (source === null) return false
  const there = await sourceEntry(work, source, path)
  if (there?.type !== 'file' || there.content !== entry.content) return false
  return copyFrom(work, source, path, full, entry)
}

function copyFrom(work: Work, source: Source, path: string, full: string, entry: Entry): boolean {
  const name = join(source.base, path)
  if (source.dir.stat(name)?.type !== 'file') return false
  work.dir.copyFrom(source.dir, name, full, entry.mode)
  const after = source.dir.stat(name)
  // Older than the moment at which its content was known: these are those bytes. Else they are looked at.
  if (after !== null && after.ctimeNs < source.at && after.size === entry.size) return true
  if (work.dir.stat(full)?.size === entry.size && work.call.name(work.dir.read(full)) === entry.content) return true
  work.dir.remove(full)
  return false
}

/** Content that is not in the store: it was there before we were, or stands in a side that is not released yet. */
async function copiedFromElsewhere(work: Work, path: string, full: string, entry: Entry): Promise<boolean> {
  const sources = [...(work.source === null ? [] : [work.source]), ...(work.others ?? [])]
  const name = work.sourcePath?.(path) ?? path
  for (const source of sources) {
    const there = await work.trees.find(source.root, name).catch(() => null)
    if (there?.type !== 'file' || there.content !== entry.content || !copyFrom(work, source, name, full, entry)) continue
    const stat = source.dir.stat(join(source.base, name))
    if (stat !== null) work.dir.setMtime(full, stat.mtimeNs)
    return true
  }
  for (const source of sources) {
    const root = await work.trees.loadRoot(source.root)
    for (const { path: other, after } of await eachPath([{ path: '', before: null, after: root }], work.trees)) {
      if (after?.type === 'file' && after.content === entry.content && copyFrom(work, source, other, full, entry)) return true
    }
  }
  return false
}

/** Owner, then rights (changing the owner drops setuid), then attributes. */
function finish(work: Work, full: string, entry: Entry, parent: Entry): void {
  const owned = own(work, full, entry)
  if ((entry.mode & 0o7000) !== 0 && owned) work.dir.chmod(full, entry.mode)
  const inherits = parent.xattrs !== null && 'system.posix_acl_default' in parent.xattrs
  if (entry.xattrs !== null || inherits) setXattrs(work, full, entry)
}

function setXattrs(work: Work, full: string, entry: Entry): void {
  const has = xattrsOf(work.dir, full) ?? {}
  const wanted = entry.xattrs ?? {}
  const set = Object.fromEntries(
    Object.entries(wanted)
      .filter(([name, value]) => has[name] !== value)
      .map(([name, value]) => [name, Buffer.from(value, 'base64')]),
  )
  const drop = Object.keys(has).filter((name) => !(name in wanted))
  if (Object.keys(set).length + drop.length > 0) tried(work, full, () => work.dir.setXattrs(full, set, drop))
  // Dropping or setting an access list rewrites the group bits.
  if (drop.length > 0 || Object.keys(set).some((name) => name.startsWith('system.posix_acl_'))) work.dir.chmod(full, entry.mode)
}

function dropInherited(work: Work, path: string, full: string): void {
  const parent = work.touched.get(parentOf(path))
  if (path !== '' && !('system.posix_acl_default' in (parent?.xattrs ?? {}))) return
  const inherited = Object.keys(work.dir.xattrs(full)).filter((name) => name.startsWith('system.posix_acl_'))
  if (inherited.length > 0) work.dir.setXattrs(full, {}, inherited)
}

function own(work: Work, full: string, entry: Entry): boolean {
  return tried(work, full, () => work.dir.chown(full, entry.uid, entry.gid))
}

function tried(work: Work, full: string, act: () => void): boolean {
  try {
    act()
    return true
  } catch (thrown) {
    if (work.lenient !== true || !(thrown instanceof Fault) || thrown.fault.class !== 'forbidden') throw thrown
    work.short.push(full)
    return false
  }
}

/** What is not new keeps the time it has where it is copied from; what is new is as old as it is. */
async function keepTime(work: Work, path: string, full: string, entry: Entry): Promise<void> {
  const { source } = work
  if (source === null) return
  const there = await sourceEntry(work, source, path)
  if (there?.type !== entry.type || there.content !== entry.content || there.target !== entry.target || there.rdev !== entry.rdev) return
  const stat = source.dir.stat(join(source.base, path))
  if (stat?.type === entry.type) work.dir.setMtime(full, stat.mtimeNs)
}

async function sourceEntry(work: Work, source: Source, path: string): Promise<Entry | null> {
  return source.root === work.to ? work.trees.find(work.to, path) : work.trees.find(source.root, path)
}

/** Deepest first, since a parent may take away our right to reach what is in it. */
async function finishDirectories(work: Work): Promise<void> {
  const depth = (path: string): number => (path === '' ? 0 : path.split('/').length)
  for (const [path, entry] of [...work.touched].sort(([a], [b]) => depth(b) - depth(a))) {
    const full = join(work.base, path)
    own(work, full, entry)
    setXattrs(work, full, entry)
    work.dir.chmod(full, entry.mode)
    const { source } = work
    const there = source === null ? null : await sourceEntry(work, source, path)
    if (source === null || there?.type !== 'dir' || !(await sameNames(work.trees, there, entry))) continue
    const stat = source.dir.stat(join(source.base, path))
    if (stat?.type === 'dir') work.dir.setMtime(full, stat.mtimeNs)
  }
}

async function sameNames(trees: Trees, a: Entry, b: Entry): Promise<boolean> {
  if (a.content === b.content) return true
  if (a.content === null || b.content === null) return false
  const [left, right] = await trees.loadDifferent(a.content, b.content)
  return left.size === right.size && [...left.keys()].every((name) => right.has(name))
}

function sync({ dir, base, files, touched }: Work, holder?: string): void {
  if (files.length + touched.size > SYNC_EACH_MAX) {
    dir.syncAll()
    return
  }
  for (const file of files) dir.sync(file)
  for (const path of touched.keys()) dir.sync(join(base, path))
  if (holder !== undefined) dir.sync(holder)
}
