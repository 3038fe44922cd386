// Owns: one regular file read whole, as it stood at one moment: identity, fingerprint and bytes.
// Never: follows a link, writes, or takes a file that changed under its eyes.
import { Fault } from '@understudy/contract'
import type { DirReads, Look, Stat } from '@understudy/contract'
import { FILE_BYTES_MAX, xattrsOf } from '../files-tree/read-tree.ts'
import { shown } from '../files-tree/tree-fault.ts'
import { fileFault } from './file-fault.ts'
import type { FileState, Print } from './spec.ts'

export interface ReadFile {
  readonly state: Omit<FileState, 'secret'>
  readonly print: Print
  readonly stat: Stat
  readonly bytes: Uint8Array
}

const TRIES = 3 // a file that is written all the time cannot be read; a single late write should not fail a plan

/** Null when nothing has that name. @throws Fault for what is not a regular file, is too big, or does not hold still. */
export function readFile(dir: DirReads, name: string, nameOf: Look['name']): ReadFile | null {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const before = statFile(dir, name)
    if (before === null) return null
    if (before.size > FILE_BYTES_MAX) {
      const hint = 'Leave it out of the stack; content is kept in the store, and is read in one piece.'
      throw fileFault(
        'too-big',
        'invalid',
        'The file is too big.',
        `${where(dir, name)} has ${before.size} bytes, ${FILE_BYTES_MAX} are allowed.`,
        hint,
      )
    }
    const bytes = readOrNull(dir, name)
    const xattrs = bytes === null ? null : xattrsOf(dir, name)
    const after = dir.stat(name)
    if (bytes === null || after === null || after.ino !== before.ino || after.ctimeNs !== before.ctimeNs || bytes.length !== after.size)
      continue
    const { mode, uid, gid, size } = after
    return { state: { digest: nameOf(bytes), size, mode, uid, gid, xattrs }, print: printOf(after), stat: after, bytes }
  }
  const hint = 'Stop what writes to it, or leave it out of the stack.'
  throw fileFault('changed-while-read', 'transient', 'The file changed while it was read.', `${where(dir, name)}, ${TRIES} times.`, hint)
}

/** Null when nothing has that name. @throws Fault for what is not a regular file. */
export function statFile(dir: DirReads, name: string): Stat | null {
  const stat = dir.stat(name)
  if (stat === null || stat.type === 'file') return stat
  const what = where(dir, name)
  if (stat.type === 'link') {
    const target = shown(dir.readlink(name))
    const hint = `Name the file that it leads to (${target}) as path, or remove the link.`
    throw fileFault('is-a-link', 'invalid', 'The path is a symbolic link.', `${what} leads to ${target}.`, hint)
  }
  if (stat.type === 'dir') {
    throw fileFault('is-a-directory', 'invalid', 'The path is a directory.', what, 'Directories are of kind files.tree.')
  }
  throw fileFault('not-regular', 'invalid', 'The path is not a regular file.', `${what} is a ${stat.type}.`, 'Name a regular file.')
}

export function printOf({ ino, size, mode, uid, gid, mtimeNs, ctimeNs }: Stat): Print {
  return { ino: `${ino}`, size, mode, uid, gid, mtimeNs: `${mtimeNs}`, ctimeNs: `${ctimeNs}` }
}

/** The same file, not written to, as far as can be told without reading it. */
export function samePrint(a: Print, b: Print): boolean {
  return a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
}

function readOrNull(dir: DirReads, name: string): Uint8Array | null {
  try {
    return dir.read(name)
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.fault.class === 'conflict') return null // went away just now: looked at again
    throw thrown
  }
}

function where(dir: DirReads, name: string): string {
  return shown(`${dir.path === '/' ? '' : dir.path}/${name}`)
}
