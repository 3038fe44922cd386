// Owns: removing a name with everything below it. Deep trees take constant stack and few descriptors; a directory that
// lacks rights for its owner is opened up first.
// Never: follows a link; goes across a mount point.
import { closeSync, constants, readdirSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import { constants as os } from 'node:os'
import { Fault } from '@understudy/contract'
import { faultOfCode, fsFault, nativeFault } from './fs-fault.ts'
import { decodeName } from './names.ts'
import { natives } from './natives.ts'
import { O_PATH } from './open-flags.ts'
import { mayNot, openUp } from './set-mode.ts'
import { statOf } from './stat-of.ts'
import { codeOf } from './system-error.ts'
import { somethingMoved } from './tree-root.ts'
import type { Spot, TreeRoot } from './tree-root.ts'

const { ENOENT, ENOTEMPTY, EISDIR, ENOTDIR, ELOOP } = os.errno
const OPEN_MAX = 64 // levels held open; further up a directory is closed and found again through its child's `..`
const REFILLS_MAX = 8 // times a directory may be filled again by others while it is emptied

interface Level {
  fd: number
  readonly dev: bigint
  readonly ino: bigint
  /** Its name in the level above, with a zero at the end. */
  readonly name: Uint8Array
  /** Subdirectories still to be removed, as `name` is. */
  todo: Uint8Array[]
  refills: number
  opened: boolean
}

export function removeTree(root: TreeRoot, name: string): void {
  const shown = root.shown(name)
  if (name === '') throw faultOfCode('remove', shown, 'EBUSY')
  const spot = spotOrNull(root, name)
  if (spot === null) return
  const calls = natives()
  let result = calls.statAt(spot.dir, spot.name)
  if (result === 0 && statOf(calls.raw).type === 'dir') {
    const top = typeof spot.name === 'string' ? Buffer.from(`${spot.name}\0`, 'utf8') : spot.name
    try {
      removeDir(spot.dir, top, shown)
    } catch (error) {
      throw fsFault('remove', shown, error)
    } finally {
      somethingMoved()
    }
    return
  }
  if (result === 0) result = calls.unlinkAt(spot.dir, spot.name)
  if (result < 0 && result !== -ENOENT && result !== -ENOTDIR) throw nativeFault('remove', shown, result)
}

function removeDir(parent: number, top: Uint8Array, shown: string): void {
  const calls = natives()
  const levels: Level[] = []
  try {
    descend(levels, parent, top, shown)
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const next = level.todo.pop()
      if (next !== undefined) {
        descend(levels, level.fd, next, shown)
        continue
      }
      const above = levels.at(-2)
      if (above !== undefined && above.fd === -1) above.fd = climb(level, above, shown)
      const parentFd = above?.fd ?? parent
      let result = calls.rmdirAt(parentFd, level.name)
      if (mayNot(result) && above !== undefined && openedUp(above)) result = calls.rmdirAt(parentFd, level.name)
      if (result === -ENOTEMPTY && level.refills < REFILLS_MAX) {
        level.refills += 1
        clear(level, shown)
        continue
      }
      if (result < 0 && result !== -ENOENT) throw nativeFault('remove', `${shown} (in it: ${text(level.name)})`, result)
      levels.pop()
      closeSync(level.fd)
    }
  } finally {
    for (const { fd } of levels) if (fd !== -1) closeSync(fd)
  }
}

/** Opens a directory below `dir`, removes what is no directory in it, and makes it the deepest level. */
function descend(levels: Level[], dir: number, name: Uint8Array, shown: string): void {
  const calls = natives()
  const above = levels.at(-1)
  let fd = calls.openDirBeneath(dir, name, true)
  if (mayNot(fd) && above !== undefined && openedUp(above)) fd = calls.openDirBeneath(dir, name, true)
  if (fd === -ENOENT) return
  if (fd === -ENOTDIR || fd === -ELOOP) {
    const result = calls.unlinkAt(dir, name) // it became something else since it was listed
    if (result < 0 && result !== -ENOENT) throw nativeFault('remove', `${shown} (in it: ${text(name)})`, result)
    return
  }
  if (fd < 0) throw nativeFault('remove', `${shown} (in it: ${text(name)})`, fd)
  calls.statAt(fd, '')
  const { dev, ino } = statOf(calls.raw)
  const level: Level = { fd, dev, ino, name, todo: [], refills: 0, opened: false }
  levels.push(level)
  const far = levels.at(-1 - OPEN_MAX)
  if (far !== undefined && far.fd !== -1) {
    closeSync(far.fd)
    far.fd = -1
  }
  clear(level, shown)
}

function clear(level: Level, shown: string): void {
  const calls = natives()
  for (const entry of entriesOf(level)) {
    const name = Buffer.concat([entry.name, Buffer.of(0)])
    if (entry.isDirectory()) {
      level.todo.push(name)
      continue
    }
    let result = calls.unlinkAt(level.fd, name)
    if (mayNot(result) && openedUp(level)) result = calls.unlinkAt(level.fd, name)
    if (result === -EISDIR) level.todo.push(name)
    else if (result < 0 && result !== -ENOENT) throw nativeFault('remove', `${shown} (in it: ${text(name)})`, result)
  }
}

function entriesOf(level: Level): Dirent<Buffer>[] {
  const list = (): Dirent<Buffer>[] => readdirSync(`/proc/self/fd/${level.fd}`, { withFileTypes: true, encoding: 'buffer' })
  try {
    return list()
  } catch (error) {
    if (codeOf(error) !== 'EACCES' || !openedUp(level)) throw error
    return list()
  }
}

/** The level above by `..`, if it is still that directory. */
function climb(from: Level, to: Level, shown: string): number {
  const calls = natives()
  const fd = calls.openAt(from.fd, '..', O_PATH | constants.O_DIRECTORY, 0)
  if (fd < 0) throw nativeFault('remove', shown, fd)
  calls.statAt(fd, '')
  const { dev, ino } = statOf(calls.raw)
  if (dev === to.dev && ino === to.ino) return fd
  closeSync(fd)
  throw faultOfCode('remove', `${shown} (moved while it was removed: ${text(from.name)})`, 'ENOENT')
}

/** Once per directory: gives its owner all rights to it. False if that was done already, or it is not ours. */
function openedUp(level: Level): boolean {
  if (level.opened) return false
  level.opened = true
  return openUp(level.fd)
}

function text(name: Uint8Array): string {
  return decodeName(name.subarray(0, -1))
}

function spotOrNull(root: TreeRoot, name: string): Spot | null {
  try {
    return root.spot('remove', name)
  } catch (error) {
    if (error instanceof Fault && (error.fault.code === 'fs.missing' || error.fault.code === 'fs.not-a-directory')) return null
    throw error
  }
}
