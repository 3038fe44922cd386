// Owns: naming the bytes of regular files in one directory by the store's keyed hash, with nothing but Node: what a worker
// thread runs, and its own thread where a worker is not worth starting.
// Never: follows a link in the last component; decides what an error means (what cannot be read is null).
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** A file's bytes by name, and which file that was. */
export interface NamedHere {
  /** HMAC-SHA-256, hexadecimal. */
  readonly hex: string
  readonly size: number
  readonly ino: bigint
  readonly ctimeNs: bigint
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY
const CHUNK = 1 << 20 // bytes read at once: most files whole, and no file takes more memory than this
const buffer = Buffer.allocUnsafeSlow(CHUNK)

/** @param folder descriptor of the directory. @param names plain, or bytes where a name is not UTF-8. */
export function nameHere(folder: number, names: readonly (string | Uint8Array)[], key: KeyObject): (NamedHere | null)[] {
  const prefix = `/proc/self/fd/${folder}/`
  return names.map((name) => {
    let fd: number
    try {
      fd = openSync(typeof name === 'string' ? prefix + name : Buffer.concat([Buffer.from(prefix), name]), READ)
    } catch {
      return null
    }
    try {
      return nameOpen(fd, key)
    } catch {
      return null
    } finally {
      closeSync(fd)
    }
  })
}

function nameOpen(fd: number, key: KeyObject): NamedHere | null {
  const before = fstatSync(fd, { bigint: true })
  if (!before.isFile()) return null
  const hash = createHmac('sha256', key)
  let size = 0
  for (let read = -1; read !== 0; size += read) {
    read = readSync(fd, buffer, 0, CHUNK, null)
    if (read > 0) hash.update(buffer.subarray(0, read))
  }
  const after = fstatSync(fd, { bigint: true })
  const still = after.ctimeNs === before.ctimeNs && after.mtimeNs === before.mtimeNs && after.size === BigInt(size)
  return still ? { hex: hash.digest('hex'), size, ino: after.ino, ctimeNs: after.ctimeNs } : null
}
