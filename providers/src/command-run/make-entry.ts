// Owns: making what an entry says, at a free name.
// Never: replaces anything.
import type { DirWrites, Hands } from '@understudy/contract'
import { xattrsOf } from '../files-tree/read-tree.ts'
import { shown } from '../files-tree/tree-fault.ts'
import type { Entry } from './entries.ts'
import { runFault } from './run-fault.ts'

/** `linkTo`: the name, in the same directory, that this is another name of. */
export async function makeEntry(dir: DirWrites, name: string, entry: Entry, linkTo: string | null, call: Hands): Promise<void> {
  if (entry.type === 'file' && linkTo !== null) return dir.hardlink(name, linkTo)
  if (entry.type === 'file') dir.create(name, await call.get(entry.digest), 0o600)
  else if (entry.type === 'dir') dir.mkdir(name, 0o700)
  else if (entry.type === 'link') dir.symlink(name, entry.target)
  else if (entry.type === 'fifo') dir.mknod(name, 'fifo', 0o600, 0n)
  else if (entry.type === 'socket') {
    const hint = 'Only whoever listens on it can make it again.'
    throw runFault('socket', 'invalid', 'A socket cannot be brought back.', shown(`${dir.path}/${name}`), hint)
  } else dir.mknod(name, entry.type, 0o600, BigInt(entry.rdev))
  dress(dir, name, entry)
  if (entry.type === 'file' || entry.type === 'dir') dir.sync(name)
}

/** Owner, attributes and mode of what is there, in the order in which they do not undo each other. */
export function dress(dir: DirWrites, name: string, entry: Entry): void {
  const now = dir.stat(name)
  if (now?.uid !== entry.uid || now.gid !== entry.gid) dir.chown(name, entry.uid, entry.gid)
  if (entry.type === 'link') return
  const wanted = entry.xattrs ?? {}
  const there = Object.keys(xattrsOf(dir, name) ?? {})
  const surplus = there.filter((key) => !(key in wanted))
  if (surplus.length > 0 || Object.keys(wanted).length > 0) {
    dir.setXattrs(name, Object.fromEntries(Object.entries(wanted).map(([key, value]) => [key, Buffer.from(value, 'base64')])), surplus)
  }
  dir.chmod(name, entry.mode)
}
