import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import { createSealer } from './seal.ts'
import { migrate, steps } from './sqlite-schema.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'
import { codeOf, createTestClock, storeSuite } from './testing/store-suite.ts'

storeSuite('SQLite store', async (clock) => {
  const root = mkdtempSync(join(tmpdir(), 'sqlite-store-'))
  const handles: Store[] = []
  const again = async (): Promise<Store> => {
    const store = await openSqliteStore({ dir: join(root, '.understudy'), clock })
    handles.push(store)
    return store
  }
  return {
    store: await again(),
    again,
    async dispose() {
      for (const handle of handles) await handle.close()
      rmSync(root, { recursive: true })
    },
  }
})

let root: string
let dir: string
const clock = createTestClock()
const open = (): Promise<Store> => openSqliteStore({ dir, clock })

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sqlite-store-'))
  dir = join(root, '.understudy')
})
afterEach(() => rmSync(root, { recursive: true }))

/** Opens, uses and closes. */
async function withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
  const store = await open()
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

function inDatabase(sql: string, ...params: (string | number | Uint8Array)[]): void {
  const db = new DatabaseSync(join(dir, 'store.db'))
  try {
    db.prepare(sql).run(...params)
  } finally {
    db.close()
  }
}

async function detailOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Fault) return `${error.fault.code}: ${error.fault.detail}`
    throw error
  }
  return 'no fault'
}

test('folder and files are for their owner only, and hold what was written after a reopening', async () => {
  const digest = await withStore(async (store) => {
    const kept = await store.objects.put(Buffer.from('content'))
    await store.append('web', 0, 0, [{ kept }])
    const modes = ['', 'key', 'store.db', 'store.db-wal', 'store.db-shm'].map((name) => statSync(join(dir, name)).mode & 0o777)
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600, 0o600])
    return kept
  })
  expect(readdirSync(dir).sort()).toEqual(['key', 'store.db'])
  await withStore(async (store) => {
    expect(Buffer.from(await store.objects.get(digest)).toString()).toBe('content')
    expect((await store.entries('web', 0, 10)).map(({ body }) => body)).toEqual([{ kept: digest }])
  })
})

test('content of objects is nowhere in the files', async () => {
  const store = await open()
  await store.objects.put(Buffer.from('canary-4711-canary'))
  await store.objects.put(Buffer.from('canary-4711-canary'.repeat(500)))
  await store.objects.flush()
  for (const name of readdirSync(dir)) expect(readFileSync(join(dir, name)).includes('canary')).toBe(false)
  await store.close()
  for (const name of readdirSync(dir)) expect(readFileSync(join(dir, name)).includes('canary')).toBe(false)
})

test('a missing key is never replaced, a wrong one is refused', async () => {
  await withStore((store) => store.append('web', 0, 0, [1]))
  const key = readFileSync(join(dir, 'key'))
  rmSync(join(dir, 'key'))
  expect(await codeOf(open())).toBe('store.key-missing invalid')
  expect(readdirSync(dir)).toEqual(['store.db'])
  writeFileSync(join(dir, 'key'), Buffer.alloc(32, 1))
  expect(await codeOf(open())).toBe('store.key-wrong invalid')
  writeFileSync(join(dir, 'key'), key.subarray(0, 31))
  expect(await codeOf(open())).toBe('store.key-wrong invalid')
  writeFileSync(join(dir, 'key'), key)
  await withStore(async (store) => expect((await store.head('web')).seq).toBe(1))
})

test('what a killed maker left over is used or swept', async () => {
  mkdirSync(dir)
  writeFileSync(join(dir, 'key.new-0123'), 'half')
  await withStore((store) => store.append('web', 0, 0, [1]))
  expect(readdirSync(dir).sort()).toEqual(['key', 'store.db'])
  rmSync(join(dir, 'store.db'))
  writeFileSync(join(dir, 'store.db'), '') // killed after making the file
  await withStore((store) => store.append('web', 0, 0, [1]))
})

test('a store of a newer version is refused with both versions, and left as it is', async () => {
  await withStore((store) => store.append('web', 0, 0, [1]))
  inDatabase(`update meta set value = '99' where name = 'format'`)
  const before = readFileSync(join(dir, 'store.db'))
  expect(await detailOf(open())).toMatch(/^store\.newer-version: .*store\.db has format 99; this version knows 1$/)
  expect(await codeOf(open())).toBe('store.newer-version invalid')
  expect(readFileSync(join(dir, 'store.db')).equals(before)).toBe(true)
  expect(readdirSync(dir).sort()).toEqual(['key', 'store.db'])
})

test('a handle that is open while a newer version migrates the store writes no more', async () => {
  const store = await open()
  await store.append('web', 0, 0, [1])
  inDatabase(`update meta set value = '99' where name = 'format'`)
  expect(await codeOf(store.append('web', 0, 1, [2]))).toBe('store.newer-version invalid')
  expect((await store.head('web')).seq).toBe(1)
  await store.close()
})

test('older formats are brought up step by step in one transaction, or not at all', () => {
  const db = new DatabaseSync(join(root, 'old.db'))
  const check = createSealer(new Uint8Array(32)).check
  migrate(db, 'old.db', check)
  const more = [...steps, 'create table two (a)', 'alter table two add column b']
  expect(() => migrate(db, 'old.db', check, [...more, 'create table two (c)'])).toThrow('already exists')
  expect(db.prepare(`select count(*) as n from sqlite_schema where name = 'two'`).get()).toEqual({ n: 0 })
  migrate(db, 'old.db', check, more)
  migrate(db, 'old.db', check, more)
  expect(db.prepare(`select value from meta where name = 'format'`).get()).toEqual({ value: '3' })
  expect(db.prepare('select a, b from two').all()).toEqual([])
  db.close()
})

test('a file that is no store is refused', async () => {
  mkdirSync(dir)
  writeFileSync(join(dir, 'key'), Buffer.alloc(32))
  writeFileSync(join(dir, 'store.db'), 'something else, long enough to be looked at. '.repeat(50))
  expect(await codeOf(open())).toBe('store.damaged invalid')
  rmSync(join(dir, 'store.db'))
  inDatabase('create table theirs (a)')
  expect(await codeOf(open())).toBe('store.damaged invalid')
})

test('every flipped byte of an entry is seen, and named', async () => {
  await withStore((store) => store.append('web', 3, 0, [1, { text: 'an entry, \ufffd' }, 3]))
  const at = 1_700_000_000_000
  const db = new DatabaseSync(join(dir, 'store.db'))
  const row = db.prepare('select hash, body from entries where seq = 2').get()
  db.close()
  const [hash, body] = [row?.['hash'], row?.['body']]
  if (!(hash instanceof Uint8Array) || typeof body !== 'string') throw new Error('an entry has a hash and a body')
  const seen = async (column: string, value: string | number | Uint8Array, was: string | number | Uint8Array): Promise<void> => {
    const set = column === 'body' ? 'cast(? as text)' : '?'
    inDatabase(`update entries set ${column} = ${set} where seq = 2`, value)
    await withStore(async (store) => {
      expect(await detailOf(store.entries('web', 0, 10))).toMatch(/^store\.damaged: entry 2 of web/)
      expect(await detailOf(store.entries('web', 1, 1))).toMatch(/^store\.damaged: entry 2 of web/)
    })
    inDatabase(`update entries set ${column} = ${set} where seq = 2`, was)
  }
  const flips = (bytes: Uint8Array): Uint8Array[] =>
    Array.from(bytes, (_, place) => Uint8Array.from(bytes, (byte, index) => (index === place ? byte ^ (1 << (place % 8)) : byte)))
  for (const flipped of flips(hash)) await seen('hash', flipped, hash)
  for (const flipped of flips(Buffer.from(body))) await seen('body', flipped, Buffer.from(body))
  await seen('epoch', 2, 3)
  await seen('at', at + 1, at)
  await withStore(async (store) => expect(await store.entries('web', 0, 10)).toHaveLength(3))
})

test('entries that vanish are seen: at the end, in between, all, and a head of its own', async () => {
  const fresh = async (): Promise<void> => {
    rmSync(dir, { recursive: true, force: true })
    await withStore((store) => store.append('web', 0, 0, [1, 2, 3]))
  }
  for (const [sql, seq] of [
    ['delete from entries where seq = 3', 3],
    ['delete from entries where seq = 2', 2],
    ['delete from entries where seq = 1', 1],
    ['delete from entries', 1],
    ['delete from heads', 3],
    ['update heads set seq = 2', 3],
    [`update entries set stream = 'wec' where seq = 3`, 3],
    ['update entries set seq = 7 where seq = 3', 4],
  ] as const) {
    await fresh()
    inDatabase(sql)
    await withStore(async (store) => {
      expect(await detailOf(store.entries('web', 0, 10)), sql).toMatch(new RegExp(`^store\\.damaged: entry ${seq} of web`))
      if (!sql.includes('= 1') && !sql.includes('seq = 2'))
        expect(await codeOf(store.append('web', 0, 3, [4])), sql).toBe('store.damaged invalid')
    })
  }
})

test('a flipped byte of an object is seen, and putting its content again mends it', async () => {
  const content = Buffer.from('some content of an object')
  const digest = await withStore((store) => store.objects.put(content))
  const db = new DatabaseSync(join(dir, 'store.db'))
  const sealed = db.prepare('select sealed from objects').get()?.['sealed']
  db.close()
  if (!(sealed instanceof Uint8Array)) throw new Error('an object has bytes')
  for (let place = 0; place < sealed.length; place++) {
    inDatabase(
      'update objects set sealed = ?',
      Uint8Array.from(sealed, (byte, index) => (index === place ? byte ^ 1 : byte)),
    )
    await withStore(async (store) => expect(await codeOf(store.objects.get(digest))).toBe('store.damaged invalid'))
  }
  await withStore(async (store) => {
    expect(await store.objects.put(content)).toBe(digest)
    expect(content.equals(await store.objects.get(digest))).toBe(true)
  })
})

test('an object under the name of another is seen', async () => {
  const [one, two] = await withStore((store) => Promise.all([store.objects.put(Buffer.from('one')), store.objects.put(Buffer.from('two'))]))
  inDatabase(
    'update objects set sealed = (select sealed from objects where digest = ?) where digest = ?',
    Buffer.from(one.slice(2), 'hex'),
    Buffer.from(two.slice(2), 'hex'),
  )
  await withStore(async (store) => expect(await codeOf(store.objects.get(two))).toBe('store.damaged invalid'))
})

test('waits for another process that writes, without standing still', async () => {
  const store = await open()
  const other = new DatabaseSync(join(dir, 'store.db'))
  other.exec('begin immediate')
  let turns = 0
  const counting = setInterval(() => turns++, 1)
  const appended = store.append('web', 0, 0, [1])
  await expect.poll(() => turns).toBeGreaterThan(3)
  other.exec('rollback')
  other.close()
  expect(await appended).toHaveLength(1)
  clearInterval(counting)
  await store.close()
})
