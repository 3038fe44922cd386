import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { randomBytes } from 'node:crypto'
import type { Digest } from '@understudy/contract'
import { openSqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'
import { codeOf, createTestClock } from './testing/store-suite.ts'
import { startChild } from './testing/start-child.ts'

let root: string
let mounted: boolean
const open = (): Promise<Store> => openSqliteStore({ dir: join(root, 'disk/.understudy'), clock: createTestClock() })

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sqlite-store-'))
  mounted = false
})
afterEach(() => {
  if (mounted) execFileSync('umount', [join(root, 'disk')])
  rmSync(root, { recursive: true })
})

function mount(size: string): void {
  mkdirSync(join(root, 'disk'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', join(root, 'disk')])
  mounted = true
}

test('one append flushes the log once, a put never, and many appends at once share one flush', async () => {
  const dir = join(root, '.understudy')
  const trace = join(root, 'trace')
  const child = startChild('trace', dir, 30, ['strace', '-f', '-y', '-e', 'trace=fsync,fdatasync,write', '-o', trace])
  child.go()
  expect(await child.ended).toEqual({ code: 0, complaint: '' })
  let mark = ''
  const flushes: Record<string, number> = {}
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    mark = /\{\\"mark\\":\\"([a-z ]+)\\"/.exec(line)?.[1] ?? mark
    if (/(fsync|fdatasync)\(\d+<[^>]*>/.test(line)) flushes[mark] = (flushes[mark] ?? 0) + 1
  }
  expect(flushes).toMatchObject({ appends: 30, 'append after puts': 1, 'many appends': 1 })
  expect(flushes['puts']).toBeUndefined()
})

test('a full disk refuses, loses nothing, and goes on when there is room', async () => {
  mount('4m')
  const store = await open()
  const kept: Digest[] = []
  await store.append('web', 0, 0, ['before'])
  let refused = ''
  while (refused === '') {
    const code = await codeOf(store.objects.put(randomBytes(100_000)).then((digest) => kept.push(digest)))
    if (code !== 'no fault') refused = code
  }
  expect(refused).toBe('fs.no-space transient')
  expect(kept.length).toBeGreaterThan(5)
  let seq = 1
  let code = 'no fault'
  while (code === 'no fault') {
    code = await codeOf(store.append('web', 0, seq, ['x'.repeat(50_000), 'second']))
    if (code === 'no fault') seq += 2
  }
  expect(code).toBe('fs.no-space transient')
  expect((await store.entries('web', 0, 1_000)).length).toBe(seq)
  for (const digest of kept) expect((await store.objects.get(digest)).length).toBe(100_000)
  execFileSync('mount', ['-o', 'remount,size=64m', join(root, 'disk')])
  expect(await store.append('web', 0, seq, ['after'])).toHaveLength(1)
  await store.close()
  const again = await open()
  expect((await again.entries('web', 0, 1_000)).at(-1)?.body).toBe('after')
  for (const digest of kept) expect((await again.objects.get(digest)).length).toBe(100_000)
  await again.close()
})

test('a store cannot be made on a full disk, and can be made there later', async () => {
  mount('64k')
  writeFileSync(join(root, 'disk/ballast'), Buffer.alloc(56 << 10))
  expect(await codeOf(open())).toBe('fs.no-space transient')
  execFileSync('mount', ['-o', 'remount,size=16m', join(root, 'disk')])
  const store = await open()
  expect(await store.append('web', 0, 0, [1])).toHaveLength(1)
  await store.close()
})

test('a read-only disk is said to be that', async () => {
  mount('16m')
  execFileSync('mount', ['-o', 'remount,ro', join(root, 'disk')])
  expect(await codeOf(open())).toBe('store.forbidden forbidden')
  execFileSync('mount', ['-o', 'remount,rw', join(root, 'disk')])
  const store = await open()
  await store.append('web', 0, 0, [1])
  await store.close()
  execFileSync('mount', ['-o', 'remount,ro', join(root, 'disk')])
  expect(await codeOf(open())).toBe('store.forbidden forbidden')
  expect(statSync(join(root, 'disk/.understudy/store.db')).size).toBeGreaterThan(0)
})
