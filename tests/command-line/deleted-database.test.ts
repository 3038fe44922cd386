import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

const note = 'note: { kind: files.file, spec: { path: note.txt, source: text } }'
const database = 'db: { kind: sqlite.database, spec: { path: shop.db, migrations: migrations } }'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('text', 'one\n')
  folder.write('migrations/001_orders.sql', 'CREATE TABLE orders(id INTEGER PRIMARY KEY, what)')
  await apply(note, database)
  sql("INSERT INTO orders VALUES (1, 'tea'), (2, 'milk')")
})
afterEach(() => folder.close())

async function apply(...resources: readonly string[]): Promise<void> {
  folder.write('understudy.yaml', `stack: s\nresources:\n${resources.map((text) => `  ${text}\n`).join('')}`)
  expect(await folder.run('-y', 'apply')).toMatchObject({ code: 0 })
}

function sql(text: string): readonly unknown[] {
  const db = new DatabaseSync(folder.path('shop.db'))
  const found = db.prepare(text).all()
  db.close()
  return found.map((row) => Object.values(row).join('|'))
}

test('a database that was taken out comes back with its rows also after later changes', async () => {
  await apply(note)
  folder.write('text', 'two\n')
  await apply(note)
  expect(await folder.run('-y', 'rollback', '--to', '1')).toMatchObject({ code: 0 })
  expect(sql('SELECT * FROM orders')).toEqual(['1|tea', '2|milk'])
})

test('a database that was destroyed comes back with its rows', async () => {
  expect(await folder.run('-y', 'destroy')).toMatchObject({ code: 0 })
  expect(await folder.run('-y', 'rollback')).toMatchObject({ code: 0 })
  expect(sql('SELECT * FROM orders')).toEqual(['1|tea', '2|milk'])
})

test('destroyed and made by somebody else, the rows of then are a loss by name; once that file is gone they are back', async () => {
  expect(await folder.run('-y', 'destroy')).toMatchObject({ code: 0 })
  sql("CREATE TABLE theirs AS SELECT 'by hand' AS what")
  const refused = await folder.run('-y', 'rollback')
  expect(refused).toMatchObject({
    code: 5,
    stdout: expect.stringMatching(/its rows of then, another one was made in its place[^]*--accept-loss db/),
  })
  expect(sql('SELECT * FROM theirs')).toEqual(['by hand'])
  rmSync(folder.path('shop.db'))
  expect(await folder.run('-y', 'rollback')).toMatchObject({ code: 0 })
  expect(sql('SELECT * FROM orders')).toEqual(['1|tea', '2|milk'])
  await apply(note, database, 'more: { kind: files.file, spec: { path: more, content: "" } }')
  expect(await folder.run('-y', 'rollback', '--to', '1')).toMatchObject({ code: 0 })
})

test('destroyed and applied anew a database is empty; that the old one would not come back into it is a loss by name', async () => {
  expect(await folder.run('-y', 'destroy')).toMatchObject({ code: 0 })
  await apply(note, database)
  expect(sql('SELECT * FROM orders')).toEqual([])
  expect(await folder.run('-y', 'rollback', '--to', '1')).toMatchObject({ code: 5, stdout: expect.stringContaining('--accept-loss db') })
  await apply(note)
  expect(await folder.run('-y', 'rollback', '--to', '1')).toMatchObject({ code: 0 })
  expect(sql('SELECT * FROM orders')).toEqual(['1|tea', '2|milk'])
})
