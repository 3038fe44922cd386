import { existsSync, readdirSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { openStage } from '@understudy/engine/testing'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { State } from './schemas.ts'
import { databaseBench, faultOf } from './testing/database-bench.ts'
import type { DatabaseBench } from './testing/database-bench.ts'

let on: DatabaseBench
beforeEach(async () => {
  on = databaseBench(await openStage(), (file) => new DatabaseSync(file))
})
afterEach(() => on.close())

const run = (sql: string): void => on.run(sql)
const rows = (sql: string): readonly unknown[] => on.rows(sql)
const tables = (): readonly unknown[] => on.tables()
const late = () => on.late()
const wanted = (...migrations: readonly string[]) => on.wanted(...migrations)
const step = (to: State | null) => on.step(to)
const become = (...migrations: readonly string[]) => on.become(...migrations)
const change = (...migrations: readonly string[]) => on.change(...migrations)

const items =
  "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL DEFAULT 1.5); INSERT INTO items VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)"

describe('rows written since stay', () => {
  test('an added column goes, rows inserted, changed and deleted in between stay so; done again, its values are back', async () => {
    await become(items)
    const added = await change(items, 'ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 7')
    run("INSERT INTO items VALUES (4, 'd', 40, 70); UPDATE items SET name = 'B', stock = 8 WHERE id = 2; DELETE FROM items WHERE id = 1")
    await added.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['2|B|20', '3|c|30', '4|d|40'])
    run("UPDATE items SET name = 'C' WHERE id = 3; INSERT INTO items VALUES (5, 'e', 50)")
    await added.turn('after')
    expect(rows('SELECT * FROM items ORDER BY id')).toEqual(['2|B|20|8', '3|C|30|7', '4|d|40|70', '5|e|50|7'])
    await added.turn('before')
    expect(rows('SELECT * FROM items ORDER BY id')).toEqual(['2|B|20', '3|C|30', '4|d|40', '5|e|50'])
  })

  test('a dropped column comes back with its values; rows inserted since get its default', async () => {
    await become(items)
    const dropped = await change(items, 'ALTER TABLE items DROP COLUMN price')
    run("INSERT INTO items VALUES (4, 'd'); UPDATE items SET name = 'B' WHERE id = 2; DELETE FROM items WHERE id = 3")
    await dropped.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10', '2|B|20', '4|d|1.5'])
  })

  test('a dropped column of a row whose key somebody changed comes back with its default, and what it held is kept aside', async () => {
    const table =
      "CREATE TABLE t(k TEXT PRIMARY KEY, n, note TEXT DEFAULT '-'); INSERT INTO t VALUES ('a', 1, 'x'), ('b', 2, 'y'), ('c', 3, 'w'), ('d', 0, 'v')"
    await become(table)
    const dropped = await change(table, "UPDATE t SET n = 4 WHERE k = 'd'; ALTER TABLE t DROP COLUMN note")
    run("UPDATE t SET k = 'y' WHERE k = 'd'; UPDATE t SET k = 'z', n = 5 WHERE k = 'a'; DELETE FROM t WHERE k = 'b'")
    await dropped.turn('before')
    expect(rows('SELECT * FROM t ORDER BY k')).toEqual(['c|3|w', 'y|4|-', 'z|5|-'])
    expect(late()).toEqual([['a|5|x', 'd|4|v']])
  })

  test.each([
    ['id INTEGER PRIMARY KEY', '2'],
    ['id TEXT PRIMARY KEY', "'2'"],
    ['id', '2'],
  ])('a row made under the key of one that the migration deleted is another row: %s', async (key, id) => {
    const people = `CREATE TABLE people(${key}, name TEXT NOT NULL, pw TEXT DEFAULT '-'); INSERT INTO people VALUES (1, 'ann', 'a1'), (2, 'bob', 'b2')`
    await become(people)
    const changed = await change(
      people,
      "ALTER TABLE people DROP COLUMN pw; ALTER TABLE people ADD COLUMN mail DEFAULT 'none'; DELETE FROM people WHERE name = 'bob'",
    )
    run(`INSERT INTO people(id, name) VALUES (${id}, 'carl')`)
    await changed.turn('before')
    expect(rows('SELECT * FROM people ORDER BY id')).toEqual(['1|ann|a1', '2|carl|-'])
    expect(late()).toEqual([['2|bob|b2']])
    await changed.turn('after')
    expect(rows('SELECT * FROM people ORDER BY id')).toEqual(['1|ann|none', '2|carl|none'])
    await changed.turn('before')
    expect(rows('SELECT * FROM people ORDER BY id')).toEqual(['1|ann|a1', '2|carl|-'])
    expect(late()).toEqual([['2|bob|b2']])
  })

  test('a renamed table and column come back under their old names, with what was written under the new ones', async () => {
    await become(items)
    const renamed = await change(items, 'ALTER TABLE items RENAME TO goods; ALTER TABLE goods RENAME COLUMN name TO title')
    run("INSERT INTO goods VALUES (4, 'd', 40); UPDATE goods SET title = 'B' WHERE id = 2")
    await renamed.turn('before')
    expect(rows('SELECT id, name, price FROM items')).toEqual(['1|a|10', '2|B|20', '3|c|30', '4|d|40'])
    expect(tables()).toEqual(['items'])
  })

  test('a dropped table comes back with its rows, indexes and triggers', async () => {
    const log =
      'CREATE TABLE log(item INTEGER REFERENCES items(id), what TEXT); CREATE INDEX log_item ON log(item); CREATE TRIGGER logged AFTER UPDATE ON items BEGIN INSERT INTO log VALUES (new.id, old.name); END'
    await become(items, log)
    run("UPDATE items SET name = 'A' WHERE id = 1")
    const dropped = await change(items, log, 'DROP TRIGGER logged; DROP TABLE log')
    run("UPDATE items SET name = 'BB' WHERE id = 2")
    await dropped.turn('before')
    expect(rows('SELECT * FROM log')).toEqual(['1|a'])
    expect(tables()).toEqual(['items', 'log', 'log_item', 'logged'])
    run("UPDATE items SET name = 'CC' WHERE id = 3")
    expect(rows('SELECT * FROM log')).toEqual(['1|a', '3|c'])
  })

  test('values that a migration rewrote come back, but not over what was written since', async () => {
    await become(items)
    const rewritten = await change(
      items,
      "UPDATE items SET name = upper(name), price = price * 100; DELETE FROM items WHERE id = 3; INSERT INTO items VALUES (9, 'z', 9)",
    )
    expect(rows('SELECT * FROM items')).toEqual(['1|A|1000', '2|B|2000', '9|z|9'])
    run("UPDATE items SET name = 'Bee' WHERE id = 2; INSERT INTO items VALUES (10, 'j', 1)")
    await rewritten.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10', '2|Bee|20', '3|c|30', '10|j|1'])
  })

  test('the usual recipe for a changed type, a table made anew, is undone row by row', async () => {
    await become(items)
    const anew = await change(
      items,
      'CREATE TABLE items_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL); INSERT INTO items_new SELECT id, name, price * 100 FROM items; DROP TABLE items; ALTER TABLE items_new RENAME TO items',
    )
    run("UPDATE items SET name = 'B' WHERE id = 2; INSERT INTO items VALUES (4, 'd', 400); DELETE FROM items WHERE id = 1")
    await anew.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['2|B|20', '3|c|30', '4|d|1.5'])
  })

  test('rows of a table that goes with the undo are kept aside and named, and are there again when it is done again', async () => {
    await become(items)
    const made = await change(items, 'CREATE TABLE reviews(item INTEGER, words TEXT)')
    run("INSERT INTO reviews VALUES (1, 'good'), (1, 'good'), (2, NULL)")
    await made.turn('before')
    const { late } = await made.look()
    expect(late).toEqual([expect.stringMatching(/^table reviews: 3 rows, kept in _understudy_late_/)])
    await made.turn('after')
    expect(rows('SELECT * FROM reviews')).toEqual(['1|good', '1|good', '2|'])
    expect((await made.look()).late).toEqual([])
  })

  test('rows that the old schema refuses are kept aside and named, the rest is in place', async () => {
    await become(`${items}; CREATE UNIQUE INDEX by_name ON items(name)`)
    const loosened = await change(`${items}; CREATE UNIQUE INDEX by_name ON items(name)`, 'DROP INDEX by_name')
    run("INSERT INTO items VALUES (4, 'a', 40), (5, 'e', 50)")
    await loosened.turn('before')
    expect(rows('SELECT id FROM items')).toEqual(['1', '2', '3', '5'])
    expect((await loosened.look()).late).toEqual([expect.stringContaining('table items: 1 rows')])
  })

  test('rows without a key that can tell them apart come back as often as they were there', async () => {
    await become("CREATE TABLE bag(x); INSERT INTO bag VALUES (1), (1), ('1'), (NULL)")
    const doubled = await change("CREATE TABLE bag(x); INSERT INTO bag VALUES (1), (1), ('1'), (NULL)", 'UPDATE bag SET x = x * 2')
    run('INSERT INTO bag VALUES (77)')
    await doubled.turn('before')
    expect(rows('SELECT typeof(x), x FROM bag ORDER BY rowid')).toEqual(['integer|1', 'integer|1', 'text|1', 'null|', 'integer|77'])
  })

  test('a table made and undone with writes: released, the rows written since are still to be found', async () => {
    const made = await step(await wanted(items))
    await made.turn('after')
    run("INSERT INTO items VALUES (4, 'd', 40)")
    await made.turn('before')
    expect(existsSync(on.file)).toBe(false)
    expect((await made.look()).late).toEqual([expect.stringContaining('shop.db.kept-')])
    await made.release()
    expect(readdirSync(on.stage.dir).filter((name) => name.startsWith('shop.db.kept-'))).toHaveLength(1)
  })

  test('foreign keys hold after the undo: what refers to a row that goes is kept aside', async () => {
    const orders = 'CREATE TABLE orders(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES items(id))'
    await become(items, orders)
    const more = await change(items, orders, "INSERT INTO items VALUES (4, 'd', 40)")
    run('INSERT INTO orders VALUES (1, 4), (2, 1)')
    await more.turn('before')
    expect(rows('PRAGMA foreign_key_check')).toEqual([])
    expect(rows('SELECT * FROM orders')).toContain('2|1')
    const kept = rows('SELECT * FROM orders').includes('1|4')
    expect(kept || ((await more.look()).late ?? []).some((text) => text.startsWith('table orders: 1 rows'))).toBe(true)
  })

  const unique = `${items}; CREATE UNIQUE INDEX by_name ON items(name)`
  test('a row put aside whose number somebody took since the undo stays aside when the change is done again', async () => {
    await become(unique)
    const loosened = await change(unique, 'DROP INDEX by_name')
    run("INSERT INTO items VALUES (4, 'a', 40)")
    await loosened.turn('before')
    run("INSERT INTO items VALUES (4, 'z', 1)")
    await loosened.turn('after')
    expect(rows('SELECT * FROM items WHERE id = 4')).toEqual(['4|z|1'])
    expect(late()).toEqual([['4|a|40']])
  })

  test('a row put aside whose hidden row number somebody took comes back under another one', async () => {
    const keyed = "CREATE TABLE t(k TEXT PRIMARY KEY, n); CREATE UNIQUE INDEX un ON t(n); INSERT INTO t VALUES ('a', 1)"
    await become(keyed)
    const loosened = await change(keyed, 'DROP INDEX un')
    run("INSERT INTO t VALUES ('b', 1)")
    await loosened.turn('before')
    run("INSERT INTO t VALUES ('c', 3)")
    await loosened.turn('after')
    expect(rows('SELECT * FROM t ORDER BY k')).toEqual(['a|1', 'b|1', 'c|3'])
  })

  test.each([
    'id INTEGER PRIMARY KEY, item INTEGER REFERENCES items(id)',
    'id INT, item INT REFERENCES items(id), PRIMARY KEY (id, item)) WITHOUT ROWID --',
  ])('rows of a table that no migration touches are put aside with what they refer to, and come back with it: %s', async (columns) => {
    const orders = `CREATE TABLE orders(${columns}\n${columns.endsWith('--') ? '' : ')'}`
    await become(items, orders)
    const more = await change(items, orders, "INSERT INTO items VALUES (4, 'd', 40)")
    run('INSERT INTO orders VALUES (1, 4), (2, 1)')
    await more.turn('before')
    expect(late()).toEqual([['1|4']])
    await more.turn('after')
    expect(rows('SELECT * FROM orders ORDER BY id')).toEqual(['1|4', '2|1'])
    expect(late()).toEqual([])
  })

  test('old and new rows of one table are put aside each in their form, and what came back is put aside again', async () => {
    await become(unique)
    const mixed = await change(unique, 'DROP INDEX by_name; DELETE FROM items WHERE id = 3; ALTER TABLE items ADD COLUMN stock')
    run("INSERT INTO items VALUES (3, 'new', 1, 1), (4, 'a', 40, 1)")
    await mixed.turn('before')
    expect(late()).toEqual([['3|c|30'], ['4|a|40|1'], ['3|1']])
    await mixed.turn('after')
    expect(late()).toEqual([['3|c|30']])
    await mixed.turn('before')
    expect(late()).toEqual([['3|c|30'], ['4|a|40|1'], ['3|1']])
  })

  test('rows of a new table are put aside by every undo, not by the first alone', async () => {
    await become(items)
    const made = await change(items, 'CREATE TABLE reviews(words TEXT)')
    run("INSERT INTO reviews VALUES ('good')")
    for (const side of ['before', 'after', 'before'] as const) await made.turn(side)
    expect(late()).toEqual([['good']])
  })

  test('rows without a key that came back from aside are put aside again', async () => {
    const bag = 'CREATE TABLE bag(a, b); CREATE UNIQUE INDEX once ON bag(a); INSERT INTO bag VALUES (1, 1), (2, 2)'
    const turned =
      'CREATE TABLE n(b, a); INSERT INTO n SELECT b * 2, a FROM bag ORDER BY a DESC; DROP TABLE bag; ALTER TABLE n RENAME TO bag'
    await become(bag)
    const anew = await change(bag, turned)
    run('INSERT INTO bag VALUES (77, 1)')
    for (const side of ['before', 'after', 'before'] as const) await anew.turn(side)
    expect(late()).toEqual([['77|1']])
  })

  test('a column that replaces on conflict replaces nothing when old rows are put back', async () => {
    const replacing = 'CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE ON CONFLICT REPLACE); INSERT INTO t VALUES (1, 1)'
    await become(replacing)
    const plain = 'CREATE TABLE n(id INTEGER PRIMARY KEY, a); INSERT INTO n SELECT * FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t'
    const anew = await change(replacing, plain)
    run('INSERT INTO t VALUES (2, 1)')
    await anew.turn('before')
    expect(rows('SELECT * FROM t')).toEqual(['1|1'])
    expect(late()).toEqual([['2|1']])
  })

  test('an undo takes as many statements for a hundred rows that are refused as for one', async () => {
    await become(unique)
    const counts: number[] = []
    for (const refused of [1, 100]) {
      const loosened = await change(unique, 'DROP INDEX by_name')
      run(`INSERT INTO items(name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${refused}) SELECT 'a' FROM n`)
      on.stage.records()
      await loosened.turn('before')
      expect(rows('SELECT id FROM items')).toEqual(['1', '2', '3'])
      expect((await loosened.look()).late).toEqual([expect.stringContaining(`table items: ${refused} rows`)])
      counts.push(on.stage.records().reduce((sum, { channel, count }) => sum + (channel === 'sql' ? count : 0), 0))
    }
    expect(counts[0]).toBeGreaterThan(0)
    expect(counts[1]).toBe(counts[0])
  })

  const coded = 'ALTER TABLE items ADD COLUMN code; UPDATE items SET code = name; CREATE UNIQUE INDEX by_code ON items(code)'

  test('done again, a value that somebody else has by now is put aside by name, and its row stays as the migration makes it', async () => {
    await become(items)
    const changed = await change(items, coded)
    run("UPDATE items SET code = 'z' WHERE id = 1")
    await changed.turn('before')
    run("INSERT INTO items VALUES (5, 'z', 50)")
    await changed.turn('after')
    expect(rows('SELECT id, code FROM items ORDER BY id')).toEqual(['1|a', '2|b', '3|c', '5|z'])
    expect(late()).toEqual([['1|a|10|z']])
    await changed.turn('before')
    expect(rows('SELECT * FROM items ORDER BY id')).toEqual(['1|a|10', '2|b|20', '3|c|30', '5|z|50'])
  })

  test('done again, unique values that two rows exchanged come back whatever the order, beside what was written since', async () => {
    await become(items)
    const changed = await change(items, coded)
    run("UPDATE items SET code = 'x' WHERE id = 1; UPDATE items SET code = 'a' WHERE id = 2; UPDATE items SET code = 'b' WHERE id = 1")
    await changed.turn('before')
    run('UPDATE items SET price = price + 1')
    await changed.turn('after')
    expect(rows('SELECT * FROM items ORDER BY id')).toEqual(['1|a|11|b', '2|b|21|a', '3|c|31|c'])
    expect(late()).toEqual([])
  })

  test.each([
    ['a unique index', 'CREATE UNIQUE INDEX by_name ON items(name)', '4|a|40'],
    [
      'a unique index and a column more',
      'ALTER TABLE items ADD COLUMN stock; CREATE UNIQUE INDEX by_name ON items(name COLLATE NOCASE)',
      '4|a|40',
    ],
    [
      'a table made anew',
      'CREATE TABLE n(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price); INSERT INTO n SELECT * FROM items; DROP TABLE items; ALTER TABLE n RENAME TO items',
      '4|a|40',
    ],
  ])(
    'done again, rows written meanwhile that the new side refuses are put aside and named, the next undo has them back: %s',
    async (_, sql, aside) => {
      await become(items)
      const changed = await change(items, sql)
      await changed.turn('before')
      run("INSERT INTO items VALUES (4, 'a', 40), (5, 'e', 50)")
      await changed.turn('after')
      expect(rows('SELECT id, name, price FROM items ORDER BY id')).toEqual(['1|a|10', '2|b|20', '3|c|30', '5|e|50'])
      expect(late()).toEqual([[aside]])
      await changed.turn('before')
      expect(rows('SELECT id, name, price FROM items ORDER BY id')).toEqual(['1|a|10', '2|b|20', '3|c|30', '4|a|40', '5|e|50'])
      expect(late()).toEqual([])
    },
  )

  test('done again, a row that the migration makes and that somebody had changed is not in its own way', async () => {
    await become(items)
    const more = await change(items, "INSERT INTO items VALUES (9, 'z', 9)")
    run("UPDATE items SET name = 'zz' WHERE id = 9")
    for (const side of ['before', 'after', 'before'] as const) {
      await more.turn(side)
      expect(rows('SELECT * FROM items WHERE id = 9')).toEqual(['9|zz|9'])
    }
    expect(late()).toEqual([])
  })

  test.each([
    [
      'a row without a key came',
      "CREATE TABLE t(k TEXT PRIMARY KEY, n); INSERT INTO t VALUES ('a', 1)",
      'ALTER TABLE t ADD COLUMN more; UPDATE t SET more = 0',
      '',
    ],
    [
      'the old side was written meanwhile',
      "CREATE TABLE t(k, n); INSERT INTO t VALUES ('a', 1)",
      'CREATE TABLE x(k, n, more); INSERT INTO x SELECT k, n * 2, 0 FROM t; DROP TABLE t; ALTER TABLE x RENAME TO t',
      "INSERT INTO t VALUES ('c', 3)",
    ],
  ])('done again, what was written and cannot be brought back row by row is put aside by name: %s', async (_, table, sql, meanwhile) => {
    await become(table)
    const changed = await change(table, sql)
    run("INSERT INTO t VALUES (NULL, 2, 0), ('b', 4, 7)")
    await changed.turn('before')
    run(meanwhile)
    await changed.turn('after')
    expect(rows("SELECT more FROM t WHERE k = 'b'")).toEqual(['0'])
    expect(late().flat()).toContain('b|4|7')
    await changed.turn('before')
    expect(rows("SELECT * FROM t WHERE k = 'b'")).toEqual(['b|4'])
  })

  test('done again, a migration that fails for another reason than rows written meanwhile fails, and nothing is changed', async () => {
    await become(items)
    const sql = 'CREATE TABLE n(name TEXT UNIQUE); INSERT INTO n SELECT name FROM items; DROP TABLE items; ALTER TABLE n RENAME TO items'
    const anew = await change(items, sql)
    await anew.turn('before')
    run("INSERT INTO items VALUES (4, 'a', 40)")
    expect((await faultOf(anew.turn('after'))).fault.code).toBe('sqlite.migration-failed')
    expect(rows('SELECT id FROM items')).toEqual(['1', '2', '3', '4'])
  })

  test('done again, a row that made way and came back is the same row, also to the undo after it', async () => {
    await become(items)
    const column = 'ALTER TABLE items ADD COLUMN code TEXT; ALTER TABLE items DROP COLUMN price'
    const changed = await change(items, `${column}; CREATE UNIQUE INDEX by_name ON items(name)`)
    run("UPDATE items SET code = 'x' WHERE id = 2")
    await changed.turn('before')
    run("UPDATE items SET name = 'c', price = 5 WHERE id = 2")
    await changed.turn('after')
    await changed.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10', '2|c|5', '3|c|30'])
  })

  test('of rows that are alike each comes back from aside once, however many were in place before', async () => {
    const orders = 'CREATE TABLE orders(item INTEGER REFERENCES items(id))'
    await become(items, orders)
    const more = await change(items, orders, "INSERT INTO items VALUES (4, 'd', 40)")
    run('INSERT INTO orders VALUES (4), (4)')
    await more.turn('before')
    expect(late()).toEqual([['4', '4']])
    const service = new DatabaseSync(on.file, { enableForeignKeyConstraints: false })
    service.exec('INSERT INTO orders VALUES (4)')
    service.close()
    await more.turn('after')
    expect(rows('SELECT * FROM orders')).toEqual(['4', '4', '4'])
    expect(late()).toEqual([])
  })

  test('of rows that are alike, one put aside and one in place, both are there when the change is done again', async () => {
    const bag = 'CREATE TABLE bag(a, b); CREATE UNIQUE INDEX once ON bag(a); INSERT INTO bag VALUES (1, 1), (2, 2)'
    const turned = 'CREATE TABLE n(b, a); INSERT INTO n SELECT b * 2, a FROM bag; DROP TABLE bag; ALTER TABLE n RENAME TO bag'
    await become(bag)
    const anew = await change(bag, turned)
    run('INSERT INTO bag VALUES (5, 5), (5, 5)')
    await anew.turn('before')
    expect(late()).toEqual([['5|5']])
    await anew.turn('after')
    expect(rows('SELECT * FROM bag WHERE a = 5')).toEqual(['5|5', '5|5'])
    expect(late()).toEqual([])
  })

  test('rows alike by number, one put aside: done again there are as many as before', async () => {
    const bag = 'CREATE TABLE bag(a, b); CREATE UNIQUE INDEX once ON bag(a); INSERT INTO bag VALUES (1, 1)'
    await become(bag)
    const loosened = await change(bag, 'DROP INDEX once')
    run('INSERT INTO bag VALUES (5, 5), (5, 5), (5, 5)')
    await loosened.turn('before')
    expect(late()).toEqual([['5|5', '5|5']])
    await loosened.turn('after')
    expect(rows('SELECT a FROM bag')).toEqual(['1', '5', '5', '5'])
    expect(late()).toEqual([])
  })

  test('values of a type that the old side does not take are put aside, each by itself, and the others are in place', async () => {
    const strict = 'CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT; INSERT INTO t VALUES (1, 1), (2, 2)'
    const plain = 'CREATE TABLE x(id INTEGER PRIMARY KEY, n); INSERT INTO x SELECT * FROM t; DROP TABLE t; ALTER TABLE x RENAME TO t'
    await become(strict)
    const loosened = await change(strict, plain)
    run("INSERT INTO t VALUES (3, 'three'), (4, 4), (5, NULL), (6, 6), (7, 'seven')")
    await loosened.turn('before')
    expect(rows('SELECT * FROM t')).toEqual(['1|1', '2|2', '4|4', '6|6'])
    expect(late()).toEqual([['3|three', '5|', '7|seven']])
    await loosened.turn('after')
    expect(rows('SELECT * FROM t ORDER BY id')).toEqual(['1|1', '2|2', '3|three', '4|4', '5|', '6|6', '7|seven'])
  })

  test('a migration may refer to rows that are there: the try without rows does not refuse it', async () => {
    const orders = 'CREATE TABLE orders(id INTEGER PRIMARY KEY, item INTEGER REFERENCES items(id))'
    await become(items, orders)
    await change(items, orders, 'INSERT INTO orders VALUES (1, 3)')
    expect(rows('SELECT * FROM orders')).toEqual(['1|3'])
  })
})

test('whatever is written in between: an undo changes no row that the migration did not, and doing it again gives what was there', async () => {
  const write = fc.oneof(
    fc.record({ id: fc.integer({ min: 1, max: 9 }) }).map(({ id }) => `DELETE FROM items WHERE id = ${id}`),
    fc
      .record({ id: fc.integer({ min: 1, max: 9 }), name: fc.constantFrom('x', "it''s", '') })
      .map(({ id, name }) => `INSERT INTO items(id, name) VALUES (${id}, '${name}') ON CONFLICT DO UPDATE SET name = excluded.name`),
  )
  const migrations = [
    'ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 7',
    'ALTER TABLE items DROP COLUMN price',
    'ALTER TABLE items RENAME COLUMN price TO cost',
    'CREATE TABLE anew(id INTEGER PRIMARY KEY, name TEXT NOT NULL, extra BLOB); INSERT INTO anew SELECT id, name, NULL FROM items; DROP TABLE items; ALTER TABLE anew RENAME TO items',
    'CREATE INDEX names ON items(name)',
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...migrations),
      fc.array(write, { maxLength: 6 }),
      fc.array(write, { maxLength: 3 }),
      async (sql, first, second) => {
        const own = databaseBench(await openStage(), (file) => new DatabaseSync(file))
        const outer = on
        on = own
        try {
          await become(items)
          const changed = await change(items, sql)
          run(first.join(';'))
          const names = rows('SELECT id, name FROM items ORDER BY id')
          const whole = rows('SELECT * FROM items ORDER BY id')
          await changed.turn('before')
          expect(rows('SELECT id, name FROM items ORDER BY id')).toEqual(names)
          await changed.turn('after')
          expect(rows('SELECT * FROM items ORDER BY id')).toEqual(whole)
          await changed.turn('before')
          run(second.join(';'))
          const later = rows('SELECT id, name FROM items ORDER BY id')
          await changed.turn('after')
          expect(rows('SELECT id, name FROM items ORDER BY id')).toEqual(later)
          expect((await changed.look()).late).toEqual([])
        } finally {
          on = outer
          await own.close()
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('whatever collides: a redo goes through, each row is in place or put aside by name, and undoing it gives what was there', async () => {
  const id = fc.integer({ min: 1, max: 6 })
  const word = fc.constantFrom('a', 'b', 'c', 'd')
  const oldWrite = fc.oneof(
    id.map((n) => `DELETE FROM items WHERE id = ${n}`),
    fc.record({ n: id, w: word }).map(({ n, w }) => `INSERT OR REPLACE INTO items(id, name, price) VALUES (${n}, '${w}', 5)`),
    fc.record({ n: id, w: word }).map(({ n, w }) => `UPDATE items SET name = '${w}' WHERE id = ${n}`),
  )
  const newWrite = fc.oneof(
    id.map((n) => `DELETE FROM items WHERE id = ${n}`),
    fc.record({ n: id, w: word }).map(({ n, w }) => `INSERT OR IGNORE INTO items(id, name) VALUES (${n}, '${w}')`),
    fc.record({ n: id, w: word }).map(({ n, w }) => `UPDATE OR IGNORE items SET name = '${w}' WHERE id = ${n}`),
    fc.record({ n: id, w: word }).map(({ n, w }) => `UPDATE OR IGNORE items SET code = '${w}' WHERE id = ${n}`),
  )
  const column = 'ALTER TABLE items ADD COLUMN code TEXT'
  const migrations = [
    `${column}; CREATE UNIQUE INDEX by_name ON items(name)`,
    `${column}; UPDATE items SET code = name; CREATE UNIQUE INDEX by_code ON items(code)`,
    `${column}; ALTER TABLE items DROP COLUMN price; CREATE UNIQUE INDEX by_name ON items(name)`,
    'CREATE TABLE n(id INTEGER PRIMARY KEY, name TEXT UNIQUE, code TEXT UNIQUE); INSERT INTO n SELECT id, name, name FROM items; DROP TABLE items; ALTER TABLE n RENAME TO items',
    `${column}; INSERT INTO items VALUES (5, 'e', 5, 'e'); CREATE UNIQUE INDEX by_code ON items(code)`,
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...migrations),
      fc.array(newWrite, { maxLength: 6 }),
      fc.array(oldWrite, { maxLength: 6 }),
      async (sql, first, second) => {
        const own = databaseBench(await openStage(), (file) => new DatabaseSync(file))
        const outer = on
        on = own
        const everywhere = () => {
          const aside = rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '*understudy_late_*_[0-9]_items*'")
          const ids = ['items', ...aside].flatMap((name) => rows(`SELECT id FROM "${String(name)}"`))
          return new Set(ids)
        }
        try {
          await become(items)
          const changed = await change(items, sql)
          run(first.join(';'))
          await changed.turn('before')
          run(second.join(';'))
          const whole = rows('SELECT * FROM items ORDER BY id')
          const ids = rows('SELECT id FROM items')
          await changed.turn('after')
          const found = everywhere()
          expect(ids.filter((one) => !found.has(one))).toEqual([])
          await changed.turn('before')
          expect(rows('SELECT * FROM items ORDER BY id')).toEqual(whole)
        } finally {
          on = outer
          await own.close()
        }
      },
    ),
    { numRuns: 40 },
  )
})

describe('to a schema that no migration leads to', () => {
  test('fewer migrations: derived from the difference, what comes without its data is named, and the undo is exact', async () => {
    await become(items, 'ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 7; CREATE TABLE reviews(x)')
    run('UPDATE items SET stock = id; INSERT INTO reviews VALUES (1)')
    const back = await step(await wanted(items))
    expect(back.prepared.losses).toEqual([])
    await back.turn('after')
    expect(tables()).toEqual(['items'])
    run("INSERT INTO items VALUES (4, 'd', 40)")
    await back.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10|1', '2|b|20|2', '3|c|30|3', '4|d|40|7'])
    expect(rows('SELECT * FROM reviews')).toEqual(['1'])
  })

  const orders = 'CREATE TABLE orders(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES items(id)); INSERT INTO orders VALUES (1, 2)'

  test('a table that was renamed is renamed back, with its rows and what refers to it; rows written since stay', async () => {
    await become(items, orders, 'CREATE UNIQUE INDEX by_name ON items(name); ALTER TABLE items RENAME TO goods')
    const back = await step(await wanted(items, orders))
    expect(back.prepared.losses).toEqual([])
    await back.turn('after')
    expect(tables()).toEqual(['items', 'orders'])
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    run("INSERT INTO items VALUES (4, 'd', 40); INSERT INTO orders VALUES (2, 4)")
    await back.turn('before')
    expect(rows('SELECT * FROM goods')).toEqual(['1|a|10', '2|b|20', '3|c|30', '4|d|40'])
    expect(rows('SELECT * FROM orders')).toEqual(['1|2', '2|4'])
    expect(rows('PRAGMA foreign_key_check')).toEqual([])
  })

  test('a renamed table that refers to itself keeps its rows as well', async () => {
    const tree = 'CREATE TABLE tree(id INTEGER PRIMARY KEY, above INTEGER REFERENCES tree(id)); INSERT INTO tree VALUES (1, NULL), (2, 1)'
    await become(tree, 'ALTER TABLE tree RENAME TO forest')
    const back = await step(await wanted(tree))
    expect(back.prepared.losses).toEqual([])
    await back.turn('after')
    expect(rows('SELECT * FROM tree')).toEqual(['1|', '2|1'])
    await back.turn('before')
    expect(rows('SELECT * FROM forest')).toEqual(['1|', '2|1'])
  })

  test('a table and a column that were renamed come back with what they hold; what only looks alike is not taken for it', async () => {
    const codes = 'CREATE TABLE codes(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO codes VALUES (1, 1)'
    const away = 'DROP TABLE codes; CREATE TABLE places(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO places VALUES (7, 7)'
    await become(items, codes, `ALTER TABLE items RENAME TO goods; ALTER TABLE goods RENAME COLUMN name TO title; ${away}`)
    const back = await step(await wanted(items, codes))
    expect(back.prepared.losses).toEqual(['table codes: its rows of then'])
    await back.turn('after')
    expect(rows('SELECT id, name, price FROM items')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    expect(rows('SELECT * FROM codes')).toEqual([])
    await back.turn('before')
    expect(rows('SELECT id, title, price FROM goods')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    expect(rows('SELECT * FROM places')).toEqual(['7|7'])
  })

  test('a table that was renamed comes back although another one has its name by now', async () => {
    await become(items, 'ALTER TABLE items RENAME TO goods; CREATE TABLE items(word TEXT UNIQUE); CREATE INDEX words ON items(word)')
    run("INSERT INTO items VALUES ('w')")
    const back = await step(await wanted(items))
    await back.turn('after')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    await back.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['w'])
    expect(rows('SELECT * FROM goods')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
  })

  test('made by hand meanwhile, an index goes as was planned, and what the migrations write is written all the same', async () => {
    await become(items)
    run('CREATE INDEX by_hand ON items(price)')
    const changed = await change(items, 'UPDATE items SET price = 0; ALTER TABLE items ADD COLUMN stock')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|0|', '2|b|0|', '3|c|0|'])
    expect(tables()).toEqual(['items'])
    await changed.turn('before')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    expect(tables()).toEqual(['by_hand', 'items'])
  })

  test('of another branch the schema comes, and what its migrations would write to rows is named as lost', async () => {
    await become(items, 'ALTER TABLE items ADD COLUMN stock')
    const other = await step(await wanted(items, 'CREATE INDEX by_name ON items(name)', 'DELETE FROM items WHERE id = 1'))
    expect(other.prepared.losses).toEqual(['migration 003_m.sql: what it writes to rows'])
  })

  test('where rows would refer to what comes without its rows, the derived way is named, not the migrations', async () => {
    await become(
      items,
      orders,
      'CREATE TABLE goods(code TEXT PRIMARY KEY); DROP TABLE orders; DROP TABLE items; CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT NOT NULL)',
    )
    run("INSERT INTO orders VALUES (1, 'x')")
    const back = await step(await wanted(items, orders))
    const { fault } = await faultOf(back.turn('after'))
    expect(fault).toMatchObject({
      code: 'sqlite.foreign-key',
      summary: expect.stringContaining('the derived way'),
      detail: 'row 1 of orders refers to nothing in items.',
    })
    expect(rows('SELECT * FROM orders')).toEqual(['1|x'])
  })

  test('where rows have nothing to put into a column that must hold something, the derived way is named, not a migration', async () => {
    await become('CREATE TABLE t(a, b NOT NULL); INSERT INTO t VALUES (1, 2)', 'ALTER TABLE t DROP COLUMN b')
    const back = await step(await wanted('CREATE TABLE t(a, b NOT NULL); INSERT INTO t VALUES (1, 2)'))
    expect((await faultOf(back.turn('after'))).fault).toMatchObject({
      code: 'sqlite.no-way',
      summary: expect.stringContaining('the derived way'),
    })
  })

  test.each([
    ['UPDATE items SET price = 0', ['items']],
    ['UPDATE OR IGNORE main."items" AS i SET stock = 1, (name, stock) = (SELECT 1, 2) WHERE id = 1', ['items']],
    ["INSERT INTO items(id, name) VALUES (9, 'i'); DELETE FROM orders", ['items, orders']],
    ['WITH o(x) AS (SELECT 2) DELETE FROM items WHERE id IN (SELECT x FROM o)', ['items']],
    ['UPDATE items SET stock = price + 1, tag = upper(name) WHERE price > 1; CREATE TABLE t(x); INSERT INTO t SELECT price FROM items', []],
    ['ALTER TABLE items RENAME TO goods; UPDATE goods SET price = 0', ['goods']],
    ['ALTER TABLE items RENAME COLUMN price TO cost; UPDATE items SET cost = 0', ['items']],
    [
      'CREATE TABLE new(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO new SELECT id, name FROM orders; DROP TABLE orders; ALTER TABLE new RENAME TO orders',
      [],
    ],
  ])('what a migration that goes wrote to rows that stay is named: %s', async (writes, tables) => {
    const table = 'CREATE TABLE orders(id INTEGER PRIMARY KEY, name TEXT, more)'
    await become(items, table, `ALTER TABLE items ADD COLUMN stock; ALTER TABLE items ADD COLUMN tag; ${writes}`)
    const { losses } = (await step(await wanted(items, table))).prepared
    expect(losses.filter((loss) => loss.startsWith('migration'))).toEqual(
      tables.map((names) => `migration 003_m.sql: what it wrote to rows of ${names} stays`),
    )
  })

  test('what the other schema has more is named as lost', async () => {
    await become(items, 'ALTER TABLE items DROP COLUMN price')
    const back = await step(await wanted(items))
    expect(back.prepared.losses).toEqual(['table items: column price of its rows'])
    await back.turn('after')
    expect(rows('SELECT * FROM items')).toEqual(['1|a|1.5', '2|b|1.5', '3|c|1.5'])
  })
})

test('reading tells rows apart that differ only after a zero byte, and takes the order in which they were written for nothing', async () => {
  const read = async () => (await on.read())?.unmanaged
  const bag = (first: string, second: string): void =>
    run(`DROP TABLE IF EXISTS bag; CREATE TABLE bag(x); INSERT INTO bag VALUES (${first}), (${second})`)
  bag("'a' || char(0) || 'b'", '1')
  const one = await read()
  bag("'a' || char(0) || 'c'", '1')
  expect(await read()).not.toEqual(one)
  bag('1', "'a' || char(0) || 'b'")
  expect(await read()).toEqual(one)
})

test('a database that was there before is taken over as it is, its tables stay, and the undo leaves them', async () => {
  run('CREATE TABLE old(x); INSERT INTO old VALUES (1)')
  const taken = await change(items)
  expect(tables()).toEqual(['items', 'old'])
  await taken.turn('before')
  expect(tables()).toEqual(['old'])
  expect(rows('SELECT * FROM old')).toEqual(['1'])
})

test('a service keeps the database open in WAL mode and writes all the time: no acknowledged row is lost either way', async () => {
  await become(items)
  const service = new DatabaseSync(on.file)
  service.exec('PRAGMA journal_mode = WAL')
  const write = (id: number): void => void service.prepare('INSERT INTO items(id, name) VALUES (?, ?)').run(id, `n${id}`)
  write(100)
  const changed = await change(items, 'ALTER TABLE items ADD COLUMN stock INTEGER')
  write(101)
  await changed.turn('before')
  write(102)
  await changed.turn('after')
  write(103)
  service.close()
  expect(rows('SELECT id FROM items WHERE id >= 100')).toEqual(['100', '101', '102', '103'])
})
