// Owns: rows that would refer to nothing after a turn: they are put aside by name.
// Never: leaves a reference to nothing that was not there before; drops a row.
import type { SqlWrites } from '@understudy/contract'
import { orphanName, orphansOf } from './foreign-keys.ts'
import type { Orphan } from './foreign-keys.ts'
import { all } from './images.ts'
import type { Keep } from './images.ts'
import { lateTable } from './late.ts'
import { sideOf } from './pairs.ts'
import { readTable } from './read-schema.ts'
import { changedSince, folded, quoted } from './sqlite-fault.ts'

/** Goes on until nothing new refers to nothing: putting a row aside can leave others without it. */
export function settleOrphans(db: SqlWrites, keep: Keep, known: ReadonlySet<string>, concerned: ReadonlySet<string>): void {
  const tables = new Set(concerned)
  for (;;) {
    const orphans = orphansOf(db, tables).filter((orphan) => !known.has(orphanName(orphan)))
    if (orphans.length === 0) return
    for (const orphan of orphans) {
      putOrphanAside(db, keep, orphan)
      tables.add(folded(orphan.table))
    }
  }
}

function putOrphanAside(db: SqlWrites, keep: Keep, orphan: Orphan): void {
  const { table: name, rowid, parent } = orphan
  const table = readTable(db, name)
  const number = table?.rowid ?? null
  const which = number !== null && rowid !== null ? `${number} = ${String(rowid)}` : withoutParent(db, orphan)
  if (table === null || which === null) {
    throw changedSince(name, `a row refers to something in ${parent} that would not be there, and cannot be put aside`)
  }
  const side = sideOf(table)
  const columns = side.columns.map((column) => quoted(column.name)).join(', ')
  const late = lateTable(db, keep, side)
  db.run(`INSERT INTO ${late}(${columns}) SELECT ${columns} FROM ${quoted(name)} WHERE ${which}`)
  db.run(`DELETE FROM ${quoted(name)} WHERE ${which}`)
}

/** Selects what refers to nothing in a table without row numbers; null where the foreign key fits nothing at all. */
function withoutParent(db: SqlWrites, { table, key }: Orphan): string | null {
  const parts = db.all(`PRAGMA main.foreign_key_list(${quoted(table)})`).filter(({ id }) => id === key)
  const parent = readTable(db, String(parts[0]?.['table']))
  if (parts.length === 0) return null
  const from = parts.map((part) => `${quoted(table)}.${quoted(String(part['from']))}`)
  const none = from.map((column) => `${column} IS NOT NULL`)
  if (parent === null) return all(none)
  const to = parts.map((part, at) => `p.${quoted(String(part['to'] ?? parent.key[at]?.name))}`)
  const there = all(to.map((column, at) => `${column} = ${from[at] ?? ''}`))
  return all([...none, `NOT EXISTS (SELECT 1 FROM ${quoted(parent.name)} AS p WHERE ${there})`])
}
