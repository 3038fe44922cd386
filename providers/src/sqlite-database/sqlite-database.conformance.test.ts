import { DatabaseSync } from 'node:sqlite'
import { mkdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { sqliteDatabase } from './provider.ts'

const live = (bench: Bench): string => join(bench.dir, 'shop.db')

const one = {
  name: '001_items.sql',
  sql: "CREATE TABLE items(id TEXT PRIMARY KEY, name TEXT NOT NULL); INSERT INTO items VALUES ('a', 'Apple')",
}
const two = {
  name: '002_price.sql',
  sql: 'ALTER TABLE items ADD COLUMN price INTEGER NOT NULL DEFAULT 0; UPDATE items SET name = upper(name)',
}
const three = {
  name: '002_stock.sql',
  sql: 'CREATE TABLE stock(item TEXT REFERENCES items(id), n INTEGER); CREATE INDEX stock_item ON stock(item)',
}

function edit(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

conformance({
  provider: sqliteDatabase,
  stage: openStage,
  specs: {
    a: { path: 'shop.db', migrations: [one] },
    b: { path: 'shop.db', migrations: [one, two] },
    c: { path: 'shop.db', migrations: [one, three] },
  },
  touch: (bench) => edit(live(bench), 'CREATE TABLE somebody(n)'),
  appear: (bench) => edit(live(bench), 'CREATE TABLE somebody(n)'),
  unknown(bench) {
    renameSync(live(bench), `${live(bench)}.aside`)
    mkdirSync(live(bench))
    return () => {
      rmdirSync(live(bench))
      renameSync(`${live(bench)}.aside`, live(bench))
    }
  },
})
