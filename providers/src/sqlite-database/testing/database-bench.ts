// Owns: a database in a folder of its own, turned by the provider as the engine does, and looked at with nothing but SQLite.
// Never: goes through the provider to see what stands there.
import { posix } from 'node:path'
import { Fault } from '@understudy/contract'
import type { Json, Prepared, Stand, Wanted } from '@understudy/contract'
import type { Bench } from '@understudy/contract/conformance'
import { sqliteDatabase } from '../provider.ts'
import type { Memento, Out, State } from '../schemas.ts'

export interface Turnable {
  readonly prepared: Prepared<Memento, Out>
  turn(to: 'before' | 'after'): Promise<Stand>
  look(): Promise<Stand>
  release(): Promise<void>
}

/** A connection as a service has one: `DatabaseSync` of node:sqlite fits. */
interface Connection {
  exec(sql: string): void
  prepare(sql: string): { all(): readonly object[] }
  close(): void
}

export type DatabaseBench = ReturnType<typeof databaseBench>

let keys = 0

export function databaseBench(stage: Bench, connect: (file: string) => Connection) {
  const file = posix.join(stage.dir, 'shop.db')
  const at = { world: 'primary', id: 'db', part: { path: file } }

  const rows = (sql: string): readonly unknown[] => {
    const db = connect(file)
    const found = db.prepare(sql).all()
    db.close()
    return found.map((row) => Object.values(row).join('|'))
  }
  const freeze = async (migrations: Json): Promise<Json> => {
    const hands = stage.hands('planning', 'db', 'freeze')
    return (await sqliteDatabase.source?.freeze({ path: 'shop.db', migrations }, stage.dir, hands)) ?? null
  }
  /** What a spec asks for at a path; migrations are named by their place. */
  const want = async (path: string, ...migrations: readonly string[]): Promise<Wanted<State>> => {
    const spec = sqliteDatabase.schema.spec.safeParse(await freeze(migrations.map((sql, n) => ({ name: `00${n + 1}_m.sql`, sql }))))
    if (!spec.success) throw new Error('bad spec')
    return sqliteDatabase.want({ ...at, part: { path } }, spec.data, stage.look('primary', 'db'))
  }
  const wanted = async (...migrations: readonly string[]): Promise<State> => (await want(file, ...migrations)).state
  const read = () => sqliteDatabase.read(at, null, stage.look('primary', 'db'))
  const step = async (to: State | null): Promise<Turnable> => {
    const hands = stage.hands('primary', 'db', `key-${(keys += 1)}`)
    const prepared = await sqliteDatabase.prepare(at, (await read())?.state ?? null, to, hands)
    return {
      prepared,
      turn: (side) => sqliteDatabase.turn(at, prepared.memento, side, hands),
      look: () => sqliteDatabase.look(at, prepared.memento, 'full', hands),
      release: () => sqliteDatabase.release(at, prepared.memento, hands),
    }
  }
  const change = async (...migrations: readonly string[]): Promise<Turnable> => {
    const made = await step(await wanted(...migrations))
    await made.turn('after')
    return made
  }
  /** Without what only says which row it is. */
  const told = (late: string): string =>
    rows(`SELECT name FROM pragma_table_info('${late.replaceAll("'", "''")}') WHERE type <> 'BLOB'`)
      .map((name) => `"${String(name).replaceAll('"', '""')}"`)
      .join(', ')
  return {
    stage,
    file,
    at,
    rows,
    freeze,
    want,
    wanted,
    read,
    step,
    change,
    /** All of these run on one connection with foreign keys on, as a careful service has them. */
    run(sql: string): void {
      const db = connect(file)
      db.exec('PRAGMA foreign_keys = ON')
      db.exec(sql)
      db.close()
    },
    tables: (): readonly unknown[] =>
      rows("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_understudy%' ESCAPE '\\' ORDER BY name"),
    /** What was put aside by name. */
    late: () =>
      rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%understudy_late%' ORDER BY rowid").map((name) =>
        rows(`SELECT ${told(String(name))} FROM "${String(name)}"`),
      ),
    async become(...migrations: readonly string[]): Promise<void> {
      await (await change(...migrations)).release()
    },
    close: () => stage.close(),
  }
}

export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  try {
    await promise
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  throw new Error('nothing was thrown')
}
