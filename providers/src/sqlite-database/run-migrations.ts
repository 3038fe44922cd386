// Owns: running migrations while following what becomes of each table, and keeping rows aside before they are written.
// Never: opens or ends a transaction; learns from what rows there happen to be which tables are written.
import { Fault } from '@understudy/contract'
import type { SqlValue, SqlWrites } from '@understudy/contract'
import { refusalOf } from './fill.ts'
import { keepName, takeBefore } from './images.ts'
import type { Keep } from './images.ts'
import type { Line } from './pairs.ts'
import type { Table } from './read-schema.ts'
import { readTables } from './read-schema.ts'
import { DERIVED, nameAt } from './sql-statements.ts'
import type { Statement } from './sql-statements.ts'
import { nameOf, tokensOf } from './sql-tokens.ts'
import type { Token } from './sql-tokens.ts'
import { folded, sqliteFault } from './sqlite-fault.ts'
import { indexedBy, runYielding } from './yield-rows.ts'

export interface Course {
  readonly before: ReadonlyMap<string, Table>
  readonly after: ReadonlyMap<string, Table>
  readonly lines: ReadonlyMap<string, Line>
  /** Old tables whose rows were kept aside, by folded name, with the number that their image has. */
  readonly images: ReadonlyMap<string, number>
  /** A virtual table was made, dropped or written. */
  readonly virtual: boolean
  /** Why rows had to make way, the first time they had to; null where none had to. */
  readonly yielded: Fault | null
}

/**
 * Runs all statements, one by one. `again`: rows written since the undo that a statement refuses make way, where it is one that
 * can be run without them. @throws Fault with file and line for one that fails.
 */
export function runMigrations(db: SqlWrites, statements: readonly Statement[], keep: Keep, again: boolean): Course {
  const before = readTables(db)
  const numbers = new Map([...before.keys()].map((name, at) => [name, at]))
  const images = new Map<string, number>()
  let lines = new Map<string, Line>()
  for (const [name, table] of before) {
    lines.set(name, { origin: name, columns: new Map(table.columns.map((column) => [folded(column.name), folded(column.name)])) })
  }
  const keepAside = (name: string): void => {
    const origin = lines.get(name)?.origin ?? null
    const table = origin === null ? undefined : before.get(origin)
    const number = origin === null ? undefined : numbers.get(origin)
    if (origin === null || table === undefined || number === undefined || images.has(origin)) return
    takeBefore(db, keepName(keep, number, 'b'), name, table, columnsBy(table, lines.get(name)))
    images.set(origin, number)
  }
  let yielded: Fault | null = null
  let virtual = false
  let roots = rootsOf(db)
  for (const statement of statements) {
    const tokens = tokensOf(statement.sql)
    const word = tokens[0]?.text.toUpperCase() ?? ''
    try {
      const written = word === 'REINDEX' || word === 'ANALYZE' ? { tables: [], virtual: false } : writtenBy(db, statement.sql, roots)
      virtual ||= written.virtual
      if (!isPlainIndex(db, tokens)) for (const name of written.tables) keepAside(name)
      const refusal = again ? refusalOf(db, statement.sql) : null
      if (!again) db.run(statement.sql)
      if (refusal !== null) {
        const indexed = indexedBy(tokens)
        if (indexed !== null) keepAside(folded(indexed))
        if (!runYielding(db, statement.sql, tokens, keep)) throw refusal
        yielded ??= migrationFault(refusal, statement, again)
      }
    } catch (thrown) {
      throw thrown instanceof Fault ? migrationFault(thrown, statement, again) : thrown
    }
    if (word === 'CREATE' || word === 'ALTER' || word === 'DROP' || images.size > 0) roots = rootsOf(db)
    if (word === 'CREATE' || word === 'ALTER' || word === 'DROP') lines = follow(lines, tokens, readTables(db))
  }
  return { before, after: readTables(db), lines, images, virtual, yielded }
}

/** The name that each writable column of an old table has by now. */
function columnsBy(table: Table, line: Line | undefined): readonly (string | null)[] {
  const names = new Map([...(line?.columns ?? [])].map(([now, then]) => [then, now]))
  return table.columns.filter(({ generated }) => !generated).map(({ name }) => names.get(folded(name)) ?? null)
}

type Roots = ReadonlyMap<SqlValue, string>

/** Which table a b-tree belongs to, its own or that of an index. */
function rootsOf(db: SqlWrites): Roots {
  const rows = db.all('SELECT rootpage, tbl_name FROM sqlite_master WHERE rootpage > 0')
  return new Map(rows.map((row) => [row['rootpage'] ?? null, folded(String(row['tbl_name']))]))
}

const IN_REGISTER = 0x10 // OPFLAG_P2ISREG: the b-tree is one that the statement itself makes

/**
 * Tables that a statement can write to, whatever rows there are: read off its program, in which triggers are included
 * (sqlite.org/opcode.html). Over-careful rather than not: an index that is emptied counts as its table.
 */
function writtenBy(db: SqlWrites, sql: string, roots: Roots): { readonly tables: readonly string[]; readonly virtual: boolean } {
  const found = new Set<string>()
  let virtual = false
  for (const { opcode, p1, p2, p3, p5 } of db.all(`EXPLAIN ${sql}`)) {
    if (opcode === 'VUpdate' || opcode === 'VCreate' || opcode === 'VDestroy' || opcode === 'VRename') virtual = true
    const inMain = opcode === 'Clear' ? p2 === 0 : p3 === 0
    const root =
      opcode === 'OpenWrite' && (Number(p5) & IN_REGISTER) === 0 ? p2 : opcode === 'Clear' || opcode === 'Destroy' ? p1 : undefined
    const table = root === undefined || !inMain ? undefined : roots.get(root)
    if (table !== undefined) found.add(table)
  }
  return { tables: [...found], virtual }
}

/** Dropping an index that forbids nothing writes to no row. */
function isPlainIndex(db: SqlWrites, tokens: readonly Token[]): boolean {
  if (tokens[0]?.text.toUpperCase() !== 'DROP' || tokens[1]?.text.toUpperCase() !== 'INDEX') return false
  const { name } = nameAt(tokens, tokens[2]?.text.toUpperCase() === 'IF' ? 4 : 2)
  const row = db.all(`SELECT sql FROM sqlite_master WHERE type = 'index' AND lower(name) = lower(?)`, name)[0]
  return typeof row?.['sql'] === 'string' && !/^\s*CREATE\s+UNIQUE\b/i.test(row['sql'])
}

/** Where each table and column comes from after one more statement. */
function follow(lines: ReadonlyMap<string, Line>, tokens: readonly Token[], tables: ReadonlyMap<string, Table>): Map<string, Line> {
  const renamed = renamingOf(tokens)
  const next = new Map<string, Line>()
  for (const [name, table] of tables) {
    const source = renamed?.to === name && renamed.column === null ? renamed.table : name
    const line = lines.get(source)
    const moved = renamed !== null && renamed.column !== null && renamed.table === name ? renamed : null
    const columns = new Map(
      table.columns.map((column): [string, string | null] => {
        const now = folded(column.name)
        return [now, line?.columns.get(moved?.to === now ? (moved.column ?? now) : now) ?? null]
      }),
    )
    next.set(name, { origin: line?.origin ?? null, columns })
  }
  return next
}

interface Renaming {
  readonly table: string
  /** Null where the table itself is renamed. */
  readonly column: string | null
  readonly to: string
}

/** `ALTER TABLE t RENAME TO u`, `ALTER TABLE t RENAME [COLUMN] a TO b`, all folded; null for anything else. */
function renamingOf(tokens: readonly Token[]): Renaming | null {
  const at = (place: number): string => tokens[place]?.text.toUpperCase() ?? ''
  if (at(0) !== 'ALTER' || at(1) !== 'TABLE') return null
  const { name: table, next } = nameAt(tokens, 2)
  if (at(next) !== 'RENAME' || table === null) return null
  if (at(next + 1) === 'TO' && tokens[next + 3] === undefined) {
    return { table: folded(table), column: null, to: folded(nameOf(tokens[next + 2]) ?? '') }
  }
  const first = at(next + 1) === 'COLUMN' && at(next + 3) === 'TO' ? next + 2 : next + 1
  return { table: folded(table), column: folded(nameOf(tokens[first]) ?? ''), to: folded(nameOf(tokens[first + 2]) ?? '') }
}

/** What is wrong with a statement of a migration, with its file and line; a full disk or a lock stays what it is. */
export function migrationFault(thrown: Fault, { sql, file, line }: Statement, again: boolean): Fault {
  if (thrown.fault.code !== 'sql.failed') return thrown
  const said = thrown.fault.detail.replace(/^(:memory:|[^:]*): /, '').replace(/, in: .*$/s, '')
  const first = sql.split('\n')[0] ?? ''
  if (file === DERIVED) {
    const hint = 'Write a migration that leads there from what is live now; nothing was changed.'
    const detail = `${said}, in: ${first.slice(0, 200)}`
    return sqliteFault('no-way', 'invalid', 'No migration leads to the wanted schema, and the derived way fails.', detail, hint)
  }
  const hint = again
    ? 'It went through before: rows written since it was undone are against it. Change or delete those, and try again; or apply a migration that copes with them. Nothing was changed.'
    : 'Correct the file, or the data it meets; nothing was changed.'
  const summary = again ? 'A migration that was undone cannot be done again.' : 'A migration fails.'
  return sqliteFault('migration-failed', 'invalid', summary, `${file}:${line}: ${said}, in: ${first.slice(0, 200)}`, hint)
}
