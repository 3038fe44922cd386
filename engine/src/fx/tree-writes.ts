// Owns: the writing half of a directory held open. Every method is one record, well or badly ended.
// Never: follows a link; leaves half a file.
import { closeSync, constants, fchmodSync, fsyncSync } from 'node:fs'
import { constants as os } from 'node:os'
import type { DirReads, DirWrites } from '@understudy/contract'
import { setMode } from './set-mode.ts'
import { copyContent } from './copy-content.ts'
import { faultOfCode, fsFault, nativeFault, syncFault } from './fs-fault.ts'
import { encodeName } from './names.ts'
import { natives } from './natives.ts'
import type { FsRecords } from './fs-records.ts'
import { removeTree } from './remove-tree.ts'
import { renameKeeping } from './rename-keeping.ts'
import { systemError } from './system-error.ts'
import { rootOf, somethingMoved } from './tree-root.ts'
import type { TreeRoot } from './tree-root.ts'
import { withFile } from './tree-reads.ts'
import { writeContent } from './write-content.ts'
import { writeXattrs } from './xattrs.ts'

const { EINVAL, ENOSYS, EXDEV, EOPNOTSUPP, EACCES } = os.errno
const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | constants.O_NOCTTY
const SPECIAL = { fifo: 0o010000, char: 0o020000, block: 0o060000 } // inode(7)
const NS = 1_000_000_000n

export function treeWrites(root: TreeRoot, reads: DirReads, records: FsRecords): DirWrites {
  const calls = natives()
  const shown = (name: string): string => root.shown(name)
  /** One native call on one name. */
  const simple = (verb: string, name: string, call: (dir: number, last: string | Uint8Array) => number): void =>
    records.taken(verb, shown(name), 0, () => {
      const { dir, name: last } = root.spot(verb, name)
      const result = call(dir, last)
      if (result < 0) throw nativeFault(verb, shown(name), result)
    })
  /** What has been made gets its exact mode, or goes again. */
  const exactMode = (verb: string, name: string, mode: number, unmake: () => number): void => {
    try {
      setMode(root, verb, name, mode)
    } catch (error) {
      unmake()
      throw error
    }
  }
  /** `what` is shown when it goes wrong. */
  const makeFile = (verb: string, name: string, what: string, mode: number, fill: (fd: number) => void): void => {
    const { dir, name: last } = root.spot(verb, name)
    const fd = calls.openAt(dir, last, constants.O_WRONLY | NEW, mode & 0o777)
    if (fd < 0) throw nativeFault(verb, what, fd)
    try {
      fill(fd)
      fchmodSync(fd, mode) // after writing, which may drop setuid; and past umask and inherited access lists
    } catch (error) {
      calls.unlinkAt(dir, last)
      throw fsFault(verb, what, error)
    } finally {
      closeSync(fd)
    }
  }

  return {
    ...reads,
    create: (name, bytes, mode) =>
      records.taken('create', shown(name), bytes.byteLength, () =>
        makeFile('create', name, shown(name), mode, (fd) => writeContent(fd, bytes)),
      ),
    mkdir: (name, mode) =>
      simple('mkdir', name, (dir, last) => {
        const result = calls.mkdirAt(dir, last, mode & 0o777)
        if (result === 0) exactMode('mkdir', name, mode, () => calls.rmdirAt(dir, last))
        return result
      }),
    symlink: (name, target) =>
      simple('symlink', name, (dir, last) => calls.symlinkAt(Buffer.concat([encodeName(target), Buffer.of(0)]), dir, last)),
    hardlink: (name, existing) =>
      simple('hardlink', name, (dir, last) => {
        const from = root.spot('hardlink', existing)
        return calls.linkAt(from.dir, from.name, dir, last)
      }),
    mknod: (name, type, mode, rdev) =>
      simple('mknod', name, (dir, last) => {
        if (rdev >> 32n !== 0n) throw faultOfCode('mknod', shown(name), 'EINVAL') // what the system call takes
        const result = calls.mknodAt(dir, last, SPECIAL[type] | (mode & 0o777), Number(rdev))
        if (result === 0) exactMode('mknod', name, mode, () => calls.unlinkAt(dir, last))
        return result
      }),
    chmod: (name, mode) => records.taken('chmod', shown(name), 0, () => setMode(root, 'chmod', name, mode)),
    chown: (name, uid, gid) => simple('chown', name, (dir, last) => calls.chownAt(dir, last, uid, gid)),
    setMtime: (name, mtimeNs) =>
      simple('setMtime', name, (dir, last) => {
        const nanoseconds = ((mtimeNs % NS) + NS) % NS // before 1970 the seconds round down
        return calls.utimeAt(dir, last, (mtimeNs - nanoseconds) / NS, nanoseconds)
      }),
    setXattrs: (name, set, drop) => records.taken('setXattrs', shown(name), 0, () => writeXattrs(root, name, set, drop)),
    copyFrom: (from, fromName, name, mode) =>
      records.sized('copyFrom', shown(name), () =>
        withFile(rootOf(from), 'copyFrom', fromName, (source, stat) => {
          makeFile('copyFrom', name, `${rootOf(from).shown(fromName)} to ${shown(name)}`, mode, (fd) => copyContent(source, fd, stat))
          return stat.size
        }),
      ),
    remove: (name) => records.taken('remove', shown(name), 0, () => removeTree(root, name)),
    rename: (name, to, toName, { replace }) =>
      records.taken('rename', `${shown(name)} -> ${to.path}/${toName}`, 0, () => {
        const target = rootOf(to)
        const from = root.spot('rename', name)
        const onto = target.spot('rename', toName)
        const how = replace ? 'replace' : 'keep'
        let result = calls.renameAt(from.dir, from.name, onto.dir, onto.name, how)
        if (!replace && (result === -EINVAL || result === -ENOSYS)) result = renameKeeping(from, onto)
        if (result < 0) throw nativeFault('rename', `${shown(name)} to ${target.shown(toName)}`, result)
        somethingMoved()
      }),
    exchange: (name, other, otherName) =>
      records.taken('exchange', `${shown(name)} <-> ${other.path}/${otherName}`, 0, () => {
        const target = rootOf(other)
        const one = root.spot('exchange', name)
        const two = target.spot('exchange', otherName)
        const result = calls.renameAt(one.dir, one.name, two.dir, two.name, 'exchange')
        if ([EINVAL, ENOSYS, EXDEV, EOPNOTSUPP].includes(-result)) return false
        if (result < 0) throw nativeFault('exchange', `${shown(name)} with ${target.shown(otherName)}`, result)
        somethingMoved()
        return true
      }),
    sync: (name) =>
      records.taken('sync', shown(name), 0, () => {
        const { dir, name: last } = root.spot('sync', name)
        const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY
        let fd = calls.openAt(dir, last, constants.O_RDONLY | flags, 0)
        if (fd === -EACCES) fd = calls.openAt(dir, last, constants.O_WRONLY | flags, 0) // a file that may only be written
        if (fd === -os.errno.ELOOP) throw faultOfCode('sync', shown(name), 'ENXIO')
        if (fd < 0) throw nativeFault('sync', shown(name), fd)
        try {
          fsyncSync(fd)
        } catch (error) {
          throw syncFault('sync', shown(name), error)
        } finally {
          closeSync(fd)
        }
      }),
    syncAll: () =>
      records.taken('syncAll', root.path, 0, () => {
        const fd = calls.openAt(root.dir('syncAll', ''), '.', constants.O_RDONLY | constants.O_DIRECTORY, 0)
        if (fd < 0) throw nativeFault('syncAll', root.path, fd)
        try {
          const result = calls.syncFileSystem(fd)
          if (result < 0) throw syncFault('syncAll', root.path, systemError(result))
        } finally {
          closeSync(fd)
        }
      }),
  }
}
