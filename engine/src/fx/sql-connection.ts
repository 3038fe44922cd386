// Owns: one open SQLite database as `SqlReads` or `SqlWrites`: values both ways, statements timed and recorded.
// Never: records a parameter; changes the type of a value on its way.
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { Path, SqlReads, SqlValue, SqlWrites } from '@understudy/contract'
import { BUSY_MS } from './open-database.ts'
import { fault, sqlFault } from './sql-fault.ts'

const TARGET_MAX = 2_000 // characters of a statement in the change log: a whole migration statement as a rule

type Row = Readonly<Record<string, SqlValue>>

export interface Connection {
  readonly db: () => DatabaseSync
  readonly file: Path
  readonly signal: AbortSignal
  /** Takes note of one statement; does nothing for reads. */
  readonly note: (sql: string, startedMs: number, result: string) => void
  readonly now: () => number
  /** Until the step's deadline, ms. */
  readonly leftMs: () => number
  /** Asked after reading: false if what was read may not belong together (the file was written meanwhile). */
  readonly whole: () => boolean
  /** Opens again in a way that keeps to the locks; false if it cannot be done without losing earlier statements. */
  readonly again: () => boolean
}

const CHECK_ROWS = 4_096 // rows between two looks whether the file was written: seldom enough to cost nothing

export function sqlReads(connection: Connection): SqlReads {
  return {
    all(sql, ...params) {
      return attempt(connection, sql, () => {
        const rows = readAll(connection, sql, params)
        if (connection.whole()) return [rows, `${rows.length} rows`]
        if (!connection.again()) throw writtenMeanwhile(connection)
        const again = readAll(connection, sql, params)
        return [again, `${again.length} rows`]
      })
    },
    each: (sql, ...params) => readEach(connection, sql, params),
    close: () => closeOnce(connection),
  }
}

export function sqlWrites(connection: Connection): SqlWrites {
  return {
    ...sqlReads(connection),
    run(sql, ...params) {
      return attempt(connection, sql, () => {
        const { changes } = connection
          .db()
          .prepare(sql)
          .run(...params.map(bound))
        return [Number(changes), `${changes} rows`]
      })
    },
    script(sql) {
      attempt(connection, sql, () => {
        connection.db().exec(sql)
        return [undefined, 'ok']
      })
    },
  }
}

function attempt<T>(connection: Connection, sql: string, act: () => readonly [T, string]): T {
  const started = connection.now()
  try {
    withinDeadline(connection)
    const [value, result] = act()
    connection.note(shown(sql), started, result)
    return value
  } catch (error) {
    const failed = sqlFault(error, connection.file, sql)
    connection.note(shown(sql), started, failed.fault.code)
    throw failed
  }
}

/** Waiting for a lock keeps the thread, so that no signal can come: it must not last longer than the step may. */
function withinDeadline(connection: Connection): void {
  const left = connection.leftMs()
  if (connection.signal.aborted || left <= 0) throw cancelled(connection)
  if (left < BUSY_MS) connection.db().exec(`PRAGMA busy_timeout = ${Math.ceil(left)}`)
}

function readAll(connection: Connection, sql: string, params: readonly SqlValue[]): readonly Row[] {
  const statement = connection.db().prepare(sql)
  statement.setReadBigInts(true)
  return statement.all(...params.map(bound)).map(plainRow)
}

function* readEach(connection: Connection, sql: string, params: readonly SqlValue[]): Iterable<Row> {
  const started = connection.now()
  let rows = 0
  try {
    withinDeadline(connection)
    const statement = connection.db().prepare(sql)
    statement.setReadBigInts(true)
    for (const row of statement.iterate(...params.map(bound))) {
      rows += 1
      if (rows % CHECK_ROWS === 0) {
        if (connection.signal.aborted || connection.leftMs() <= 0) throw cancelled(connection)
        if (!connection.whole()) throw writtenMeanwhile(connection)
      }
      yield plainRow(row)
    }
    if (!connection.whole()) throw writtenMeanwhile(connection)
    connection.note(shown(sql), started, `${rows} rows`)
  } catch (error) {
    const failed = sqlFault(error, connection.file, sql)
    connection.note(shown(sql), started, failed.fault.code)
    throw failed
  }
}

/** Integers are read as bigint, so that none is rounded; what a number holds exactly becomes one. */
function plainRow(row: Readonly<Record<string, SQLOutputValue>>): Row {
  const plain: Record<string, SqlValue> = {}
  for (const name of Object.keys(row)) {
    const value = row[name] ?? null
    plain[name] = typeof value === 'bigint' && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  }
  return plain
}

/** A whole number is bound as INTEGER: node binds every number as REAL, and 1 would become 1.0 in a column without a type. */
function bound(value: SqlValue): SQLInputValue {
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
}

function closeOnce({ db, file }: Connection): void {
  try {
    if (db().isOpen) db().close()
  } catch (error) {
    throw sqlFault(error, file, null)
  }
}

function shown(sql: string): string {
  const text = sql.trim()
  return text.length > TARGET_MAX ? `${text.slice(0, TARGET_MAX)}…` : text
}

function cancelled({ file }: Connection) {
  return fault('sql.cancelled', 'transient', 'The step was cancelled.', file, 'Nothing of the statement stays.')
}

function writtenMeanwhile({ file }: Connection) {
  const hint = 'Nothing is wrong: read it again.'
  return fault('sql.busy', 'transient', 'Somebody began to write to the database while it was read.', file, hint)
}
