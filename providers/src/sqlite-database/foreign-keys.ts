// Owns: rows that refer to nothing: which there are, and which of them are new.
// Never: deletes one.
import { Fault } from '@understudy/contract'
import type { SqlReads } from '@understudy/contract'
import { readTables } from './read-schema.ts'
import { folded, quoted, sqliteFault } from './sqlite-fault.ts'

export interface Orphan {
  readonly table: string
  /** Null in a table without row numbers. */
  readonly rowid: number | bigint | null
  readonly parent: string
  readonly key: number
}

/** Rows whose foreign keys refer to nothing, in tables that these concern: they, and who refers to them. */
export function orphansOf(db: SqlReads, concerned: ReadonlySet<string>): readonly Orphan[] {
  const found: Orphan[] = []
  for (const [name, table] of readTables(db)) {
    const keys = db.all(`PRAGMA main.foreign_key_list(${quoted(table.name)})`)
    if (keys.length === 0) continue
    if (!concerned.has(name) && !keys.some((key) => concerned.has(folded(String(key['table']))))) continue
    for (const row of check(db, table.name)) {
      const rowid = row['rowid']
      found.push({
        table: table.name,
        rowid: typeof rowid === 'number' || typeof rowid === 'bigint' ? rowid : null,
        parent: String(row['parent']),
        key: Number(row['fkid']),
      })
    }
  }
  return found
}

function check(db: SqlReads, table: string) {
  try {
    return db.all(`PRAGMA main.foreign_key_check(${quoted(table)})`)
  } catch (thrown) {
    // "foreign key mismatch": what it refers to is no key. SQLite then refuses every write where foreign keys are on.
    if (thrown instanceof Fault && thrown.fault.code === 'sql.failed') return [{ rowid: null, parent: 'mismatch', fkid: -1 }]
    throw thrown
  }
}

export function orphanName({ table, rowid, parent }: Orphan): string {
  return `${folded(table)} ${String(rowid)} ${folded(parent)}`
}

/** `derived`: not migrations left them, but a way derived from two schemas. */
export function orphansFault(orphans: readonly Orphan[], derived: boolean): Fault {
  const rows = orphans.slice(0, 5).map(({ table, rowid, parent }) => `row ${String(rowid)} of ${table} refers to nothing in ${parent}`)
  const more = orphans.length > rows.length ? ` and ${orphans.length - rows.length} more` : ''
  const summary = derived
    ? 'No migration leads to the wanted schema, and the derived way leaves rows that refer to nothing.'
    : 'The migrations leave rows that refer to nothing.'
  const hint = derived
    ? 'What they refer to comes without its rows there. Write a migration that leads there from what is live now, or delete them first.'
    : 'Migrations run with foreign keys off: delete or change such rows in the migration itself.'
  return sqliteFault('foreign-key', 'invalid', summary, `${rows.join('; ')}${more}.`, hint)
}
