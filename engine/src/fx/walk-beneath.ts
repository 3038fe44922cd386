// Owns: the way down to a directory where the kernel has no openat2: one component after another, no link followed.
// Never: leaves the tree it started in.
import { closeSync, constants } from 'node:fs'
import { constants as os } from 'node:os'
import { O_CLOEXEC, O_PATH } from './open-flags.ts'
import type { NativeName, Natives } from './natives.ts'

const S_IFMT = 0o170000
const S_IFLNK = 0o120000
const NEXT = O_PATH | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** Like `openDirBeneath`: a descriptor, or minus the errno; ELOOP for a link on the way, EXDEV where another device begins. */
export function walkBeneath(
  { openAt, statAt, raw }: Pick<Natives, 'openAt' | 'statAt' | 'raw'>,
  dir: number,
  path: NativeName,
  sameMount: boolean,
): number {
  let at = openAt(dir, '.', NEXT, 0)
  const device = sameMount ? deviceOf(at) : null
  for (const component of componentsOf(path)) {
    if (at < 0) return at
    const next = openAt(at, component, NEXT, 0)
    const isLink = next === -os.errno.ENOTDIR && statAt(at, component) === 0 && ((raw.u16[14] ?? 0) & S_IFMT) === S_IFLNK
    closeSync(at)
    if (isLink) return -os.errno.ELOOP
    at = next
    if (at >= 0 && device !== null && deviceOf(at) !== device) {
      closeSync(at)
      return -os.errno.EXDEV
    }
  }
  return at

  function deviceOf(fd: number): bigint {
    return fd >= 0 && statAt(fd, '') === 0 ? (raw.u64[17] ?? 0n) : -1n // stx_dev_major and _minor, byte 136
  }
}

/** As bytes with a zero at the end, whatever they were. */
function componentsOf(path: NativeName): Uint8Array[] {
  const bytes = typeof path === 'string' ? Buffer.from(`${path}\0`, 'utf8') : Buffer.from(path)
  const parts: Uint8Array[] = []
  let from = 0
  for (const [at, byte] of bytes.entries()) {
    if (byte !== 0x2f && byte !== 0) continue
    if (at > from) parts.push(Buffer.concat([bytes.subarray(from, at), Buffer.of(0)]))
    from = at + 1
  }
  return parts
}
