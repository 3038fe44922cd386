// Owns: the slow half of a step: the new file made whole and durable beside the live one.
// Never: touches the live file, or anything else outside but a missing parent directory; prepares on top of what the plan did not see.
import { posix } from 'node:path'
import { equal } from '@understudy/contract'
import type { DirWrites, Hands, Prepared } from '@understudy/contract'
import { pointAt, sweepLinks } from '../files-tree/place.ts'
import { shown } from '../files-tree/tree-fault.ts'
import { changedOutside, fileFault } from './file-fault.ts'
import { filePlace } from './file-place.ts'
import type { FilePlace } from './file-place.ts'
import { rememberSecret } from './file-record.ts'
import { openIfThere } from './open-if-there.ts'
import { printOf, readFile } from './read-file.ts'
import type { ReadFile } from './read-file.ts'
import type { FileMemento, FileOut, FileSide, FileState } from './spec.ts'

const PARENT_MODE = 0o755 // as `mkdir -p` of most people makes them

export async function prepareFile(
  path: string,
  from: FileState | null,
  to: FileState | null,
  call: Hands,
): Promise<Prepared<FileMemento, FileOut>> {
  const place = filePlace(path, call.key, (bytes) => call.name(bytes))
  const dir = openIfThere(call.fx, place.parent) ?? (from === null && to !== null ? madeFor(place, call) : null)
  if (dir === null) {
    const hint = 'Somebody took it away: make it again, with what was in it.'
    throw fileFault('no-directory', 'conflict', 'The directory of the file is not there.', shown(place.parent), hint)
  }
  try {
    const live = readFile(dir, place.name, (bytes) => call.name(bytes))
    checkFrom(path, live, from)
    // Whatever comes later, the way back to this content must not hang on the file staying where it is.
    if (live !== null) await call.put(live.bytes)
    const before: FileSide = live === null || from === null ? null : { state: from, print: live.print }
    for (const state of [from, to]) if (state?.secret === true) rememberSecret(call, state.digest)
    makeHolder(dir, place)
    dir.remove(place.slot) // left by an earlier try of this very step
    const links = { dir, ...place.names }
    sweepLinks(links)
    const after = to === null ? null : await makeBeside(dir, place, to, call)
    if (before !== null) pointAt(links, BigInt(before.print.ino), place.name)
    if (after !== null) pointAt(links, BigInt(after.print.ino), place.slot)
    dir.sync(place.holder)
    return {
      memento: { key: call.key, before, after },
      out: after === null ? null : { path, slot: posix.join(place.parent, place.holder, `i${after.print.ino}`) },
      reversal: 'switch',
      bytesHeld: from?.size ?? 0,
      losses: [],
    }
  } finally {
    dir.close()
  }
}

/** Missing directories above are made, as a tree makes them; they stay. */
function madeFor({ parent }: FilePlace, call: Hands): DirWrites | null {
  call.fx.fs.ensure(parent, PARENT_MODE)
  return openIfThere(call.fx, parent)
}

function checkFrom(path: string, live: ReadFile | null, from: FileState | null): void {
  if (from === null) {
    if (live !== null) throw changedOutside(path, 'it was made after it was planned')
    return
  }
  if (live === null) throw changedOutside(path, 'it went away after it was planned')
  const { secret: _mark, ...known } = from
  if (!equal(known, live.state)) throw changedOutside(path, 'it is not what was planned from')
}

export function makeHolder(dir: DirWrites, place: FilePlace): void {
  const stat = dir.stat(place.holder)
  if (stat === null) {
    dir.mkdir(place.holder, 0o700)
    dir.sync('')
    return
  }
  if (stat.type === 'dir' && stat.uid === process.getuid?.()) return
  const hint = 'Somebody else made it: remove it, then try again.'
  throw fileFault('holder-taken', 'conflict', 'The place beside the file is taken.', shown(`${place.parent}/${place.holder}`), hint)
}

async function makeBeside(dir: DirWrites, { path, slot }: FilePlace, to: FileState, call: Hands): Promise<FileSide> {
  const bytes = await call.get(to.digest)
  dir.create(slot, bytes, 0o600)
  const made = dir.stat(slot)
  if (made === null) throw changedOutside(path, 'what was made beside it went away')
  if (made.uid !== to.uid || made.gid !== to.gid) dir.chown(slot, to.uid, to.gid)
  const wanted = to.xattrs ?? {}
  // A default ACL of the directory gives new files attributes that nobody asked for.
  const surplus = Object.keys(readFile(dir, slot, (content) => call.name(content))?.state.xattrs ?? {}).filter((name) => !(name in wanted))
  if (surplus.length > 0 || Object.keys(wanted).length > 0) dir.setXattrs(slot, decoded(wanted), surplus)
  dir.chmod(slot, to.mode) // last: changing the owner takes setuid away, an ACL sets the group's bits
  dir.sync(slot)
  const read = readFile(dir, slot, (content) => call.name(content))
  const { secret: _mark, ...known } = to
  if (read === null || !equal(known, read.state)) {
    const detail = `${shown(path)}: wanted ${JSON.stringify(known)}, got ${JSON.stringify(read?.state ?? null)}.`
    const hint = 'The file system does not keep all of it: leave mode, owner or attributes as it gives them.'
    throw fileFault('not-kept', 'invalid', 'The file system did not keep the file as it was written.', detail, hint)
  }
  return { state: to, print: printOf(read.stat) }
}

function decoded(xattrs: Readonly<Record<string, string>>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]))
}
