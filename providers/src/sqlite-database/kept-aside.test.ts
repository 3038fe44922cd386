import { DatabaseSync } from 'node:sqlite'
import { openStage } from '@understudy/engine/testing'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { databaseBench } from './testing/database-bench.ts'
import type { DatabaseBench, Turnable } from './testing/database-bench.ts'

let on: DatabaseBench
beforeEach(async () => {
  on = databaseBench(await openStage(), (file) => new DatabaseSync(file))
})
afterEach(() => on.close())

const items =
  "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL DEFAULT 1.5); INSERT INTO items VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)"
const stock = 'ALTER TABLE items ADD COLUMN stock INTEGER DEFAULT 5'

/** Undone, and let go of: the way that an undo followed by another apply takes. */
async function undone(changed: Turnable): Promise<readonly string[]> {
  await changed.turn('before')
  const { late = [] } = await changed.look()
  await changed.release()
  return late
}

/** These migrations are applied, written to, undone and applied anew, by changes that know nothing of each other. */
async function anew(start: string, migration: string, write: string, meanwhile = '', then = migration): Promise<Turnable> {
  await on.become(start)
  const changed = await on.change(start, migration)
  on.run(write)
  await undone(changed)
  on.run(meanwhile)
  return on.change(start, then)
}

describe('what somebody wrote into a column that an undo takes away', () => {
  test('is named, and only that', async () => {
    await on.become(items)
    const changed = await on.change(items, stock)
    on.run("UPDATE items SET stock = 77 WHERE id = 1; UPDATE items SET stock = 5 WHERE id = 2; INSERT INTO items(id, name) VALUES (4, 'd')")
    expect(await undone(changed)).toEqual([expect.stringMatching(/^table items: stock of 1 rows, kept in _understudy_late_/)])
    expect(on.late()).toEqual([['1|77']])
  })

  test('is back with a redo, and nothing lies aside', async () => {
    await on.become(items)
    const changed = await on.change(items, stock)
    on.run('UPDATE items SET stock = id * 10')
    for (const side of ['before', 'after'] as const) await changed.turn(side)
    expect(on.rows('SELECT id, stock FROM items')).toEqual(['1|10', '2|20', '3|30'])
    expect(on.late()).toEqual([])
  })

  test('of a row that was deleted meanwhile it stays aside, also after a redo', async () => {
    await on.become(items)
    const changed = await on.change(items, stock)
    on.run('UPDATE items SET stock = 77 WHERE id < 3')
    await changed.turn('before')
    on.run('DELETE FROM items WHERE id = 1')
    await changed.turn('after')
    expect(on.rows('SELECT id, stock FROM items')).toEqual(['2|77', '3|5'])
    expect(on.late()).toEqual([['1|77']])
  })

  test.each([
    ['INTEGER PRIMARY KEY', "CREATE TABLE t(k INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 'x'), (2, 'y')"],
    ['TEXT PRIMARY KEY', "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, n); INSERT INTO t VALUES ('1', 'x'), ('2', 'y')"],
    ['WITHOUT ROWID', "CREATE TABLE t(k TEXT, n, PRIMARY KEY (n, k)) WITHOUT ROWID; INSERT INTO t VALUES ('1', 'x'), ('2', 'y')"],
    ['no key', "CREATE TABLE t(k, n); INSERT INTO t VALUES (1, 'x'), (2, 'y')"],
    ['a column named rowid', "CREATE TABLE t(rowid TEXT, k PRIMARY KEY, n); INSERT INTO t VALUES ('r', 1, 'x'), ('r', 2, 'y')"],
  ])('is in place when the migration is applied anew: %s', async (_, start) => {
    const migration = 'ALTER TABLE t ADD COLUMN s DEFAULT 5; ALTER TABLE t ADD COLUMN u TEXT; UPDATE t SET u = n'
    const changed = await anew(start, migration, "UPDATE t SET s = x'00ff', u = NULL WHERE k = 1")
    expect(on.rows('SELECT k, n, typeof(s), u FROM t ORDER BY k')).toEqual(['1|x|blob|', '2|y|integer|y'])
    expect(on.late()).toEqual([])
    expect(await undone(changed)).toEqual([expect.stringContaining('table t: s, u of 1 rows')])
  })

  test('stays written through several undos and applies, the last that was written wins', async () => {
    await on.become(items)
    for (const [id, value] of [
      [1, 71],
      [2, 72],
      [1, 73],
    ] as const) {
      const changed = await on.change(items, stock)
      on.run(`UPDATE items SET stock = ${value} WHERE id = ${id}`)
      await undone(changed)
    }
    await on.change(items, stock)
    expect(on.rows('SELECT id, stock FROM items')).toEqual(['1|73', '2|72', '3|5'])
    expect(on.late()).toEqual([])
  })

  test('is known as theirs also where it is what another migration makes by itself', async () => {
    await on.become(items)
    const st = (more: string): string => `ALTER TABLE items ADD COLUMN st TEXT${more}`
    const first = await on.change(items, st(''))
    on.run("UPDATE items SET st = 'open' WHERE id < 3")
    await undone(first)
    const second = await on.change(items, st(" DEFAULT 'open'"))
    expect(on.late()).toEqual([])
    for (const side of ['before', 'after', 'before', 'after'] as const) await second.turn(side)
    expect(await undone(second)).toEqual([expect.stringContaining('table items: st of 2 rows')])
    expect(on.late()).toEqual([['1|open', '2|open']])
    const third = await on.change(items, `${st('')}; UPDATE items SET st = 'open'`)
    expect(await undone(third)).toEqual([expect.stringContaining('table items: st of 2 rows')])
    await on.change(items, st(" DEFAULT 'closed'"))
    expect(on.rows('SELECT id, st FROM items')).toEqual(['1|open', '2|open', '3|closed'])
    expect(on.late()).toEqual([])
  })

  test.each([
    ['applied anew', (changed: Turnable) => changed.release().then(() => on.change(items, stock))],
    ['done again', (changed: Turnable) => changed.turn('after')],
  ])('does not go into another row that got the key of a deleted one, when it is %s', async (_, again) => {
    await on.become(items)
    const changed = await on.change(items, stock)
    on.run('UPDATE items SET stock = id * 11')
    await changed.turn('before')
    on.run("DELETE FROM items WHERE id = 3; INSERT INTO items(name) VALUES ('another'); UPDATE items SET name = 'B' WHERE id = 2")
    await again(changed)
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a|10|11', '2|B|20|22', '3|another|1.5|5'])
    expect(on.late()).toEqual([['3|33']])
  })

  test.each([
    ['applied anew', stock],
    ['applied anew, where it writes to the rows', `${stock}; UPDATE items SET stock = stock + 1`],
  ])('does not go into another row because the two have in common what many have, when it is %s', async (_, migration) => {
    const start =
      "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, price REAL DEFAULT 1.5, status TEXT); INSERT INTO items VALUES (1, 'a', 1, 'new'), (2, 'b', 2, 'new'), (3, 'c', 1.5, 'new')"
    const meanwhile =
      "DELETE FROM items WHERE id = 3; INSERT INTO items(name, status) VALUES ('another', 'new'); UPDATE items SET status = 'old' WHERE id = 2; UPDATE items SET name = 'A', status = 'old' WHERE id = 1"
    await anew(start, migration, 'UPDATE items SET stock = id * 11', meanwhile)
    const made = migration === stock ? 5 : 6
    expect(on.rows('SELECT id, name, stock FROM items')).toEqual([`1|A|${made}`, '2|b|22', `3|another|${made}`])
    expect(on.late()).toEqual([['1|11', '3|33']])
  })

  test('nor into one of a table that somebody made by hand in its place', async () => {
    const start =
      "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, price REAL DEFAULT '1.5'); INSERT INTO items(name) VALUES ('a'), ('b')"
    const made =
      "DROP TABLE items; CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, price REAL DEFAULT '1.5'); INSERT INTO items(name) VALUES ('p'), ('q')"
    await anew(start, stock, 'UPDATE items SET stock = id * 11', made)
    expect(on.rows('SELECT id, stock FROM items')).toEqual(['1|5', '2|5'])
    expect(on.late()).toEqual([['1|11', '2|22']])
  })

  test('goes by the key alone where keys are not given again', async () => {
    const start = "CREATE TABLE t(k INTEGER PRIMARY KEY AUTOINCREMENT, n, m); INSERT INTO t VALUES (1, 'x', 1)"
    await anew(start, 'ALTER TABLE t ADD COLUMN s', "UPDATE t SET s = 'mine'", "UPDATE t SET n = 'y', m = 2")
    expect(on.rows('SELECT * FROM t')).toEqual(['1|y|2|mine'])
    expect(on.late()).toEqual([])
  })

  test('does not go into a new table of the name of one that was dropped', async () => {
    const start = "CREATE TABLE t(k TEXT PRIMARY KEY, n); INSERT INTO t VALUES ('1', 'x')"
    const made = "CREATE TABLE t(k TEXT PRIMARY KEY, n); INSERT INTO t VALUES ('1', 'x')"
    await on.become(start)
    const changed = await on.change(start, 'ALTER TABLE t ADD COLUMN s')
    on.run("UPDATE t SET s = 'mine'")
    await undone(changed)
    await on.become(start, 'DROP TABLE t')
    await on.become(start, 'DROP TABLE t', made)
    await on.become(start, 'DROP TABLE t', made, 'ALTER TABLE t ADD COLUMN s')
    expect(on.rows('SELECT * FROM t')).toEqual(['1|x|'])
    expect(on.late()).toContainEqual(['1|mine'])
  })

  test('an undo leaves what older ones put aside and could not bring back', async () => {
    const changed = await anew(items, stock, 'UPDATE items SET stock = 77 WHERE id < 3', 'DELETE FROM items WHERE id = 1')
    expect(on.late()).toEqual([['1|77']])
    on.run("INSERT INTO items(id, name) VALUES (1, 'new')")
    expect(await undone(changed)).toEqual([expect.stringContaining('stock of 1 rows')])
    expect(on.late()).toEqual([['1|77'], ['2|77']])
  })

  test.each([
    ['another type', 'ALTER TABLE items ADD COLUMN stock TEXT', ['1||', '2||', '3||'], ['1|77']],
    ['nothing that may be null', 'ALTER TABLE items ADD COLUMN stock INTEGER NOT NULL DEFAULT 6', ['1|77|', '2|6|', '3|6|'], ['2|']],
    ['a check', 'ALTER TABLE items ADD COLUMN stock INTEGER DEFAULT 6 CHECK (stock < 50)', ['1|6|', '2||', '3|6|'], ['1|77']],
    ['another name', 'ALTER TABLE items ADD COLUMN stocks INTEGER', ['1||', '2||', '3||'], ['1|77', '2|']],
  ])('stays aside where the column comes with %s', async (_, then, there, aside) => {
    await anew(items, stock, 'UPDATE items SET stock = 77 WHERE id = 1; UPDATE items SET stock = NULL WHERE id = 2', '', then)
    expect(on.rows(`SELECT id, ${then.includes('stocks') ? 'stocks' : 'stock'}, '' FROM items ORDER BY id`)).toEqual(there)
    expect(on.late()).toEqual([aside])
  })

  test('stays aside where it has to be unique and is not, the others are in place', async () => {
    const code = 'ALTER TABLE items ADD COLUMN code TEXT; UPDATE items SET code = name'
    const write =
      "UPDATE items SET code = 'x' WHERE id = 1; UPDATE items SET code = 'x' WHERE id = 2; UPDATE items SET code = 'z' WHERE id = 3"
    const changed = await anew(items, code, write, '', `${code}; CREATE UNIQUE INDEX by_code ON items(code)`)
    expect(on.rows('SELECT id, code FROM items ORDER BY id')).toEqual(['1|x', '2|b', '3|z'])
    expect(on.late()).toEqual([['2|x']])
    await changed.turn('before')
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    await changed.turn('after')
    expect(on.rows('SELECT id, code FROM items ORDER BY id')).toEqual(['1|x', '2|b', '3|z'])
    expect(on.late()).toEqual([['2|x']])
  })

  test('that two rows exchanged is in place although it has to be unique', async () => {
    const code = 'ALTER TABLE items ADD COLUMN code TEXT; UPDATE items SET code = name; CREATE UNIQUE INDEX by_code ON items(code)'
    const write =
      "UPDATE items SET code = 't' WHERE id = 1; UPDATE items SET code = 'a' WHERE id = 2; UPDATE items SET code = 'b' WHERE id = 1"
    await anew(items, code, write)
    expect(on.rows('SELECT id, code FROM items ORDER BY id')).toEqual(['1|b', '2|a', '3|c'])
    expect(on.late()).toEqual([])
  })

  test('stays aside where a row in place would have no place any more', async () => {
    const code = 'ALTER TABLE items ADD COLUMN code TEXT; UPDATE items SET code = name; CREATE UNIQUE INDEX by_code ON items(code)'
    const write =
      "UPDATE items SET code = 'y' WHERE id = 2; UPDATE items SET code = 'b' WHERE id = 1; UPDATE items SET code = 'd' WHERE id = 2"
    await anew(items, code, write, "INSERT INTO items VALUES (4, 'd', 40)")
    expect(on.rows('SELECT id, code FROM items ORDER BY id')).toEqual(['1|a', '2|b', '3|c', '4|d'])
    expect(on.late()).toEqual([['1|b', '2|d']])
  })

  test('stays aside where it refers to what is gone: no row in place goes because of it', async () => {
    const start = `${items}; CREATE TABLE kinds(id INTEGER PRIMARY KEY); INSERT INTO kinds VALUES (1), (2)`
    const migration = 'ALTER TABLE items ADD COLUMN kind INTEGER REFERENCES kinds(id)'
    await anew(start, migration, 'UPDATE items SET kind = id WHERE id < 3', 'DELETE FROM kinds WHERE id = 2')
    expect(on.rows('SELECT id, kind FROM items')).toEqual(['1|1', '2|', '3|'])
    expect(on.late()).toEqual([['2|2']])
  })

  test('stays aside where a row without a key is not the one that it was', async () => {
    const bag = "CREATE TABLE bag(a); INSERT INTO bag VALUES ('x'), ('y'), ('z')"
    await anew(bag, 'ALTER TABLE bag ADD COLUMN s', 'UPDATE bag SET s = a', "UPDATE bag SET a = 'other' WHERE a = 'y'")
    expect(on.rows('SELECT a, s FROM bag')).toEqual(['x|x', 'other|', 'z|z'])
    expect(on.late()).toEqual([['2|y|y']])
  })

  test('stays aside where rows are known by another key by now', async () => {
    await on.become(items)
    const changed = await on.change(items, stock)
    on.run('UPDATE items SET stock = 77 WHERE id = 1')
    await undone(changed)
    const rekeyed =
      'CREATE TABLE n(id INTEGER, name TEXT PRIMARY KEY, price); INSERT INTO n SELECT * FROM items; DROP TABLE items; ALTER TABLE n RENAME TO items'
    await on.become(items, rekeyed)
    await on.change(items, rekeyed, stock)
    expect(on.rows('SELECT id, stock FROM items')).toEqual(['1|5', '2|5', '3|5'])
    expect(on.late()).toEqual([['1|77']])
  })

  test('follows its table and key through a rename, and back again', async () => {
    await on.become(items)
    const changed = await on.change(items, stock)
    on.run('UPDATE items SET stock = 77 WHERE id = 1')
    await undone(changed)
    const renaming =
      'ALTER TABLE items RENAME TO goods; ALTER TABLE goods RENAME COLUMN id TO number; CREATE TABLE items(id INTEGER PRIMARY KEY); INSERT INTO items VALUES (1)'
    const renamed = await on.change(items, renaming)
    for (const side of ['before', 'after', 'before', 'after'] as const) await renamed.turn(side)
    await renamed.release()
    await on.become(items, renaming, stock)
    expect(on.rows('SELECT * FROM items')).toEqual(['1|5'])
    await on.become(items, renaming, stock, stock.replace('items', 'goods'))
    expect(on.rows('SELECT number, stock FROM goods')).toEqual(['1|77', '2|5', '3|5'])
    expect(on.late()).toEqual([])
  })

  test('where rows cannot be told apart it is put aside with its row', async () => {
    const bag = 'CREATE TABLE bag(k TEXT PRIMARY KEY, n); INSERT INTO bag VALUES (NULL, 1), (NULL, 2)'
    const migration =
      'CREATE TABLE x(n, k TEXT PRIMARY KEY, more DEFAULT 0); INSERT INTO x(n, k) SELECT n * 2, k FROM bag ORDER BY n DESC; DROP TABLE bag; ALTER TABLE x RENAME TO bag'
    await on.become(bag)
    const changed = await on.change(bag, migration)
    on.run('UPDATE bag SET more = 7 WHERE n = 2')
    expect(await undone(changed)).toEqual([expect.stringContaining('table bag: more of 1 rows')])
  })

  test('takes as many statements for a thousand rows as for one', async () => {
    const counts: number[] = []
    await on.become(items)
    on.run("INSERT INTO items WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 1009) SELECT i, 'n' || i, i FROM n")
    for (const most of [10, 1009]) {
      const changed = await on.change(items, stock)
      on.run(`UPDATE items SET stock = id WHERE id BETWEEN 10 AND ${most}`)
      on.stage.records()
      await undone(changed)
      const back = await on.change(items, stock)
      expect(on.rows('SELECT count(*) FROM items WHERE stock = id')).toEqual([String(most - 9)])
      counts.push(on.stage.records().reduce((sum, { channel, count }) => sum + (channel === 'sql' ? count : 0), 0))
      await undone(back)
      // The next round begins with nothing aside, as this one did.
      for (const name of on.rows("SELECT name FROM sqlite_master WHERE substr(name, 1, 17) = '_understudy_late_'"))
        on.run(`DROP TABLE "${String(name)}"`)
    }
    expect(counts[0]).toBeGreaterThan(0)
    expect(counts[1]).toBe(counts[0])
  })
})

describe('rows that somebody wrote into a new table', () => {
  const reviews = "CREATE TABLE reviews(id INTEGER PRIMARY KEY, words TEXT UNIQUE); INSERT INTO reviews VALUES (1, 'first')"

  test('are in place when it is made anew, also over those that the migration makes', async () => {
    const changed = await anew(items, reviews, "UPDATE reviews SET words = 'mine' WHERE id = 1; INSERT INTO reviews VALUES (2, 'good')")
    expect(on.rows('SELECT * FROM reviews')).toEqual(['1|mine', '2|good'])
    expect(on.late()).toEqual([])
    expect(await undone(changed)).toEqual([expect.stringContaining('table reviews: 2 rows')])
    expect(on.late()).toEqual([['1|mine', '2|good']])
  })

  test('without a key come as often as they were there', async () => {
    await anew(items, 'CREATE TABLE bag(x)', 'INSERT INTO bag VALUES (1), (1), (NULL)')
    expect(on.rows('SELECT x FROM bag')).toEqual(['1', '1', ''])
    expect(on.late()).toEqual([])
  })

  test.each([
    [
      'a column more',
      'CREATE TABLE reviews(more DEFAULT 7, words TEXT, id INTEGER PRIMARY KEY)',
      'id, words, more',
      ['2|good|7', '3|good too|7'],
      [],
    ],
    ['a column less', 'CREATE TABLE reviews(id INTEGER PRIMARY KEY)', 'id', [], [['2|good', '3|good too']]],
    ['another type', 'CREATE TABLE reviews(id INTEGER PRIMARY KEY, words BLOB) STRICT', 'id', [], [['2|good', '3|good too']]],
    [
      'a check',
      'CREATE TABLE reviews(id INTEGER PRIMARY KEY, words TEXT CHECK (length(words) < 5))',
      'id, words',
      ['2|good'],
      [['3|good too']],
    ],
  ])('made again with %s: what fits is in place, the rest stays aside', async (_, then, columns, there, aside) => {
    await anew(items, reviews, "DELETE FROM reviews; INSERT INTO reviews VALUES (2, 'good'), (3, 'good too')", '', then)
    expect(on.rows(`SELECT ${columns} FROM reviews ORDER BY id`)).toEqual(there)
    expect(on.late()).toEqual(aside)
  })

  test('that refer to something that is gone stay aside, with those that refer to them', async () => {
    const made =
      'CREATE TABLE orders(id INTEGER PRIMARY KEY, item REFERENCES items(id)); CREATE TABLE lines(id INTEGER PRIMARY KEY, nr REFERENCES orders(id))'
    await anew(
      items,
      made,
      'INSERT INTO orders VALUES (1, 1), (2, 2); INSERT INTO lines VALUES (10, 1), (20, 2)',
      'DELETE FROM items WHERE id = 2',
    )
    expect(on.rows('SELECT * FROM orders')).toEqual(['1|1'])
    expect(on.rows('SELECT * FROM lines')).toEqual(['10|1'])
    expect(on.late()).toEqual([['2|2'], ['20|2']])
    expect(on.rows('PRAGMA foreign_key_check')).toEqual([])
  })
})

test('whatever is written, undone and applied anew: each value that somebody wrote is in place or put aside by name', async () => {
  const id = fc.integer({ min: 1, max: 5 })
  const value = fc.constantFrom('p', 'q', 'r')
  const round = fc.record({
    written: fc.array(fc.record({ id, value }), { maxLength: 4 }),
    deleted: fc.array(id, { maxLength: 2 }),
    inserted: fc.array(id, { maxLength: 2 }),
    redone: fc.boolean(),
  })
  const migrations = [
    "ALTER TABLE items ADD COLUMN s TEXT DEFAULT '-'",
    'ALTER TABLE items ADD COLUMN s TEXT; CREATE UNIQUE INDEX by_s ON items(s)',
    'ALTER TABLE items ADD COLUMN s TEXT; UPDATE items SET s = name; ALTER TABLE items DROP COLUMN price',
    "CREATE TABLE n(id INTEGER PRIMARY KEY, name TEXT NOT NULL, s TEXT DEFAULT '-'); INSERT INTO n(id, name) SELECT id, name FROM items; DROP TABLE items; ALTER TABLE n RENAME TO items",
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...migrations), fc.array(round, { minLength: 1, maxLength: 4 }), async (migration, rounds) => {
      const own = databaseBench(await openStage(), (file) => new DatabaseSync(file))
      try {
        await own.become(items)
        for (const { written, deleted, inserted, redone } of rounds) {
          let changed = await own.change(items, migration)
          for (const one of written) own.run(`UPDATE OR IGNORE items SET s = '${one.value}' WHERE id = ${one.id}`)
          const then = new Map(own.rows("SELECT id, s FROM items WHERE s IN ('p', 'q', 'r')").map((row) => [String(row)[0], String(row)]))
          await changed.turn('before')
          for (const gone of deleted) own.run(`DELETE FROM items WHERE id = ${gone}`)
          for (const one of inserted) own.run(`INSERT OR IGNORE INTO items(id, name) VALUES (${one}, 'n')`)
          const ids = new Set(own.rows('SELECT id FROM items ORDER BY id').map(String))
          if (redone) await changed.turn('after')
          else {
            await changed.release()
            changed = await own.change(items, migration)
          }
          const live = new Set(own.rows('SELECT id, s FROM items'))
          const aside = new Set(own.late().flat())
          for (const [row = '', text] of then) {
            const reborn = deleted.includes(Number(row)) // another row got its key
            if (ids.has(row) && !reborn && !migration.includes('UNIQUE')) expect(live).toContain(text)
            else expect(live.has(text) || aside.has(text)).toBe(true)
          }
          expect(own.rows('SELECT id FROM items ORDER BY id').map(String)).toEqual([...ids])
          await changed.turn('before')
          await changed.release()
          expect(own.rows('SELECT id FROM items ORDER BY id').map(String)).toEqual([...ids])
        }
      } finally {
        await own.close()
      }
    }),
    { numRuns: 40 },
  )
})

describe('what a change took away, when it is let go of', () => {
  const dropping = 'ALTER TABLE items DROP COLUMN price'

  test('a dropped column lies aside by name, comes back to the schema that had it, and with no other migration', async () => {
    await on.become(items)
    await on.become(items, dropping)
    expect(on.late()).toEqual([['1|10', '2|20', '3|30']])
    await on.become(items, dropping, 'ALTER TABLE items ADD COLUMN price REAL')
    expect(on.rows('SELECT id, price FROM items')).toEqual(['1|', '2|', '3|'])
    on.run("DELETE FROM items WHERE id = 1; UPDATE items SET name = 'B' WHERE id = 2; INSERT INTO items VALUES (4, 'd', 4)")
    await on.become(items, dropping)
    const back = await on.change(items)
    expect(on.rows('SELECT * FROM items')).toEqual(['2|B|20', '3|c|30', '4|d|4'])
    await back.turn('before')
    expect(on.rows('SELECT * FROM items')).toEqual(['2|B', '3|c', '4|d'])
  })

  test('a dropped table likewise', async () => {
    const log = "CREATE TABLE log(id INTEGER PRIMARY KEY, x); INSERT INTO log VALUES (1, 'x'), (2, 'y')"
    await on.become(items, log)
    await on.become(items, log, 'DROP TABLE log')
    expect(on.late()).toEqual([['1|x', '2|y']])
    await on.become(items, log, 'DROP TABLE log', log.replace(/;.*/, ''))
    expect(on.rows('SELECT * FROM log')).toEqual([])
    await on.become(items, log, 'DROP TABLE log')
    await on.become(items, log)
    expect(on.rows('SELECT * FROM log')).toEqual(['1|x', '2|y'])
    expect(on.late()).toEqual([])
  })

  test.each([
    ['by key', items, ['1|77', '2|5', '3|9']],
    ['by number', items.replace(' PRIMARY KEY', ''), ['1|77', '2|5', '3|9']],
  ])('a column that a derived undo took away comes again with its migration, with what was written there: %s', async (_, start, there) => {
    await on.become(start, stock)
    on.run('UPDATE items SET stock = 77 WHERE id = 1; UPDATE items SET stock = 9 WHERE id = 3')
    await on.become(start)
    expect(on.late()).toHaveLength(1)
    await on.become(start, stock)
    expect(on.rows('SELECT id, stock FROM items')).toEqual(there)
    expect(on.late()).toEqual([])
  })

  test('what migrations make now stands over what lies aside of a derived undo', async () => {
    const code = 'ALTER TABLE items ADD COLUMN code TEXT; UPDATE items SET code = name'
    await on.become(items, code)
    on.run("UPDATE items SET code = 'mine' WHERE id = 1")
    await on.become(items)
    await on.become(items, code.replace('= name', '= upper(name)'))
    expect(on.rows('SELECT id, code FROM items')).toEqual(['1|A', '2|B', '3|C'])
    expect(on.late()).toEqual([['1|mine', '2|b', '3|c']])
  })

  test.each([
    [
      'a table made again under its name',
      items,
      'DROP TABLE items; CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT)',
      ['1|a|10', '2|b|20', '3|c|30'],
    ],
    ['rows that a migration deleted', items, 'DELETE FROM items WHERE id = 2', ['2|b|20']],
    [
      'rows that a recipe left out',
      items,
      'CREATE TABLE n(id INTEGER PRIMARY KEY, name TEXT, price REAL); INSERT OR IGNORE INTO n SELECT * FROM items WHERE id > 1; DROP TABLE items; ALTER TABLE n RENAME TO items',
      ['1|a|10'],
    ],
    [
      'rows without a key',
      'CREATE TABLE items(id, name); INSERT INTO items VALUES (1, 2), (1, 2), (3, 4)',
      'CREATE TABLE n(id, name); INSERT INTO n SELECT DISTINCT * FROM items; DROP TABLE items; ALTER TABLE n RENAME TO items',
      ['1|2'],
    ],
  ])('%s lie aside whole, also under keys that are there again', async (_, start, migration, aside) => {
    await on.become(start)
    const changed = await on.change(start, migration)
    on.run("INSERT OR IGNORE INTO items(id, name) VALUES (2, 'new')")
    await changed.release()
    expect(on.late()).toEqual([aside])
    await on.become(start)
    expect(on.late()).toContainEqual(aside)
  })

  test('rows that somebody deleted after the migration do not lie aside', async () => {
    await on.become(items)
    const changed = await on.change(items, 'DELETE FROM items WHERE id = 2')
    on.run('DELETE FROM items WHERE id = 1')
    await changed.release()
    expect(on.late()).toEqual([['2|b|20']])
  })

  test('values that a table made anew does not hold lie aside by key, those that only became another type do not', async () => {
    const start = "CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, n TEXT); INSERT INTO items VALUES (1, 'a', '10'), (2, NULL, '20')"
    const recipe =
      'CREATE TABLE m(id INTEGER PRIMARY KEY, name INTEGER DEFAULT 7, n INTEGER); INSERT INTO m(id, n) SELECT id, n FROM items; DROP TABLE items; ALTER TABLE m RENAME TO items'
    await on.become(start)
    const changed = await on.change(start, recipe)
    on.run('UPDATE items SET n = 11, name = 5')
    await changed.release()
    expect(on.late()).toEqual([['1|a']])
    await on.become(start)
    expect(on.late()).toEqual([['1|a']])
  })

  test('what was undone is let go of without a trace', async () => {
    await on.become(items)
    await undone(await on.change(items, dropping))
    expect(on.rows('SELECT * FROM items')).toEqual(['1|a|10', '2|b|20', '3|c|30'])
    expect(on.late()).toEqual([])
  })
})
