import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { DirWrites } from '@understudy/contract'
import { fsChannel } from './fs-channel.ts'
import { createRecorder } from './recorder.ts'

const NOBODY = 65_534
let base: string
let mounted: string[]
let fx: ReturnType<typeof fsChannel>

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'fs-root-'))
  chmodSync(base, 0o755)
  mounted = []
  fx = fsChannel(createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, new AbortController().signal))
})

afterEach(() => {
  for (const point of mounted.toReversed()) execFileSync('umount', [point])
  rmSync(base, { recursive: true })
})

function mount(name: string, ...args: string[]): string {
  const point = join(base, name)
  mkdirSync(point, { recursive: true })
  execFileSync('mount', [...args, point])
  mounted.push(point)
  return point
}

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof Fault) return `${error.fault.class} ${error.fault.code}`
    throw error
  }
  throw new Error('it did not fault')
}

function withDir<T>(path: string, use: (dir: DirWrites) => T): T {
  const dir = fx.writes.open(path)
  try {
    return use(dir)
  } finally {
    dir.close()
  }
}

test('a full disk is a transient fault, leaves nothing, and does not end what worked', () => {
  const small = mount('small', '-t', 'tmpfs', '-o', 'size=256k,nr_inodes=8', 'tmpfs')
  writeFileSync(join(base, 'big'), Buffer.alloc(1 << 20, 1))
  withDir(small, (dir) => {
    dir.create('fits', Buffer.alloc(100_000, 1), 0o600)
    expect(codeOf(() => dir.create('big', Buffer.alloc(1 << 20, 1), 0o600))).toBe('transient fs.no-space')
    withDir(base, (from) => expect(codeOf(() => dir.copyFrom(from, 'big', 'copy', 0o600))).toBe('transient fs.no-space'))
    expect(dir.list('').map(({ name }) => name)).toEqual(['fits'])
    dir.create('again', Buffer.alloc(100_000, 1), 0o600)
    expect(codeOf(() => Array.from({ length: 8 }, (_, i) => dir.mkdir(`d${i}`, 0o700)))).toBe('transient fs.no-space')
  })
})

test('a read-only file system is forbidden', () => {
  const point = mount('ro', '-t', 'tmpfs', '-o', 'ro', 'tmpfs')
  withDir(point, (dir) => {
    expect(codeOf(() => dir.create('f', new Uint8Array(), 0o600))).toBe('forbidden fs.forbidden')
    expect(codeOf(() => dir.chmod('', 0o700))).toBe('forbidden fs.forbidden')
  })
})

test('two file systems: no rename, no exchange, no link; copying works', () => {
  const other = mount('other', '-t', 'tmpfs', 'tmpfs')
  writeFileSync(join(base, 'f'), 'x')
  withDir(base, (dir) =>
    withDir(other, (to) => {
      to.create('g', Buffer.from('y'), 0o600)
      expect(codeOf(() => dir.rename('f', to, 'f', { replace: false }))).toBe('conflict fs.other-file-system')
      expect(dir.exchange('f', to, 'g')).toBe(false)
      expect(codeOf(() => dir.hardlink('other/h', 'f'))).toBe('conflict fs.other-file-system')
      to.copyFrom(dir, 'f', 'f', 0o640)
      expect(Buffer.from(to.read('f')).toString()).toBe('x')
    }),
  )
})

test('remove does not go across a mount point, bind mounts of the same file system included', () => {
  mkdirSync(join(base, 'keep'))
  writeFileSync(join(base, 'keep/f'), 'x')
  mount('tree/a/bind', '--bind', join(base, 'keep'))
  withDir(base, (dir) => expect(codeOf(() => dir.remove('tree'))).toBe('conflict fs.other-file-system'))
  expect(statSync(join(base, 'keep/f')).size).toBe(1)
})

test('owners, devices and capabilities are kept exactly', () => {
  withDir(base, (dir) => {
    dir.create('f', Buffer.from('x'), 0o755)
    dir.chown('f', 7, 8)
    dir.symlink('l', 'f')
    dir.chown('l', 9, 10)
    dir.mknod('null', 'char', 0o620, statSync('/dev/null', { bigint: true }).rdev)
    dir.mknod('far', 'block', 0o600, BigInt((259 << 8) | 5) | (1n << 20n))
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex') // cap_net_bind_service=ep
    dir.setXattrs('f', { 'security.capability': capability, 'trusted.x': Buffer.of(1) }, [])
    dir.setXattrs('l', { 'trusted.l': Buffer.of(2) }, [])
    expect(dir.stat('f')).toMatchObject({ uid: 7, gid: 8 })
    expect(dir.stat('l')).toMatchObject({ uid: 9, gid: 10, type: 'link' })
    expect(dir.stat('null')).toMatchObject({ type: 'char', mode: 0o620, rdev: statSync('/dev/null', { bigint: true }).rdev })
    expect(dir.stat('far')).toMatchObject({ type: 'block', rdev: statSync(join(base, 'far'), { bigint: true }).rdev })
    expect(Object.keys(dir.xattrs('f'))).toEqual(['security.capability', 'trusted.x'])
    expect(Buffer.from(dir.xattrs('f')['security.capability'] ?? []).equals(capability)).toBe(true)
    expect(Object.keys(dir.xattrs('l'))).toEqual(['trusted.l'])
  })
})

test('an immutable file is forbidden, also to root', () => {
  const point = join(base, 'image')
  execFileSync('truncate', ['-s', '8M', point])
  execFileSync('mkfs.ext4', ['-q', point])
  const disk = mount('disk', '-o', 'loop', point)
  mkdirSync(join(disk, 'd'))
  writeFileSync(join(disk, 'd/f'), 'x')
  execFileSync('chattr', ['+i', join(disk, 'd/f')])
  withDir(disk, (dir) => {
    expect(codeOf(() => dir.remove('d'))).toBe('forbidden fs.forbidden')
    expect(codeOf(() => dir.chmod('d/f', 0o600))).toBe('forbidden fs.forbidden')
    expect(codeOf(() => dir.setMtime('d/f', 1n))).toBe('forbidden fs.forbidden')
  })
  execFileSync('chattr', ['-i', join(disk, 'd/f')])
})

test('without the rights of root it does what its owner may, and says forbidden for the rest', () => {
  const place = join(base, 'place')
  for (const folder of ['roots', 'closed', 'closed/in', 'mine']) mkdirSync(join(place, folder), { recursive: true })
  writeFileSync(join(place, 'roots/secret'), 'x', { mode: 0o600 })
  chmodSync(join(place, 'closed'), 0o700)
  for (const path of ['', 'mine']) chownSync(join(place, path), NOBODY, NOBODY)
  symlinkSync('mine', join(place, 'link'))
  lchownSync(join(place, 'link'), NOBODY, NOBODY)
  const script = join(import.meta.dirname, 'testing/as-nobody.ts')
  const said = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', script, place], { encoding: 'utf8' })
  expect(JSON.parse(said)).toEqual({
    'create in a directory of root': 'forbidden fs.forbidden',
    'read a file of root': 'forbidden fs.forbidden',
    'list a closed directory': 'forbidden fs.forbidden',
    'stat in a closed directory': 'forbidden fs.forbidden',
    'chown to another': 'forbidden fs.forbidden',
    'chmod a file of root': 'forbidden fs.forbidden',
    'remove from a directory of root': 'forbidden fs.forbidden',
    'ensure in a directory of root': 'forbidden fs.forbidden',
    'open below a closed directory': 'forbidden fs.forbidden',
    'device node': 'forbidden fs.forbidden',
    'own work': 'true 4755 user.a',
    'walk through a directory that cannot be listed': 'x',
    'remove own directories without rights': 'null',
  })
})
