import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStage } from '@understudy/engine/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sqliteDatabase } from './provider.ts'
import { databaseBench, faultOf } from './testing/database-bench.ts'
import type { DatabaseBench } from './testing/database-bench.ts'

let on: DatabaseBench
beforeEach(async () => {
  on = databaseBench(await openStage(), (file) => new DatabaseSync(file))
})
afterEach(() => on.close())

const items =
  "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL DEFAULT 1.5); INSERT INTO items VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)"

describe('what is refused', () => {
  test.each([
    ['BEGIN; CREATE TABLE x(y)', 'sqlite.forbidden-statement', '001_m.sql:1'],
    ["CREATE TABLE x(y);\nATTACH 'other.db' AS o", 'sqlite.forbidden-statement', '001_m.sql:2'],
    ['PRAGMA journal_mode = WAL', 'sqlite.forbidden-statement', 'journal_mode'],
    ['CREATE TABLE _understudy_x(y)', 'sqlite.forbidden-statement', '_understudy_x'],
    [
      'CREATE TABLE x(y);\n\nCREATE TABEL z(y)',
      'sqlite.migration-failed',
      '001_m.sql:3: near "TABEL": syntax error, in: CREATE TABEL z(y)',
    ],
    ['CREATE TABLE x(y);\nsyntax error here', 'sqlite.migration-failed', '001_m.sql:2: near "syntax": syntax error, in: syntax error here'],
    ['EXPLAIN SELECT 1', 'sqlite.forbidden-statement', '001_m.sql:1: EXPLAIN'],
  ])('%s', async (sql, code, where) => {
    const { fault } = await faultOf(on.wanted(sql))
    expect(fault.code).toBe(code)
    expect(fault.detail).toContain(where)
    expect(existsSync(on.file)).toBe(false)
  })

  test('a migration that the rows refuse: nothing is changed, and file and line are named', async () => {
    await on.become(items)
    on.run("UPDATE items SET name = 'c' WHERE id = 1")
    const unique = await on.step(await on.wanted(items, 'UPDATE items SET price = 0;\nCREATE UNIQUE INDEX by_name ON items(name)'))
    const { fault } = await faultOf(unique.turn('after'))
    expect(fault).toMatchObject({ code: 'sqlite.migration-failed', detail: expect.stringContaining('002_m.sql:2') })
    expect(on.rows('SELECT name, price FROM items')).toEqual(['c|10', 'b|20', 'c|30'])
    expect(on.tables()).toEqual(['items'])
  })

  test('a file that is no database is not taken for an empty one', async () => {
    writeFileSync(on.file, 'something else entirely, long enough to be looked at as a header of a database file, surely. '.repeat(20))
    expect((await faultOf(on.read())).fault.code).toBe('sql.damaged')
  })

  test('done again against rows written meanwhile, what fails says so, and what to do', async () => {
    await on.become(items)
    const doubled = await on.change(
      items,
      'CREATE TABLE n(price CHECK (price < 100)); INSERT INTO n SELECT price FROM items; UPDATE n SET price = price * 3',
    )
    await doubled.turn('before')
    on.run('UPDATE items SET price = 50 WHERE id = 1')
    const { fault } = await faultOf(doubled.turn('after'))
    expect(fault.code).toBe('sqlite.migration-failed')
    expect(fault.summary).toBe('A migration that was undone cannot be done again.')
    expect(fault.detail).toMatch(/^002_m\.sql:1: CHECK constraint failed: price < 100, in: UPDATE n/)
    expect(fault.hint).toContain('rows written since it was undone')
  })
})

test.each([
  [[{ name: 1, sql: 'SELECT 1' }], ['migrations', 0, 'name'], 'expected string, received number'],
  [[{ name: '001' }], ['migrations', 0, 'sql'], 'expected string, received undefined'],
  [['001.sql'], ['migrations', 0], 'write {name, sql}'],
  [7, ['migrations'], 'write the folder of migrations, or a list of {name, sql}'],
])('a wrong spec is told by the place that is wrong: %j', (migrations, path, message) => {
  const parsed = sqliteDatabase.schema.spec.safeParse({ path: 'shop.db', migrations })
  expect(parsed.success ? [] : parsed.error.issues).toEqual([expect.objectContaining({ path, message: expect.stringContaining(message) })])
})

test('a database is claimed under the name that links lead to', async () => {
  const real = join(on.stage.dir, 'real')
  mkdirSync(real)
  symlinkSync('real', join(on.stage.dir, 'linked'))
  symlinkSync('real/shop.db', join(on.stage.dir, 'other.db'))
  const there = `${real}/shop.db`
  writeFileSync(there, '')
  expect((await on.want(there, items)).claims).toEqual([`sqlite:${there}`, `file:${there}`])
  expect((await on.want(join(on.stage.dir, 'linked/shop.db'), items)).claims).toEqual([`sqlite:${there}`, `file:${there}`])
  expect((await on.want(join(on.stage.dir, 'other.db'), items)).claims).toEqual([
    `sqlite:${there}`,
    `file:${there}`,
    `file:${on.stage.dir}/other.db`,
  ])
})
