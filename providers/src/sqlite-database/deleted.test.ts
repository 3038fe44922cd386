import { chmodSync, existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStage } from '@understudy/engine/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sqliteDatabase } from './provider.ts'
import { databaseBench } from './testing/database-bench.ts'
import type { DatabaseBench } from './testing/database-bench.ts'

let on: DatabaseBench
beforeEach(async () => {
  on = databaseBench(await openStage(), (file) => new DatabaseSync(file))
})
afterEach(() => on.close())

const items = "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO items VALUES (1, 'a')"
const stock = 'ALTER TABLE items ADD COLUMN stock; CREATE TABLE log(what)'

async function stateNow() {
  const seen = await on.read()
  if (seen === null) throw new Error('there is no database')
  return seen
}

/** Created, written to, deleted, and the deletion let go of. What was there before that. */
async function deleted(...migrations: readonly string[]) {
  await on.become(...migrations)
  on.run("INSERT INTO items(id, name) VALUES (2, 'b')")
  chmodSync(on.file, 0o640)
  const was = await stateNow()
  const gone = await on.step(null)
  expect(gone.prepared).toMatchObject({ reversal: 'switch', losses: [] })
  await gone.turn('after')
  await gone.release()
  expect(readdirSync(on.stage.dir).filter((name) => name.includes('deleted-'))).toEqual([])
  return was
}

describe('a database that was deleted and let go of', () => {
  test('comes back with its rows, numbers and mode where an undo goes to the state it had', async () => {
    const was = await deleted(items)
    const back = await on.step(was.state)
    expect(back.prepared.losses).toEqual([])
    await back.turn('after')
    expect(await stateNow()).toEqual(was)
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a', '2|b'])
    expect(statSync(on.file).mode & 0o777).toBe(0o640)
    await back.turn('before')
    expect(existsSync(on.file)).toBe(false)
    await back.turn('after')
    await back.release()
    expect(await stateNow()).toEqual(was)
  })

  test('comes back as often as it is deleted, as it was the last time', async () => {
    const { state } = await deleted(items)
    for (const id of [3, 4]) {
      const back = await on.step(state)
      await back.turn('after')
      await back.release()
      on.run(`INSERT INTO items VALUES (${id}, 'more')`)
      const gone = await on.step(null)
      await gone.turn('after')
      await gone.release()
    }
    await (await on.step(state)).turn('after')
    expect(on.rows('SELECT id FROM items')).toEqual(['1', '2', '3', '4'])
  })

  test('comes back in the schema of an older revision, with the rows it had at last', async () => {
    await on.become(items)
    const { state } = await stateNow()
    await deleted(items, stock)
    const back = await on.step(state)
    expect(back.prepared.losses).toEqual([])
    await back.turn('after')
    expect((await stateNow()).state).toEqual(state)
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a', '2|b'])
    expect(on.tables()).toEqual(['items'])
  })

  test('is another one than that made anew at its place, which begins as its migrations make it', async () => {
    const was = await deleted(items)
    await on.become(items)
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a'])
    expect((await stateNow()).state).toMatchObject({ generation: 1 })
    const instead = await on.step(was.state)
    expect(instead.prepared.losses).toEqual(['database shop.db: its rows of then, it was deleted and made anew'])
    const gone = await on.step(null)
    await gone.turn('after')
    await gone.release()
    await (await on.step(was.state)).turn('after')
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a', '2|b'])
  })

  test('is not taken for one that is made while its deletion is still held', async () => {
    await on.become(items)
    on.run("INSERT INTO items VALUES (2, 'b')")
    const { state } = await stateNow()
    const gone = await on.step(null)
    await gone.turn('after')
    const anew = await on.step(await on.wanted(items))
    await gone.release()
    await anew.turn('after')
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a'])
    expect((await stateNow()).state).not.toEqual(state)
  })

  test('comes back from where its deletion holds it', async () => {
    await on.become(items)
    on.run("INSERT INTO items VALUES (2, 'b')")
    const { state } = await stateNow()
    const gone = await on.step(null)
    await gone.turn('after')
    const back = await on.step(state)
    await gone.release()
    await back.turn('after')
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a', '2|b'])
  })

  test('comes back in a copy of its place as well, held or let go of', async () => {
    const { state } = await deleted(items)
    const rehearse = async (world: string): Promise<readonly unknown[]> => {
      const to = { world, id: 'db', part: null }
      const forked = await sqliteDatabase.fork(on.at, to, null, { path: on.file, migrations: [] }, on.stage.hands(world, 'db', 'fork'))
      const there = { ...to, part: forked.part }
      const hands = on.stage.hands(world, 'db', 'step')
      const { memento, losses } = await sqliteDatabase.prepare(there, null, state, hands)
      expect(losses).toEqual([])
      await sqliteDatabase.turn(there, memento, 'after', hands)
      expect((await sqliteDatabase.read(there, null, hands))?.state).toEqual(state)
      const db = new DatabaseSync(forked.part.path)
      const found = db.prepare('SELECT name FROM items').all()
      db.close()
      await sqliteDatabase.close(there, on.stage.hands(world, 'db', 'close'))
      expect(readdirSync(join(on.stage.dir, 'rooms', world, 'db'))).toEqual([])
      return found.map((row) => row['name'])
    }
    expect(await rehearse('one')).toEqual(['a', 'b'])
    const back = await on.step(state)
    await back.turn('after')
    await back.release()
    on.run("INSERT INTO items VALUES (3, 'c')")
    await (await on.step(null)).turn('after')
    expect(await rehearse('two')).toEqual(['a', 'b', 'c'])
  })

  test('of which nothing is kept any more says so', async () => {
    const { state } = await deleted(items)
    const back = await on.step(state)
    await back.turn('after')
    await back.release()
    rmSync(on.file)
    expect((await on.step(state)).prepared.losses).toEqual(['database shop.db: its rows of then'])
  })
})

test('a database that is more than the store takes is a loss by name once its deletion is let go of', async () => {
  await on.become(items)
  truncateSync(on.file, 600 << 20)
  const gone = await on.step(null)
  expect(gone.prepared.losses).toEqual([
    expect.stringMatching(/^database shop\.db: all its rows \(\d+ bytes\), once the next change lets go/),
  ])
})

test('one that grew too big while its deletion was held stays, under a name of its own', async () => {
  await on.become(items)
  const gone = await on.step(null)
  await gone.turn('after')
  const aside = readdirSync(on.stage.dir).find((name) => name.includes('deleted-')) ?? ''
  truncateSync(join(on.stage.dir, aside), 600 << 20)
  await gone.release()
  expect(readdirSync(on.stage.dir).filter((name) => name.startsWith('shop.db.kept-'))).toHaveLength(1)
})
