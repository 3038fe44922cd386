import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write(
    'understudy.yaml',
    'stack: s\nresources:\n  db: { kind: sqlite.database, spec: { path: shop.db, migrations: migrations } }\n',
  )
  folder.write('migrations/001_i.sql', 'CREATE TABLE i(id INTEGER PRIMARY KEY, n); INSERT INTO i VALUES (1, 1), (2, 2), (3, 3)')
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0 })
})
afterEach(() => folder.close())

function sql(...texts: readonly string[]): readonly unknown[] {
  const db = new DatabaseSync(folder.path('shop.db'))
  let found: readonly object[] = []
  for (const text of texts) found = db.prepare(text).all()
  db.close()
  return found.map((row) => Object.values(row).join('|'))
}

/** Migration 2 is applied, written to, and undone; then what was undone is allowed again. */
async function undoneWithWrites(migration: string, ...writes: readonly string[]): Promise<string> {
  folder.write('migrations/002_more.sql', migration)
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0 })
  sql(...writes)
  const undone = await folder.run('-y', 'rollback')
  expect(undone).toMatchObject({ code: 0 })
  expect(await folder.run('tombstone', 'lift')).toMatchObject({ code: 0 })
  return undone.stdout
}

test('what clients wrote into a column that an undo takes away is named, and is there again when the migration is applied anew', async () => {
  const said = await undoneWithWrites(
    'ALTER TABLE i ADD COLUMN s INTEGER DEFAULT 5',
    'UPDATE i SET s = 77 WHERE id = 1',
    'UPDATE i SET s = 9 WHERE id = 3',
  )
  const named = expect.stringMatching(/kept aside.*: db: table i: s of 2 rows, kept in _understudy_late_\w+/)
  expect(said).toEqual(named)
  expect((await folder.run('status')).stdout).toEqual(named)
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0, stdout: expect.not.stringContaining('kept aside') })
  expect(sql('SELECT * FROM i')).toEqual(['1|1|77', '2|2|5', '3|3|9'])
  expect((await folder.run('status')).stdout).not.toContain('kept aside')
})

test('of a row that is gone by then the value is still named, also after changes that have nothing to do with it', async () => {
  await undoneWithWrites(
    'ALTER TABLE i ADD COLUMN s INTEGER DEFAULT 5',
    'UPDATE i SET s = 77 WHERE id = 1',
    'UPDATE i SET s = 9 WHERE id = 3',
  )
  sql('DELETE FROM i WHERE id = 1')
  const named = expect.stringMatching(/kept aside: db: table i: s of 1 rows/)
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0, stdout: named })
  expect(sql('SELECT * FROM i')).toEqual(['2|2|5', '3|3|9'])
  folder.write('migrations/003_other.sql', 'CREATE TABLE other(x)')
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0, stdout: named })
  expect((await folder.run('status')).stdout).toEqual(named)
})

test('rows of a new table are named by status, and are there again when the migration is applied anew', async () => {
  const said = await undoneWithWrites('CREATE TABLE j(id INTEGER PRIMARY KEY, w TEXT)', "INSERT INTO j VALUES (1, 'a'), (2, 'b')")
  const named = expect.stringMatching(/kept aside.*: db: table j: 2 rows, kept in _understudy_late_\w+/)
  expect(said).toEqual(named)
  expect((await folder.run('status')).stdout).toEqual(named)
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0 })
  expect(sql('SELECT * FROM j')).toEqual(['1|a', '2|b'])
  expect((await folder.run('status')).stdout).not.toContain('kept aside')
})
