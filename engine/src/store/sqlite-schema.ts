// Owns: the tables of the store, as steps from one format to the next, and the check that we may use a store at all.
// Never: changes a step that was released; never touches a store of a newer format.
import type { DatabaseSync } from 'node:sqlite'
import { storeFault } from './store-fault.ts'

/** Step n makes format n+1 of format n. `meta` holds the format; in step 1 everything else is new. */
export const steps: readonly string[] = [
  `create table meta (name text primary key, value text not null) strict, without rowid;
   create table heads (stream text primary key, seq integer not null, epoch integer not null, hash blob not null) strict, without rowid;
   create table entries (stream text not null, seq integer not null, epoch integer not null, at integer not null,
     hash blob not null, body text not null, primary key (stream, seq)) strict, without rowid;
   create table messages (stack text not null, seq integer not null, key text not null, at integer not null,
     hash blob not null, body text not null, primary key (stack, seq), unique (stack, key)) strict, without rowid;
   create table leases (stack text primary key, epoch integer not null, holder text, taken_at integer not null,
     until integer not null, ttl_ms integer not null) strict, without rowid;
   create table objects (id integer primary key, digest blob not null, piece integer not null, pieces integer not null,
     sealed blob not null, unique (digest, piece)) strict;`,
]

/** 0 for an empty database. */
export function formatOf(db: DatabaseSync, where: string): number {
  const tables = db.prepare(`select name from sqlite_schema where type = 'table'`).all()
  if (tables.length === 0) return 0
  if (!tables.some(({ name }) => name === 'meta')) throw storeFault('store.damaged', `${where} is a database, but not a store`)
  const format = Number(db.prepare(`select value from meta where name = 'format'`).get()?.['value'])
  if (!Number.isSafeInteger(format) || format < 1) throw storeFault('store.damaged', `${where} does not say its format`)
  return format
}

/** Faults `store.newer-version`. */
export function checkFormat(format: number, ours: number, where: string): void {
  if (format > ours) throw storeFault('store.newer-version', `${where} has format ${format}; this version knows ${ours}`)
}

/**
 * Brings a store to our format in one transaction, so that a kill leaves the old one or the new one. A new store also
 * takes note of which key it belongs to; with another key the fault is `store.key-wrong`.
 */
export function migrate(db: DatabaseSync, where: string, keyCheck: string, all: readonly string[] = steps): void {
  const before = formatOf(db, where)
  checkFormat(before, all.length, where)
  if (before < all.length) {
    db.exec('begin immediate')
    try {
      const format = formatOf(db, where) // another process may have been quicker
      checkFormat(format, all.length, where)
      for (const step of all.slice(format)) db.exec(step)
      const set = db.prepare('insert into meta values (?, ?) on conflict (name) do update set value = excluded.value')
      if (format < all.length) set.run('format', String(all.length))
      if (format === 0) set.run('key', keyCheck)
      db.exec('commit')
    } catch (error) {
      if (db.isTransaction) db.exec('rollback')
      throw error
    }
  }
  if (db.prepare(`select value from meta where name = 'key'`).get()?.['value'] !== keyCheck) {
    throw storeFault('store.key-wrong', `${where} was made with another key`)
  }
}
