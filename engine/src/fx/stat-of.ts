// Owns: reading struct statx.
// Never: calls the system.
import type { Stat } from '@understudy/contract'
import type { RawStat } from './natives.ts'

export const S_IFMT = 0o170000 // inode(7)
const types: Readonly<Record<number, Stat['type']>> = {
  0o100000: 'file',
  0o040000: 'dir',
  0o120000: 'link',
  0o010000: 'fifo',
  0o140000: 'socket',
  0o020000: 'char',
  0o060000: 'block',
}

/** Indexes are byte offsets of struct statx (statx(2)) divided by the size of the number. */
export function statOf({ u16, u32, i64, u64 }: RawStat): Stat {
  const mode = u16[14] ?? 0
  return {
    type: types[mode & S_IFMT] ?? 'file',
    mode: mode & 0o7777,
    uid: u32[5] ?? 0,
    gid: u32[6] ?? 0,
    size: Number(u64[5]),
    blocks: Number(u64[6]),
    nlink: u32[4] ?? 0,
    dev: device(u32[34] ?? 0, u32[35] ?? 0),
    ino: u64[4] ?? 0n,
    rdev: device(u32[32] ?? 0, u32[33] ?? 0),
    mtimeNs: (i64[14] ?? 0n) * 1_000_000_000n + BigInt(u32[30] ?? 0),
    ctimeNs: (i64[12] ?? 0n) * 1_000_000_000n + BigInt(u32[26] ?? 0),
  }
}

/** As makedev(3) puts it together. Almost all fit into 31 bits, where numbers are faster. */
function device(major: number, minor: number): bigint {
  if (major < 0x800 && minor < 0x100) return BigInt((major << 8) | minor)
  const low = (BigInt(major & 0xfff) << 8n) | BigInt(minor & 0xff)
  return low | (BigInt(minor >>> 8) << 20n) | (BigInt(major >>> 12) << 44n)
}
