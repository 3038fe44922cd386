// Owns: copying one open file into an empty one: by reference where the file system can, else its data and not its holes.
// Never: opens or names anything.
import { ftruncateSync, readSync, writeSync } from 'node:fs'
import { constants as os } from 'node:os'
import type { Stat } from '@understudy/contract'
import { natives } from './natives.ts'
import { systemError } from './system-error.ts'

const { EOPNOTSUPP, ENOSYS, EXDEV, EINVAL, ENOTTY, ENXIO, EPERM, ETXTBSY, EBADF } = os.errno
const SMALL = 16_384 // bytes: up to this, reading and writing beats asking the kernel to copy
const CHUNK = 4 * 1024 * 1024 // bytes a call, so that none takes long
const cannotClone = new Set([EOPNOTSUPP, ENOSYS, EXDEV, EINVAL, ENOTTY, EPERM, ETXTBSY])
const cannotRange = new Set([EOPNOTSUPP, ENOSYS, EXDEV, EINVAL, EPERM, EBADF, ETXTBSY])
const buffer = Buffer.allocUnsafeSlow(256 * 1024)

export function copyContent(from: number, to: number, { size, blocks }: Pick<Stat, 'size' | 'blocks'>): void {
  if (size === 0) return copyRest(from, to)
  if (size <= SMALL && blocks * 512 >= size) return copyRange(from, to, 0, size)
  const calls = natives()
  const cloned = calls.clone(to, from)
  if (cloned === 0) return
  if (!cannotClone.has(-cloned)) throw systemError(cloned)
  ftruncateSync(to, size)
  let at = 0
  while (at < size) {
    const data = calls.seek(from, at, 'data')
    if (data === -ENXIO) return // only a hole is left
    const start = data < 0 ? at : data // a file system that does not know holes has none
    const end = data < 0 ? size : calls.seek(from, start, 'hole')
    at = end < 0 ? size : Math.min(end, size)
    copyRange(from, to, start, at)
  }
}

function copyRange(from: number, to: number, start: number, end: number): void {
  const calls = natives()
  let at = start
  while (end - at > SMALL) {
    const copied = calls.copyRange(from, at, to, at, Math.min(CHUNK, end - at))
    if (copied === 0) return ftruncateSync(to, at) // it was cut while we copied
    if (copied < 0 && !cannotRange.has(-copied)) throw systemError(copied)
    if (copied < 0) break
    at += copied
  }
  while (at < end) {
    const read = readSync(from, buffer, 0, Math.min(buffer.length, end - at), at)
    if (read === 0) return ftruncateSync(to, at)
    writeAll(to, read, at)
    at += read
  }
}

/** A file that says it is empty and may not be (/proc, /sys). */
function copyRest(from: number, to: number): void {
  for (let at = 0; ;) {
    const read = readSync(from, buffer, 0, buffer.length, at)
    if (read === 0) return
    writeAll(to, read, at)
    at += read
  }
}

function writeAll(to: number, length: number, at: number): void {
  for (let written = 0; written < length;) written += writeSync(to, buffer, written, length - written, at + written)
}
