// Owns: the system calls that Node has not: names relative to a directory held open, nanoseconds, attributes, exchange.
// Each gives its result, or minus the errno. Loaded when first used (20 ms), so that a command without files does not pay.
// Never: decides what an error means; never follows a link in the last component.
import { closeSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:process'
import type koffiModule from 'koffi'
import { Fault } from '@understudy/contract'
import { O_CLOEXEC, O_PATH } from './open-flags.ts'
import { walkBeneath } from './walk-beneath.ts'

/** A name for the kernel: a string (UTF-8), or bytes with a zero at the end. */
export type NativeName = string | Uint8Array

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200
const AT_EMPTY_PATH = 0x1000
const STATX_BASIC_STATS = 0x7ff
const UTIME_OMIT = 0x3ffffffe
const LOCK = { shared: 1, alone: 2, not: 8 }
const LOCK_NB = 4
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2
const FICLONE = 0x40049409
const RESOLVE = { noXdev: 1, noMagicLinks: 2, noSymlinks: 4, beneath: 8 } // openat2(2)
const OPEN_HOW_SIZE = 24 // struct open_how, bytes: flags, mode, resolve
const STATX_SIZE = 256 // struct statx, bytes
const XATTR_MAX = 65_536 // Linux's limit for one value and for a list of names, bytes
const PATH_MAX = 4_096 // Linux's limit for the target of a link, bytes
const NUMBERS = {
  x64: { openat2: 437, renameat2: 316, mknodat: 259 },
  arm64: { openat2: 437, renameat2: 276, mknodat: 33 },
}

/** Filled by `statAt`; read before the next call. Offsets are struct statx's. */
export interface RawStat {
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly i64: BigInt64Array
  readonly u64: BigUint64Array
}

export interface Natives {
  /** Directory `path` below `dir`, as O_PATH; no link is followed on the way, nothing leads out. */
  openDirBeneath(dir: number, path: NativeName, sameMount: boolean): number
  openAt(dir: number, name: NativeName, flags: number, mode: number): number
  /** Fills `raw`. An empty name is the descriptor itself. */
  statAt(dir: number, name: NativeName): number
  readonly raw: RawStat
  mkdirAt(dir: number, name: NativeName, mode: number): number
  mknodAt(dir: number, name: NativeName, mode: number, device: number): number
  symlinkAt(target: NativeName, dir: number, name: NativeName): number
  readlinkAt(dir: number, name: NativeName): Uint8Array | number
  linkAt(fromDir: number, from: NativeName, dir: number, name: NativeName): number
  unlinkAt(dir: number, name: NativeName): number
  rmdirAt(dir: number, name: NativeName): number
  chownAt(dir: number, name: NativeName, uid: number, gid: number): number
  /** Modification time only. */
  utimeAt(dir: number, name: NativeName, seconds: bigint, nanoseconds: bigint): number
  renameAt(fromDir: number, from: NativeName, dir: number, name: NativeName, how: 'replace' | 'keep' | 'exchange'): number
  syncFileSystem(fd: number): number
  /** Of the open file behind a descriptor, for all that have it (flock(2)); never waits. */
  lock(fd: number, how: 'alone' | 'shared' | 'not'): number
  clone(to: number, from: number): number
  seek(fd: number, offset: number, whence: 'data' | 'hole'): number
  copyRange(from: number, fromAt: number, to: number, toAt: number, length: number): number
  listXattrs(path: NativeName): Uint8Array | number
  getXattr(path: NativeName, name: NativeName): Uint8Array | number
  setXattr(path: NativeName, name: NativeName, value: Uint8Array): number
  removeXattr(path: NativeName, name: NativeName): number
}

let loaded: Natives | undefined

/** @throws Fault `fs.unsupported-system` where these calls are not those of Linux on x64 or arm64. */
export function natives(): Natives {
  loaded ??= load()
  return loaded
}

/** struct open_how for a directory that is only a place to start from (O_PATH): it needs no right to be read. */
function openHow(resolve: number): Uint8Array {
  const O_DIRECTORY = BigInt(constants.O_DIRECTORY)
  return new Uint8Array(new BigUint64Array([BigInt(O_PATH | O_CLOEXEC) | O_DIRECTORY, 0n, BigInt(resolve)]).buffer)
}

function unsupported(): Fault {
  return new Fault({
    code: 'fs.unsupported-system',
    class: 'invalid',
    summary: 'Files can only be changed safely on Linux, on x64 or arm64.',
    detail: `This is ${platform} on ${arch}.`,
    hint: 'Run it on such a machine.',
  })
}

function withoutProc(): Fault {
  return new Fault({
    code: 'fs.no-proc',
    class: 'invalid',
    summary: 'Files cannot be worked on without /proc.',
    detail: '/proc/self/fd is not there.',
    hint: 'Mount it: mount -t proc proc /proc.',
  })
}

function load(): Natives {
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) throw unsupported()
  if (!existsSync('/proc/self/fd')) throw withoutProc()
  const number = NUMBERS[arch]
  const koffi: typeof koffiModule = createRequire(import.meta.url)('koffi')
  const libc = koffi.load(null)
  // A negative result becomes minus the errno; read at once, before anything else can set it.
  const call = (prototype: string): ((...values: unknown[]) => number) => {
    const native = libc.func(prototype)
    return (...values) => {
      const result: unknown = native(...values)
      return typeof result === 'number' && result >= 0
        ? result
        : typeof result === 'bigint' && result >= 0n
          ? Number(result)
          : -koffi.errno()
    }
  }
  // Prototypes without `...`: for integers and pointers both machines pass variable arguments like fixed ones.
  const openat2 = call('long syscall(long number, int dir, const char *path, const void *how, size_t size)')
  const renameat2 = call('long syscall(long number, int fromDir, const char *from, int dir, const char *name, unsigned int flags)')
  const mknodat = call('long syscall(long number, int dir, const char *name, unsigned int mode, unsigned int device)')
  const openat = call('int openat(int dir, const char *name, int flags, unsigned int mode)')
  const statx = call('int statx(int dir, const char *name, int flags, unsigned int mask, void *buffer)')
  const mkdirat = call('int mkdirat(int dir, const char *name, unsigned int mode)')
  const symlinkat = call('int symlinkat(const char *target, int dir, const char *name)')
  const readlinkat = call('long readlinkat(int dir, const char *name, void *buffer, size_t size)')
  const linkat = call('int linkat(int fromDir, const char *from, int dir, const char *name, int flags)')
  const unlinkat = call('int unlinkat(int dir, const char *name, int flags)')
  const fchownat = call('int fchownat(int dir, const char *name, unsigned int uid, unsigned int gid, int flags)')
  const utimensat = call('int utimensat(int dir, const char *name, const void *times, int flags)')
  const syncfs = call('int syncfs(int fd)')
  const flock = call('int flock(int fd, int operation)')
  const ioctl = call('int ioctl(int fd, unsigned long request, long argument)')
  const lseek = call('int64_t lseek(int fd, int64_t offset, int whence)')
  const copyFileRange = call('long copy_file_range(int from, void *fromAt, int to, void *toAt, size_t length, unsigned int flags)')
  const llistxattr = call('long llistxattr(const char *path, void *list, size_t size)')
  const lgetxattr = call('long lgetxattr(const char *path, const char *name, void *value, size_t size)')
  const lsetxattr = call('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)')
  const lremovexattr = call('int lremovexattr(const char *path, const char *name)')

  const statBuffer = new ArrayBuffer(STATX_SIZE)
  const raw: RawStat = {
    u16: new Uint16Array(statBuffer),
    u32: new Uint32Array(statBuffer),
    i64: new BigInt64Array(statBuffer),
    u64: new BigUint64Array(statBuffer),
  }
  const statAt: Natives['statAt'] = (dir, name) =>
    statx(dir, name, AT_SYMLINK_NOFOLLOW | (name === '' ? AT_EMPTY_PATH : 0), STATX_BASIC_STATS, statBuffer)
  const room = Buffer.alloc(XATTR_MAX)
  const filled = (length: number): Uint8Array | number => (length < 0 ? length : Uint8Array.prototype.slice.call(room, 0, length))
  const inside = openHow(RESOLVE.beneath | RESOLVE.noSymlinks | RESOLVE.noMagicLinks)
  const insideMount = openHow(RESOLVE.beneath | RESOLVE.noSymlinks | RESOLVE.noMagicLinks | RESOLVE.noXdev)
  const times = new BigInt64Array(4)
  const offsets = [new BigInt64Array(1), new BigInt64Array(1)] as const
  // Kernels before 5.6 have no openat2; some sandboxes answer EPERM instead of ENOSYS.
  const probe = openat2(number.openat2, -100 /* AT_FDCWD */, '.', openHow(RESOLVE.noMagicLinks), OPEN_HOW_SIZE)
  const hasOpenat2 = probe >= 0
  if (hasOpenat2) closeSync(probe)

  return {
    raw,
    openDirBeneath: (dir, path, sameMount) =>
      hasOpenat2
        ? openat2(number.openat2, dir, path, sameMount ? insideMount : inside, OPEN_HOW_SIZE)
        : walkBeneath({ openAt: openat, statAt, raw }, dir, path, sameMount),
    openAt: (dir, name, flags, mode) => openat(dir, name, flags | O_CLOEXEC, mode),
    statAt,
    mkdirAt: mkdirat,
    mknodAt: (dir, name, mode, device) => mknodat(number.mknodat, dir, name, mode, device),
    symlinkAt: symlinkat,
    readlinkAt: (dir, name) => filled(readlinkat(dir, name, room, PATH_MAX)),
    linkAt: (fromDir, from, dir, name) => linkat(fromDir, from, dir, name, 0),
    unlinkAt: (dir, name) => unlinkat(dir, name, 0),
    rmdirAt: (dir, name) => unlinkat(dir, name, AT_REMOVEDIR),
    chownAt: (dir, name, uid, gid) => fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW),
    utimeAt(dir, name, seconds, nanoseconds) {
      times.set([0n, BigInt(UTIME_OMIT), seconds, nanoseconds])
      return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW)
    },
    renameAt: (fromDir, from, dir, name, how) =>
      renameat2(number.renameat2, fromDir, from, dir, name, how === 'keep' ? RENAME_NOREPLACE : how === 'exchange' ? RENAME_EXCHANGE : 0),
    syncFileSystem: syncfs,
    lock: (fd, how) => flock(fd, LOCK_NB | LOCK[how]),
    clone: (to, from) => ioctl(to, FICLONE, from),
    seek: (fd, offset, whence) => lseek(fd, offset, whence === 'data' ? 3 : 4), // SEEK_DATA, SEEK_HOLE
    copyRange(from, fromAt, to, toAt, length) {
      offsets[0][0] = BigInt(fromAt)
      offsets[1][0] = BigInt(toAt)
      return copyFileRange(from, offsets[0], to, offsets[1], length, 0)
    },
    listXattrs: (path) => filled(llistxattr(path, room, XATTR_MAX)),
    getXattr: (path, name) => filled(lgetxattr(path, name, room, XATTR_MAX)),
    setXattr: (path, name, value) => lsetxattr(path, name, value, value.length, 0),
    removeXattr: lremovexattr,
  }
}
