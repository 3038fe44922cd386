import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault, isDigest } from '@understudy/contract'
import { openSqliteStore } from './sqlite-store.ts'
import type { Store } from './store.ts'
import { createTestClock } from './testing/store-suite.ts'
import { startChild } from './testing/start-child.ts'
import type { Child } from './testing/start-child.ts'

let root: string
let dir: string
let children: Child[]
const open = (folder = dir): Promise<Store> => openSqliteStore({ dir: folder, clock: createTestClock() })

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sqlite-store-'))
  dir = join(root, '.understudy')
  children = []
})
afterEach(async () => {
  for (const child of children) child.kill()
  await Promise.all(children.map(({ ended }) => ended))
  rmSync(root, { recursive: true })
})

async function start(verb: string, count = 0): Promise<Child> {
  const child = startChild(verb, dir, count)
  children.push(child)
  expect(await child.next()).toEqual({ ready: true })
  return child
}

test('of fifty processes that make one store and want one lease, all agree on the key and exactly one gets it', async () => {
  const racers: Child[] = []
  for (let batch = 0; batch < 10; batch++) racers.push(...(await Promise.all(Array.from({ length: 5 }, () => start('lease')))))
  for (const racer of racers) racer.go()
  const answers = await Promise.all(racers.map((racer) => racer.next()))
  expect(await Promise.all(racers.map(({ ended }) => ended))).toEqual(racers.map(() => ({ code: 0, complaint: '' })))
  expect(answers.filter((answer) => answer?.['taken'] === true)).toHaveLength(1)
  expect(new Set(answers.map((answer) => answer?.['name'])).size).toBe(1)
  expect(readdirSync(dir).sort()).toEqual(['key', 'store.db'])
})

test('processes that append to one stream lose nothing and double nothing', async () => {
  const writers = await Promise.all([start('contend', 100), start('contend', 100), start('contend', 100)])
  for (const writer of writers) writer.go()
  expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual(writers.map(() => ({ code: 0, complaint: '' })))
  const store = await open()
  const entries = await store.entries('web', 0, 1_000)
  expect(new Set(entries.map(({ body }) => JSON.stringify(body))).size).toBe(300)
  expect(entries).toHaveLength(300)
  await store.close()
})

test('L8: a writer that is killed leaves a whole chain, all it acknowledged, and the objects that this names', async () => {
  const acknowledged: { seq: number; digests: readonly unknown[] }[] = []
  for (let round = 0; round < 15; round++) {
    const writer = await start('write')
    writer.go()
    for (let line = 0; ; line++) {
      const said = await writer.next()
      if (said === null) break
      acknowledged.push({ seq: Number(said['seq']), digests: Array.isArray(said['digests']) ? said['digests'] : [] })
      if (line === round * 2) setTimeout(() => writer.kill(), Math.random() * 8) // anywhere within a round
    }
    expect((await writer.ended).complaint).toBe('')
    const store = await open()
    const entries = await store.entries('web', 0, 100_000)
    expect(entries.length % 2).toBe(0) // all or none of an append
    const last = acknowledged.at(-1)
    expect(entries.length).toBeGreaterThanOrEqual(last?.seq ?? 0)
    for (const { seq, digests } of acknowledged) expect(entries[seq - 2]?.body).toEqual({ digests })
    const named = acknowledged.slice(-20).flatMap(({ digests }) => digests)
    for (const digest of named) if (isDigest(digest)) expect((await store.objects.get(digest)).length).toBeGreaterThan(0)
    await store.close()
  }
  expect(acknowledged.length).toBeGreaterThan(15)
})

test('no flipped byte anywhere in the file changes what is read: it is seen, or it does not matter', async () => {
  const store = await open()
  for (let seq = 0; seq < 40; seq++) await store.append('web', 1, seq, [{ n: seq, text: `entry ${seq} `.repeat(10) }])
  const digest = await store.objects.put(Buffer.from('content '.repeat(100)))
  const truth = JSON.stringify(await store.entries('web', 0, 100))
  await store.close()
  const pristine = readFileSync(join(dir, 'store.db'))
  const copy = join(root, 'copy')
  await (await open(copy)).close()
  copyFileSync(join(dir, 'key'), join(copy, 'key'))
  let seen = 0
  const stride = 37 // prime to the page size, so that each kind of byte is met
  for (let place = 0; place < pristine.length; place += stride) {
    const flipped = Buffer.from(pristine)
    flipped.writeUInt8(flipped.readUInt8(place) ^ (1 << (place % 8)), place)
    for (const name of ['store.db-wal', 'store.db-shm']) rmSync(join(copy, name), { force: true })
    writeFileSync(join(copy, 'store.db'), flipped)
    try {
      const damaged = await open(copy)
      try {
        expect(JSON.stringify(await damaged.entries('web', 0, 100)), `byte ${place}`).toBe(truth)
        expect(Buffer.from(await damaged.objects.get(digest)).toString(), `byte ${place}`).toBe('content '.repeat(100))
      } finally {
        await damaged.close()
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw new Error(`byte ${place}`, { cause: error })
      seen++
    }
  }
  expect(seen).toBeGreaterThan(20)
}, 120_000)
