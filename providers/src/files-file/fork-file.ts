// Owns: a copy of a file in another world's room, and its removal.
// Never: writes to the original.
import { posix } from 'node:path'
import { equal, Fault } from '@understudy/contract'
import type { At, DirWrites, Forked, Hands, Stat } from '@understudy/contract'
import { pointAt, slotOf } from '../files-tree/place.ts'
import { changedOutside } from './file-fault.ts'
import { filePlace } from './file-place.ts'
import { rememberSecret } from './file-record.ts'
import { openIfThere } from './open-if-there.ts'
import { makeHolder } from './prepare-file.ts'
import { readFile } from './read-file.ts'
import type { FileOut, FilePart, FileState } from './spec.ts'

const FOLDER = 'file'

export async function forkFile(from: FilePart, live: FileState | null, call: Hands): Promise<Forked<FilePart, FileOut>> {
  const name = posix.basename(from.path)
  const path = `${call.room}/${FOLDER}/${name}`
  call.fx.fs.ensure(`${call.room}/${FOLDER}`, 0o700)
  const part: FilePart = { path }
  if (live === null) return { part, out: null, fidelity: 'exact', because: '' }
  if (live.secret) rememberSecret(call, live.digest)
  const source = openIfThere(call.fx, posix.dirname(from.path))
  if (source === null) throw changedOutside(from.path, 'its directory is gone')
  const copy = call.fx.fs.open(`${call.room}/${FOLDER}`)
  try {
    const read = readFile(source, name, (bytes) => call.name(bytes))
    const { secret: _mark, ...known } = live
    if (read === null || !equal(known, read.state)) throw changedOutside(from.path, 'it is not what was planned from')
    copy.remove(name)
    copy.create(name, read.bytes, 0o600)
    const because = dress(copy, name, read.stat, known.xattrs)
    const place = filePlace(path, call.key, (bytes) => call.name(bytes))
    const links = { dir: copy, ...place.names }
    const ino = copy.stat(name)?.ino ?? 0n
    makeHolder(copy, place)
    pointAt(links, ino, name)
    return { part, out: { path, slot: slotOf(links, path, ino) }, fidelity: because === '' ? 'exact' : 'partial', because }
  } finally {
    source.close()
    copy.close()
  }
}

/** Owner, attributes, mode, time. What we may not set is said, not hidden. */
function dress(copy: DirWrites, name: string, stat: Stat, xattrs: FileState['xattrs']): string {
  const missing: string[] = []
  const attempt = (what: string, act: () => void): void => {
    try {
      act()
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.fault.class !== 'forbidden') throw thrown
      missing.push(what)
    }
  }
  const made = copy.stat(name)
  if (made?.uid !== stat.uid || made.gid !== stat.gid) attempt('owner', () => copy.chown(name, stat.uid, stat.gid))
  for (const [key, value] of Object.entries(xattrs ?? {}))
    attempt(key, () => copy.setXattrs(name, { [key]: Buffer.from(value, 'base64') }, []))
  copy.chmod(name, stat.mode)
  copy.setMtime(name, stat.mtimeNs)
  return missing.length === 0 ? '' : `without the right to copy its ${missing.join(', ')}`
}

export function closeFile(_at: At<FilePart | null>, call: Hands): void {
  const room = openIfThere(call.fx, call.room)
  if (room === null) return
  try {
    room.remove(FOLDER)
  } finally {
    room.close()
  }
}
