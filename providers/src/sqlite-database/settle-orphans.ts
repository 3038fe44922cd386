// Owns: rows that would refer to nothing after a turn: they are put aside by name.
// Never: leaves a reference to nothing that was not there before; drops a row.
import type { SqlWrites } from '@understudy/contract'
import { lateTable } from './fill.ts'
import { orphanName, orphansOf } from './foreign-keys.ts'
import type { Orphan } from './foreign-keys.ts'
import type { Keep } from './images.ts'
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

function putOrphanAside(db: SqlWrites, keep: Keep, { table: name, rowid, parent }: Orphan): void {
  const table = readTable(db, name)
  if (table === null || table.rowid === null || rowid === null) {
    throw changedSince(name, `a row refers to something in ${parent} that would not be there, and cannot be put aside`)
  }
  const side = sideOf(table)
  const columns = side.columns.map((column) => quoted(column.name)).join(', ')
  const late = lateTable(db, keep, side)
  db.run(`INSERT INTO ${late}(${columns}) SELECT ${columns} FROM ${quoted(name)} WHERE ${table.rowid} = ?`, rowid)
  db.run(`DELETE FROM ${quoted(name)} WHERE ${table.rowid} = ?`, rowid)
}
