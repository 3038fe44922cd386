// Owns: the reading half of a directory held open.
// Never: writes; follows a link.
import { closeSync, constants, readSync, readdirSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import { constants as os } from 'node:os'
import { Fault } from '@understudy/contract'
import type { DirReads, Stat } from '@understudy/contract'
import { faultOfCode, fsFault, nativeFault } from './fs-fault.ts'
import { decodeName, mayBeDamaged, sortByBytes } from './names.ts'
import { natives } from './natives.ts'
import { statOf } from './stat-of.ts'
import type { TreeRoot } from './tree-root.ts'
import { readXattrs } from './xattrs.ts'

const SIZE_MAX = 2 ** 31 - 1 // bytes read whole into memory: what one read(2) and one buffer hold on every machine
const CHUNK = 65_536 // bytes, for files that do not say their size (/proc)
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY

export function treeReads(root: TreeRoot): DirReads {
  return {
    path: root.path,
    stat: (name) => statAt(root, name),
    list: (name) => listAt(root, name),
    read: (name) => withFile(root, 'read', name, (fd, { size }) => readWhole(fd, size, root.shown(name))),
    readlink(name) {
      const { dir, name: last } = root.spot('readlink', name)
      const target = natives().readlinkAt(dir, last)
      if (target === -os.errno.EINVAL) throw faultOfCode('readlink', root.shown(name), 'EINVAL')
      if (typeof target === 'number') throw nativeFault('readlink', root.shown(name), target)
      return decodeName(target)
    },
    xattrs: (name) => readXattrs(root, name),
    close: () => root.close(),
  }
}

/** Null where nothing is. */
export function statAt(root: TreeRoot, name: string): Stat | null {
  const calls = natives()
  let result: number
  try {
    const { dir, name: last } = root.spot('stat', name)
    result = calls.statAt(dir, last)
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
  if (result === 0) return statOf(calls.raw)
  if (result === -os.errno.ENOENT || result === -os.errno.ENOTDIR) return null
  throw nativeFault('stat', root.shown(name), result)
}

/** Runs `use` with a regular file open for reading. */
export function withFile<T>(root: TreeRoot, operation: string, name: string, use: (fd: number, stat: Stat) => T): T {
  const calls = natives()
  const { dir, name: last } = root.spot(operation, name)
  const fd = calls.openAt(dir, last, READ, 0)
  if (fd === -os.errno.ELOOP) throw faultOfCode(operation, root.shown(name), 'ENXIO')
  if (fd < 0) throw nativeFault(operation, root.shown(name), fd)
  try {
    const result = calls.statAt(fd, '')
    if (result < 0) throw nativeFault(operation, root.shown(name), result)
    const stat = statOf(calls.raw)
    if (stat.type !== 'file') throw faultOfCode(operation, root.shown(name), 'ENXIO')
    return use(fd, stat)
  } catch (error) {
    throw fsFault(operation, root.shown(name), error)
  } finally {
    closeSync(fd)
  }
}

function readWhole(fd: number, size: number, path: string): Uint8Array {
  if (size > SIZE_MAX) throw faultOfCode('read', path, 'EFBIG')
  if (size > 0) {
    const bytes = Buffer.allocUnsafeSlow(size)
    let filled = 0
    while (filled < size) {
      const read = readSync(fd, bytes, filled, size - filled, null)
      if (read === 0) break
      filled += read
    }
    return filled === size ? bytes : bytes.subarray(0, filled)
  }
  const parts: Buffer[] = []
  for (let read = -1, total = 0; read !== 0; total += read) {
    const part = Buffer.allocUnsafeSlow(CHUNK)
    read = readSync(fd, part, 0, CHUNK, null)
    if (read > 0) parts.push(part.subarray(0, read))
    if (total > SIZE_MAX) throw faultOfCode('read', path, 'EFBIG')
  }
  return Buffer.concat(parts)
}

function listAt(root: TreeRoot, name: string): ReturnType<DirReads['list']> {
  const path = `/proc/self/fd/${dirAt(root, 'list', name)}`
  try {
    const entries = readdirSync(path, { withFileTypes: true })
    if (!entries.some((entry) => mayBeDamaged(entry.name))) {
      return sortByBytes(entries.map((entry) => ({ name: entry.name, type: typeOf(entry) })))
    }
    const raw = readdirSync(path, { withFileTypes: true, encoding: 'buffer' })
    return sortByBytes(raw.map((entry) => ({ name: decodeName(entry.name), type: typeOf(entry) })))
  } catch (error) {
    throw fsFault('list', root.shown(name), error)
  }
}

function dirAt(root: TreeRoot, operation: string, name: string): number {
  try {
    return root.dir(operation, name)
  } catch (error) {
    // The kernel says the same of a link in the middle and at the end; at the end it is only no directory.
    if (statAt(root, name)?.type === 'link') throw faultOfCode(operation, root.shown(name), 'ENOTDIR')
    throw error
  }
}

function typeOf(entry: Dirent<string> | Dirent<Buffer>): Stat['type'] {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'dir'
  if (entry.isSymbolicLink()) return 'link'
  if (entry.isFIFO()) return 'fifo'
  if (entry.isSocket()) return 'socket'
  return entry.isBlockDevice() ? 'block' : 'char'
}

/** Nothing is there, or something on the way is no directory. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Fault && (error.fault.code === 'fs.missing' || error.fault.code === 'fs.not-a-directory')
}
