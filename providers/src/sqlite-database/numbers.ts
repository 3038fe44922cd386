// Owns: the numbers a database keeps beside its rows: user_version, application_id, AUTOINCREMENT.
// Never: takes one back that somebody else has moved on.
import type { SqlReads, SqlWrites } from '@understudy/contract'
import { quoted } from './sqlite-fault.ts'

/** By name: `user_version`, `application_id`, `sequence TABLE`. What no number holds exactly is text. */
export type Numbers = Readonly<Record<string, number | string>>

export function readNumbers(db: SqlReads): Numbers {
  const numbers: Record<string, number | string> = {}
  for (const name of ['user_version', 'application_id']) numbers[name] = Number(db.all(`PRAGMA ${name}`)[0]?.[name])
  if (db.all(`SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'`).length === 0) return numbers
  for (const { name, seq } of db.all('SELECT name, seq FROM sqlite_sequence ORDER BY name')) {
    if (String(name).startsWith('_understudy_')) continue
    numbers[`sequence ${String(name)}`] = typeof seq === 'number' ? seq : String(seq)
  }
  return numbers
}

/**
 * Puts numbers back to `wanted`, each only if it still is what `left` says: else somebody else moved it on, and it stays as
 * `found`. A sequence never goes below its table's highest row number.
 */
export function restoreNumbers(db: SqlWrites, wanted: Numbers, left: Numbers, found: Numbers): void {
  for (const name of ['user_version', 'application_id']) {
    const value = found[name] === left[name] ? wanted[name] : found[name]
    if (typeof value === 'number') db.run(`PRAGMA ${name} = ${value}`)
  }
  if (db.all(`SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'`).length === 0) return
  const now = readNumbers(db)
  const names = new Set([...Object.keys(wanted), ...Object.keys(now)].filter((name) => name.startsWith('sequence ')))
  for (const name of names) {
    const table = name.slice('sequence '.length)
    const there = db.all(`SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?`, table)[0]
    if (there === undefined) continue
    const moved = found[name] !== undefined && found[name] !== left[name]
    const value = moved ? found[name] : wanted[name]
    db.run('DELETE FROM sqlite_sequence WHERE name = ?', table)
    if (value === undefined) continue
    const highest = typeof value === 'number' ? `max(${value}, coalesce((SELECT max(rowid) FROM ${quoted(table)}), 0))` : '?'
    if (typeof value === 'number') db.run(`INSERT INTO sqlite_sequence(name, seq) SELECT ?, ${highest}`, table)
    else db.run('INSERT INTO sqlite_sequence(name, seq) VALUES (?, ?)', table, BigInt(value))
  }
}
