// Owns: a consistent copy of a SQLite database that others write to, by SQLite's backup API.
// Never: makes a writer wait for longer than it must; overwrites a file.
import { lstatSync, rmSync } from 'node:fs'
import { backup } from 'node:sqlite'
import type { DatabaseSync } from 'node:sqlite'
import { Fault } from '@understudy/contract'
import type { Path } from '@understudy/contract'
import { encodeName } from './names.ts'
import { openToRead } from './open-database.ts'
import { fault, sqlFault, sqliteCode } from './sql-fault.ts'

const PAGES = 2_000 // per slice, 8 MiB: between two of them the event loop runs and a writer gets its turn
const RESTARTS_MAX = 3 // each write from outside starts the copy again; after so many the writers wait instead

/** Not synced: whoever lets somebody rely on the copy syncs it. */
export async function copyDatabase(from: Path, to: Path, signal: AbortSignal): Promise<void> {
  const target = encodeName(to)
  if (signal.aborted) throw fault('sql.cancelled', 'transient', 'The step was cancelled.', to, 'Nothing was copied.')
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) {
    throw fault('sql.exists', 'conflict', 'The target of the copy is there already.', to, 'Nothing was overwritten.')
  }
  const source = openToRead(from)
  try {
    // In WAL mode a reader hinders nobody and sees one state throughout; else it would make every writer wait.
    const wal = source.db().prepare('PRAGMA journal_mode').get()?.['journal_mode'] === 'wal'
    if (wal || !(await copied(source.db(), target, signal, RESTARTS_MAX))) {
      rmSync(target, { force: true })
      source.db().exec('BEGIN')
      source.db().prepare('SELECT 1 FROM sqlite_master').get()
      await copied(source.db(), target, signal, Infinity)
    }
    if (!source.whole()) {
      throw fault('sql.busy', 'transient', 'Somebody began to write to the database while it was copied.', from, 'Copy it again.')
    }
  } catch (error) {
    rmSync(target, { force: true })
    throw sqlFault(error, from, null)
  } finally {
    source.db().close()
  }
}

/** False when it was started again too often. */
async function copied(db: DatabaseSync, target: Buffer, signal: AbortSignal, restartsMax: number): Promise<boolean> {
  let restarts = 0
  let remaining = Infinity
  const stop = Symbol('stop')
  try {
    await backup(db, target, {
      rate: PAGES,
      progress: ({ remainingPages }) => {
        if (signal.aborted) throw fault('sql.cancelled', 'transient', 'The step was cancelled.', '', 'The copy was removed.')
        if (remainingPages >= remaining) restarts += 1
        remaining = remainingPages
        // oxlint-disable-next-line typescript/only-throw-error -- a symbol cannot be taken for anything else on its way through SQLite
        if (restarts > restartsMax) throw stop
      },
    })
    return true
  } catch (error) {
    // Beside a writer in DELETE mode Node's backup ended once with SQLite's code 0, "not an error"; with writers waiting that shows
    // what it is.
    if (error === stop || (restartsMax < Infinity && sqliteCode(error) === 0 && !(error instanceof Fault))) return false
    throw error
  }
}
