// Owns: digests of what is really there, taken by the demo's own means, so that it believes nobody.
// Never: uses code of Understudy.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Names, contents, modes and modification times of a directory. */
export function directoryDigest(dir: string): string {
  const hash = createHash('sha256')
  const walk = (path: string, name: string): void => {
    const { mode, mtimeNs } = lstatSync(path, { bigint: true })
    hash.update(`${name}\0${mode}\0${name === '' ? '' : mtimeNs}\0`)
    if ((mode & 0o170000n) === 0o040000n) for (const entry of readdirSync(path).toSorted()) walk(join(path, entry), `${name}/${entry}`)
    else hash.update(readFileSync(path))
  }
  walk(dir, '')
  return hash.digest('hex').slice(0, 16)
}

export function fileDigest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16)
}

/** Everything that stands in a database besides rows, as SQLite has it, and the columns of each table. Understudy's own tables are left out. */
export function schemaDigest(file: string): string {
  return ask(file, (db) => {
    const objects = db
      .prepare("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE substr(tbl_name, 1, 12) <> '_understudy_' ORDER BY type, name")
      .all()
    const columnsIn = db.prepare('SELECT * FROM pragma_table_xinfo(?)')
    const columns = objects.map(({ type, name }) => (type === 'table' ? columnsIn.all(String(name)) : []))
    return digestOf([...objects, ...columns])
  })
}

/** `items(id name …) …`: the tables of the shop with their columns. */
export function columnsOf(file: string): string {
  const sql = `SELECT name, (SELECT group_concat(name, ' ') FROM pragma_table_info(m.name)) AS columns
    FROM sqlite_master AS m WHERE type = 'table' AND substr(name, 1, 12) <> '_understudy_' ORDER BY name`
  return ask(file, (db) => db.prepare(sql).all())
    .map(({ name, columns }) => `${String(name)}(${String(columns)})`)
    .join(' ')
}

/** Items that are there now. */
export function itemsOf(file: string): readonly string[] {
  return ask(file, (db) => db.prepare('SELECT id FROM items ORDER BY id').all()).map(({ id }) => String(id))
}

/** Their prices. */
export function pricesOf(file: string): ReadonlyMap<string, number> {
  const rows = ask(file, (db) => db.prepare('SELECT id, price_cents FROM items').all())
  return new Map(rows.map(({ id, price_cents }) => [String(id), Number(price_cents)]))
}

/** These items, in the columns that every release knows. */
export function itemsDigest(file: string, ids: readonly string[]): string {
  return ask(file, (db) => {
    const one = db.prepare('SELECT id, name, price_cents FROM items WHERE id = ?')
    return digestOf(ids.map((id) => one.get(id) ?? null))
  })
}

function ask<T>(file: string, body: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    return body(db)
  } finally {
    db.close()
  }
}

function digestOf(rows: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16)
}
