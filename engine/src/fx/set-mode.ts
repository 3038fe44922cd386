// Owns: setting the mode of one thing exactly, and of nothing that a link leads to.
// Never: relies on fchmodat with AT_SYMLINK_NOFOLLOW, which kernels before 6.6 have not.
import { chmodSync, closeSync, constants } from 'node:fs'
import { constants as os } from 'node:os'
import { faultOfCode, fsFault, nativeFault } from './fs-fault.ts'
import { natives } from './natives.ts'
import { O_PATH } from './open-flags.ts'
import type { TreeRoot } from './tree-root.ts'
import { codeOf } from './system-error.ts'

export function setMode(root: TreeRoot, operation: string, name: string, mode: number): void {
  const { dir, name: last } = root.spot(operation, name)
  const fd = natives().openAt(dir, last, O_PATH | constants.O_NOFOLLOW, 0)
  if (fd < 0) throw nativeFault(operation, root.shown(name), fd)
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode)
  } catch (error) {
    // A link has no mode: newer kernels say EOPNOTSUPP, older ones ELOOP.
    if (['ELOOP', 'EOPNOTSUPP', 'ENOTSUP'].includes(codeOf(error))) throw faultOfCode(operation, root.shown(name), 'EOPNOTSUPP')
    throw fsFault(operation, root.shown(name), error)
  } finally {
    closeSync(fd)
  }
}

/** For a directory that we own and may not write or search: rights for its owner, so that it can be emptied. */
export function openUp(fd: number): boolean {
  try {
    chmodSync(`/proc/self/fd/${fd}`, 0o700)
    return true
  } catch (error) {
    if (codeOf(error) === 'EPERM' || codeOf(error) === 'EROFS') return false
    throw error
  }
}

export const mayNot = (result: number): boolean => result === -os.errno.EACCES || result === -os.errno.EPERM
