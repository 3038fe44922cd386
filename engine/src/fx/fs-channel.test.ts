import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { DirWrites, FaultData } from '@understudy/contract'
import { fsChannel } from './fs-channel.ts'
import { createRecorder } from './recorder.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const bytes = (text: string): Uint8Array => Buffer.from(text)

let base: string
let recorder: ReturnType<typeof createRecorder>
let fx: ReturnType<typeof fsChannel>
let dir: DirWrites
let umask: number

beforeEach(() => {
  umask = process.umask(0o077) // so that a mode that were not set would show
  base = mkdtempSync(join(tmpdir(), 'fs-channel-'))
  recorder = createRecorder(clock, new AbortController().signal)
  fx = fsChannel(recorder)
  dir = fx.writes.open(base)
})

afterEach(() => {
  dir.close()
  process.umask(umask)
  rmSync(base, { recursive: true })
})

function faultOf(act: () => unknown): FaultData {
  try {
    act()
  } catch (error) {
    if (error instanceof Fault) return error.fault
    throw error
  }
  throw new Error('it did not fault')
}

const names = (name = ''): string[] => dir.list(name).map((entry) => entry.name)
const text = (name: string): string => Buffer.from(dir.read(name)).toString()

test('create writes a whole new file with exactly this mode, and never over another', () => {
  dir.create('f', bytes('one'), 0o4777)
  expect(text('f')).toBe('one')
  expect(dir.stat('f')).toMatchObject({ type: 'file', mode: 0o4777, size: 3, nlink: 1 })
  expect(faultOf(() => dir.create('f', bytes('two'), 0o644))).toMatchObject({ code: 'fs.taken', class: 'conflict' })
  symlinkSync(join(base, 'elsewhere'), join(base, 'l'))
  expect(faultOf(() => dir.create('l', bytes('two'), 0o644)).code).toBe('fs.taken')
  expect([text('f'), names()]).toEqual(['one', ['f', 'l']])
})

test('mkdir, mknod and ensure give exactly this mode', () => {
  dir.mkdir('d', 0o3775)
  dir.mknod('p', 'fifo', 0o666, 0n)
  fx.writes.ensure(join(base, 'x/y/z'), 0o755)
  expect(['d', 'p', 'x', 'x/y', 'x/y/z'].map((name) => dir.stat(name)?.mode)).toEqual([0o3775, 0o666, 0o755, 0o755, 0o755])
  expect(dir.stat('p')?.type).toBe('fifo')
  recorder.take()
  fx.writes.ensure(join(base, 'x/y'), 0o700)
  expect(dir.stat('x/y')?.mode).toBe(0o755)
  expect(recorder.take()).toEqual([])
  dir.create('x/f', bytes(''), 0o600)
  expect(faultOf(() => fx.writes.ensure(join(base, 'x/f'), 0o755)).code).toBe('fs.not-a-directory')
  expect(faultOf(() => fx.writes.ensure(join(base, 'x/f/g'), 0o755)).code).toBe('fs.not-a-directory')
})

test('stat tells exactly what node tells', () => {
  dir.create('f', bytes('x'.repeat(5000)), 0o640)
  dir.setMtime('f', 1_234_567_890_123_456_789n)
  dir.symlink('l', 'f')
  for (const name of ['f', 'l', '']) {
    const known = lstatSync(join(base, name), { bigint: true })
    const { dev, ino, rdev, mtimeNs, ctimeNs } = known
    const { blocks, size, uid, gid, nlink } = Object.fromEntries(Object.entries(known).map(([key, value]) => [key, Number(value)]))
    expect(dir.stat(name)).toMatchObject({ dev, ino, rdev, mtimeNs, ctimeNs, blocks, size, uid, gid, nlink })
  }
  const known = lstatSync('/dev/null', { bigint: true })
  const devices = fx.reads.open('/dev')
  expect(devices.stat('null')).toMatchObject({ type: 'char', rdev: known.rdev, dev: known.dev })
  devices.close()
})

test('what is missing is null for stat and a conflict for the rest', () => {
  dir.create('f', bytes(''), 0o600)
  expect([dir.stat('no'), dir.stat('no/no'), dir.stat('f/no')]).toEqual([null, null, null])
  for (const act of [
    () => dir.read('no'),
    () => dir.list('no'),
    () => dir.readlink('no'),
    () => dir.xattrs('no'),
    () => dir.chmod('no', 0o600),
    () => dir.setMtime('no', 0n),
    () => dir.sync('no'),
    () => dir.rename('no', dir, 'x', { replace: true }),
    () => dir.exchange('no', dir, 'f'),
    () => dir.hardlink('x', 'no'),
    () => dir.create('no/f', bytes(''), 0o600),
    () => dir.copyFrom(dir, 'no', 'x', 0o600),
    () => fx.reads.open(join(base, 'no')),
    () => fx.reads.space(join(base, 'no')),
  ])
    expect(faultOf(act)).toMatchObject({ code: 'fs.missing', class: 'conflict' })
  expect(names()).toEqual(['f'])
})

test('the wrong kind of thing is named as such', () => {
  dir.create('f', bytes(''), 0o600)
  dir.mkdir('d', 0o700)
  dir.symlink('l', 'f')
  dir.mknod('p', 'fifo', 0o600, 0n)
  for (const name of ['d', 'l', 'p']) {
    expect(faultOf(() => dir.read(name)).code, name).toBe('fs.not-a-file')
    expect(faultOf(() => dir.copyFrom(dir, name, 'x', 0o600)).code, name).toBe('fs.not-a-file')
  }
  for (const name of ['f', 'l']) expect(faultOf(() => dir.list(name)).code).toBe('fs.not-a-directory')
  expect(faultOf(() => fx.reads.open(join(base, 'f'))).code).toBe('fs.not-a-directory')
  expect(faultOf(() => dir.readlink('f')).class).toBe('invalid')
  expect(faultOf(() => dir.chmod('l', 0o777)).code).toBe('fs.not-supported')
  expect(names()).toEqual(['d', 'f', 'l', 'p'])
})

test('no name leads out: dots, absolute names, links in the middle', () => {
  mkdirSync(join(base, 'in'))
  writeFileSync(join(base, 'out'), 'secret')
  symlinkSync('..', join(base, 'in/up'))
  symlinkSync(base, join(base, 'in/abs'))
  symlinkSync('/proc/self/root', join(base, 'in/magic'))
  const inside = fx.writes.open(join(base, 'in'))
  for (const name of ['up/out', 'abs/out', 'magic/etc', '../out', 'x/../../out', '..', '.', './up', 'up/', '/etc', 'x//y']) {
    expect(
      faultOf(() => inside.stat(name)),
      name,
    ).toMatchObject({ code: 'files.outside-tree', class: 'conflict' })
    expect(faultOf(() => inside.create(name, bytes(''), 0o600)).code, name).toBe('files.outside-tree')
    expect(faultOf(() => inside.remove(name)).code, name).toBe('files.outside-tree')
  }
  for (const name of ['a\0b', 'a\0/b', '\ud800']) expect(faultOf(() => inside.stat(name)).code).toBe('fs.bad-name')
  expect(faultOf(() => inside.stat('n'.repeat(300))).code).toBe('fs.bad-name')
  inside.close()
  expect(readFileSync(join(base, 'out'), 'utf8')).toBe('secret')
})

test('the directory that is opened may be named through links, what is in it not', () => {
  dir.mkdir('real', 0o700)
  dir.create('real/f', bytes('x'), 0o600)
  dir.symlink('link', 'real')
  const opened = fx.reads.open(join(base, 'link'))
  expect([opened.path, Buffer.from(opened.read('f')).toString()]).toEqual([join(base, 'link'), 'x'])
  opened.close()
  expect(faultOf(() => opened.stat('f'))).toMatchObject({ code: 'fs.closed', class: 'bug' })
  opened.close()
  expect(faultOf(() => fx.reads.open('relative')).class).toBe('invalid')
})

test('names that are not UTF-8 go through every verb', () => {
  const odd = 'd\udcff/\udc80é\udcc3'
  dir.mkdir('d\udcff', 0o700)
  dir.create(odd, bytes('x'), 0o600)
  expect(readdirSync(Buffer.concat([Buffer.from(join(base, 'd')), Buffer.of(0xff)]), 'buffer')[0]).toEqual(Buffer.from('80c3a9c3', 'hex'))
  expect(text(odd)).toBe('x')
  dir.chmod(odd, 0o640)
  dir.setMtime(odd, 5n)
  dir.setXattrs(odd, { 'user.a': bytes('1') }, [])
  expect(Object.keys(dir.xattrs(odd))).toEqual(['user.a'])
  expect(dir.stat(odd)).toMatchObject({ mode: 0o640, mtimeNs: 5n })
  dir.hardlink('d\udcff/h\udcfe', odd)
  dir.copyFrom(dir, odd, 'c\udcfd', 0o600)
  dir.symlink('l\udcfc', odd)
  expect(dir.readlink('l\udcfc')).toBe(odd)
  dir.rename('c\udcfd', dir, 'e\udcfb', { replace: false })
  expect(dir.exchange('e\udcfb', dir, odd)).toBe(true)
  dir.sync(odd)
  expect(names('d\udcff')).toEqual(['h\udcfe', '\udc80é\udcc3'])
  expect(recorder.take().map(({ target }) => target)).toContain(`${base}/d\\xff/\\x80é\\xc3`)
  for (const name of ['d\udcff', 'l\udcfc', 'e\udcfb']) dir.remove(name)
  expect(names()).toEqual([])
})

test('list is in byte order, with types', () => {
  for (const name of ['b', 'B', 'é', '\uffee', '😀', '\ufffd', '\udcff', 'a']) dir.create(name, bytes(''), 0o600)
  dir.mkdir('ab', 0o700)
  dir.symlink('aa', 'b')
  expect(dir.list('').map(({ name, type }) => (type === 'file' ? name : `${name}:${type}`))).toEqual([
    'B',
    'a',
    'aa:link',
    'ab:dir',
    'b',
    'é',
    '\uffee',
    '\ufffd',
    '😀',
    '\udcff',
  ])
})

test('links: text as it is, times of their own, never their target', () => {
  dir.create('f', bytes('x'), 0o600)
  const before = dir.stat('f')
  dir.symlink('l', '../no such/\udcff')
  expect(dir.readlink('l')).toBe('../no such/\udcff')
  dir.symlink('m', 'f')
  dir.setMtime('m', -1_500_000_000n)
  dir.chown('m', process.getuid?.() ?? 0, process.getgid?.() ?? 0)
  expect(dir.stat('m')?.mtimeNs).toBe(-1_500_000_000n)
  dir.remove('m')
  expect(dir.stat('f')).toEqual(before)
  expect(dir.xattrs('l')).toEqual({})
})

test('hardlink makes a second name of the thing itself', () => {
  dir.create('f', bytes('x'), 0o600)
  dir.symlink('l', 'f')
  dir.mkdir('d', 0o700)
  dir.hardlink('d/g', 'f')
  dir.hardlink('d/l', 'l')
  expect(dir.stat('d/g')?.ino).toBe(dir.stat('f')?.ino)
  expect([dir.stat('f')?.nlink, dir.stat('d/l')?.type]).toEqual([2, 'link'])
  expect(faultOf(() => dir.hardlink('f', 'd/g')).code).toBe('fs.taken')
})

test('attributes are set, dropped and read, ACLs among them', () => {
  dir.create('f', bytes('x'), 0o640)
  dir.setXattrs('f', { 'user.b': bytes('2'), 'user.a': Buffer.of(0, 255), 'user.empty': bytes('') }, ['user.none'])
  // ACL of version 2: user::rw-, user:65534:r--, group::r--, mask::r--, other::---
  const acl = Buffer.from(
    '02000000' + '01000600ffffffff' + '02000400feff0000' + '04000400ffffffff' + '10000400ffffffff' + '20000000ffffffff',
    'hex',
  )
  dir.setXattrs('f', { 'system.posix_acl_access': acl }, [])
  expect(Object.entries(dir.xattrs('f')).map(([key, value]) => [key, Buffer.from(value).toString('hex')])).toEqual([
    ['system.posix_acl_access', acl.toString('hex')],
    ['user.a', '00ff'],
    ['user.b', '32'],
    ['user.empty', ''],
  ])
  dir.setXattrs('f', {}, ['user.a', 'user.b', 'user.empty', 'system.posix_acl_access'])
  expect(dir.xattrs('f')).toEqual({})
  dir.setXattrs('', { 'user.top': bytes('1') }, [])
  expect(Object.keys(dir.xattrs(''))).toEqual(['user.top'])
  dir.symlink('l', 'f')
  expect(faultOf(() => dir.setXattrs('l', { 'user.x': bytes('') }, [])).class).toBe('forbidden')
})

test('create leaves holes where whole blocks are zero, and changes no byte', () => {
  const block = 4_096
  const text = Buffer.alloc(block, 'x')
  const zeros = Buffer.alloc(256 * block)
  for (const [name, parts] of Object.entries({
    inside: [text, zeros, text],
    first: [zeros, text],
    last: [text, zeros],
    only: [zeros],
    uneven: [text, zeros, text.subarray(0, 7)],
    shifted: [text.subarray(0, 7), zeros, text],
    none: [text, text],
    short: [zeros.subarray(0, 7)],
  })) {
    const content = Buffer.concat(parts)
    dir.create(name, content, 0o600)
    expect(content.equals(readFileSync(join(base, name)))).toBe(true)
    expect([name, lstatSync(join(base, name)).blocks < 64]).toEqual([name, true])
  }
})

test('copyFrom copies content, keeps holes, sets the mode, and overwrites nothing', () => {
  const other = fx.writes.open(base)
  const big = Buffer.alloc(3_000_000, 'content')
  dir.create('big', big, 0o600)
  dir.create('small', bytes('s'), 0o600)
  dir.create('empty', bytes(''), 0o600)
  execFileSync('truncate', ['-s', '64M', join(base, 'hole')])
  execFileSync('dd', ['if=/dev/urandom', `of=${join(base, 'hole')}`, 'bs=64k', 'seek=300', 'count=1', 'conv=notrunc'], { stdio: 'ignore' })
  execFileSync('truncate', ['-s', '12k', join(base, 'nothing')])
  for (const name of ['big', 'small', 'empty', 'hole', 'nothing']) {
    other.copyFrom(dir, name, `${name}.copy`, 0o2755)
    expect(Buffer.compare(dir.read(name), dir.read(`${name}.copy`)), name).toBe(0)
    expect(dir.stat(`${name}.copy`)).toMatchObject({ mode: 0o2755, size: dir.stat(name)?.size })
  }
  expect(dir.stat('hole.copy')?.blocks).toBeLessThan(1_024) // 64 KiB of data in 64 MiB
  expect(dir.stat('nothing.copy')?.blocks).toBe(0)
  expect(faultOf(() => dir.copyFrom(dir, 'big', 'small', 0o600)).code).toBe('fs.taken')
  expect(text('small')).toBe('s')
  other.close()
})

test('files that do not say their size are read and copied whole', () => {
  const proc = fx.reads.open('/proc/self')
  expect(Buffer.from(proc.read('mountinfo')).toString()).toContain(' / ')
  dir.copyFrom(proc, 'status', 'status', 0o600)
  expect(text('status')).toMatch(/^Name:/)
  proc.close()
})

test('rename replaces only when asked, across directories too', () => {
  dir.mkdir('d', 0o700)
  dir.create('a', bytes('a'), 0o600)
  dir.create('d/b', bytes('b'), 0o600)
  const other = fx.writes.open(join(base, 'd'))
  expect(faultOf(() => dir.rename('a', other, 'b', { replace: false }))).toMatchObject({ code: 'fs.taken', class: 'conflict' })
  dir.rename('a', other, 'b', { replace: true })
  expect([names(), text('d/b')]).toEqual([['d'], 'a'])
  dir.mkdir('full', 0o700)
  expect(faultOf(() => dir.rename('full', dir, 'd', { replace: true })).code).toBe('fs.not-empty')
  other.close()
})

test('exchange swaps two names at once, and what is read after it is what stands there now', () => {
  for (const name of ['one', 'two']) {
    dir.mkdir(name, 0o700)
    dir.create(`${name}/f`, bytes(name), 0o600)
  }
  const other = fx.reads.open(base)
  expect([text('one/f'), Buffer.from(other.read('one/f')).toString()]).toEqual(['one', 'one'])
  expect(dir.exchange('one', dir, 'two')).toBe(true)
  expect([text('one/f'), Buffer.from(other.read('one/f')).toString()]).toEqual(['two', 'two'])
  expect(dir.exchange('one', dir, 'one/f')).toBe(false) // a directory and what is in it: the kernel cannot
  expect(text('one/f')).toBe('two')
  other.close()
})

test('what another process moved is seen at the latest after a pause', async () => {
  dir.mkdir('a', 0o700)
  dir.mkdir('b', 0o700)
  dir.create('b/f', bytes('new'), 0o600)
  expect(dir.stat('a/f')).toBe(null)
  renameSync(join(base, 'a'), join(base, 'c'))
  renameSync(join(base, 'b'), join(base, 'a'))
  await nextTurn()
  expect(text('a/f')).toBe('new')
})

test('sync takes files and directories, also those that may only be written', () => {
  dir.mkdir('d', 0o700)
  dir.create('d/f', bytes('x'), 0o200)
  for (const name of ['', 'd', 'd/f']) dir.sync(name)
  dir.syncAll()
  dir.symlink('l', 'd')
  expect(faultOf(() => dir.sync('l')).code).toBe('fs.not-a-file')
})

test('space says what the file system has', () => {
  const { freeBytes, totalBytes } = fx.reads.space(base)
  expect(freeBytes).toBeGreaterThan(0)
  expect(totalBytes).toBeGreaterThanOrEqual(freeBytes)
})

test('writes are recorded, folded by directory, reads are not', () => {
  dir.mkdir('d', 0o700)
  for (let i = 0; i < 100; i += 1) dir.create(`d/${i}`, bytes('12345'), 0o600)
  dir.list('d')
  dir.read('d/1')
  faultOf(() => dir.create('d/1', bytes('x'), 0o600))
  const { freeBytes } = fx.reads.space(base)
  expect(freeBytes).toBeGreaterThan(0)
  expect(recorder.take()).toMatchObject([
    { channel: 'fs', verb: 'mkdir', target: join(base, 'd'), result: 'ok', count: 1, bytes: 0 },
    { channel: 'fs', verb: 'create', target: join(base, 'd/0'), result: 'ok', count: 100, bytes: 500 },
    { channel: 'fs', verb: 'create', target: join(base, 'd/1'), result: 'fs.taken', count: 1, bytes: 0 },
  ])
})

test('no descriptor stays open', async () => {
  const open = (): number => readdirSync('/proc/self/fd').length
  await nextTurn()
  const before = open()
  for (let i = 0; i < 40; i += 1) {
    const more = fx.writes.open(base)
    more.mkdir(`d${i}`, 0o700)
    more.mkdir(`d${i}/e`, 0o700)
    more.create(`d${i}/e/f`, bytes('x'), 0o600)
    more.read(`d${i}/e/f`)
    more.chmod(`d${i}/e/f`, 0o640)
    faultOf(() => more.list(`d${i}/e/f`))
    faultOf(() => more.create(`d${i}/e/f`, bytes(''), 0o600))
    more.close()
  }
  await nextTurn()
  expect(open()).toBe(before)
})

test('a program that is started gets none of them', () => {
  dir.mkdir('d', 0o700)
  dir.stat('d/f')
  const seen = execFileSync('sh', ['-c', 'ls -l /proc/self/fd'], { encoding: 'utf8' })
  expect(seen).not.toContain(base)
  expect(statSync(base).isDirectory()).toBe(true)
  chmodSync(base, 0o700)
})
