// Owns: prints of many names at once: what lstat says, in 32 bytes each, without an object or a big integer a name. A
// directory is opened once for the names in it that follow one another.
// Never: reads content; follows a link.
import { constants as os } from 'node:os'
import { Fault, PRINT_NUMBERS } from '@understudy/contract'
import { nativeFault } from './fs-fault.ts'
import { natives } from './natives.ts'
import type { NativeName, RawStat } from './natives.ts'
import { S_IFMT } from './stat-of.ts'
import { isAbsent } from './tree-reads.ts'
import type { TreeRoot } from './tree-root.ts'

const S_IFDIR = 0o040000 // inode(7)
const WORD = 2 ** 32

export function printsAt(root: TreeRoot, names: readonly string[]): BigUint64Array<ArrayBuffer> {
  const calls = natives()
  const prints = new BigUint64Array(names.length * PRINT_NUMBERS)
  const words = new Uint32Array(prints.buffer)
  let [folder, dir] = ['', -1] // the directory that `dir` stands for; -1: there is none
  for (let index = 0; index < names.length; index += 1) {
    const name = names[index] ?? ''
    const slash = name.lastIndexOf('/')
    let last: NativeName = name.slice(slash + 1)
    if (slash > 0 && last !== '' && last !== '.' && last !== '..' && last.isWellFormed() && !last.includes('\0')) {
      const parent = name.slice(0, slash)
      if (parent !== folder) [folder, dir] = [parent, openOrAbsent(() => root.dir('stat', parent, name))]
    } else {
      const spot = openOrAbsent(() => root.spot('stat', name))
      if (spot !== -1) [last, dir] = [spot.name, spot.dir]
      else dir = -1
      folder = ''
    }
    if (dir === -1) continue
    const result = calls.statAt(dir, last)
    if (result === 0) fill(words, index * PRINT_NUMBERS * 2, calls.raw)
    else if (result !== -os.errno.ENOENT && result !== -os.errno.ENOTDIR) throw nativeFault('stat', root.shown(name), result)
  }
  return prints
}

function openOrAbsent<T>(open: () => T): T | -1 {
  try {
    return open()
  } catch (error) {
    if (isNoWay(error)) return -1
    throw error
  }
}

/** Something is no directory on the way to a name, or is a link: what that leads to is not what the name stands for. */
export function isNoWay(error: unknown): boolean {
  return isAbsent(error) || (error instanceof Fault && error.fault.code === 'files.outside-tree')
}

/** Offsets are those of struct statx (statx(2)), in words. A directory's ctime changes when it is renamed, so it has none. */
function fill(words: Uint32Array, at: number, { u16, u32 }: RawStat): void {
  const mode = u16[14] ?? 0
  const dir = (mode & S_IFMT) === S_IFDIR
  const [uid, gid] = [u32[5] ?? 0, u32[6] ?? 0]
  words[at] = u32[8] ?? 0
  words[at + 1] = u32[9] ?? 0
  // mode << 48 ^ uid << 24 ^ gid
  words[at + 2] = dir ? gid ^ (uid << 24) : (u32[10] ?? 0)
  words[at + 3] = dir ? ((mode & 0o7777) << 16) ^ (uid >>> 8) : (u32[11] ?? 0)
  nanoseconds(words, at + 4, u32[28] ?? 0, u32[29] ?? 0, u32[30] ?? 0)
  if (!dir) nanoseconds(words, at + 6, u32[24] ?? 0, u32[25] ?? 0, u32[26] ?? 0)
}

/** seconds * 10^9 + nanoseconds, modulo 2^64, out of numbers that stay below 2^53. */
function nanoseconds(words: Uint32Array, at: number, seconds: number, high: number, nanos: number): void {
  const low = (seconds & 0xffff) * 1e9 + nanos
  const upper = (seconds >>> 16) * 1e9
  const word = (low % WORD) + (upper % 0x10000) * 0x10000
  words[at] = word
  words[at + 1] = Math.floor(low / WORD) + Math.floor(upper / 0x10000) + (word >= WORD ? 1 : 0) + Math.imul(high, 1e9)
}
