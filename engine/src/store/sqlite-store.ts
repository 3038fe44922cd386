// Owns: a store in a folder: `store.db` (SQLite, write-ahead log) and `key`, both readable by their owner only.
// Never: opens a store of a newer version or without its key.
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../fx/recorder.ts'
import { codeOf } from '../fx/system-error.ts'
import { readKey, syncDir } from './key-file.ts'
import { createSealer } from './seal.ts'
import type { Sealer } from './seal.ts'
import { sqliteFault } from './sqlite-fault.ts'
import { sqliteInbox } from './sqlite-inbox.ts'
import { sqliteLease } from './sqlite-lease.ts'
import { sqliteLog } from './sqlite-log.ts'
import { sqliteObjects } from './sqlite-objects.ts'
import { checkFormat, migrate, steps } from './sqlite-schema.ts'
import type { Store } from './store.ts'
import { storeFault } from './store-fault.ts'
import { createWriteQueue, whileBusy } from './write-queue.ts'

const BUSY_MS = 20 // longest that the event loop stands still for another process; then it is tried again later
const CACHE_KIB = 16_384 // more than one transaction of write-queue.ts changes, so that none is written twice
const LOG_PAGES_MAX = 16_384 // 64 MiB: a commit checkpoints by itself only if write-queue.ts never got to

/**
 * Opens the store in a folder (`.understudy`), making both when they are not there. Faults `store.newer-version`,
 * `store.key-missing`, `store.key-wrong`, `store.damaged`, `store.forbidden`, `store.no-wal`, `store.busy`,
 * `fs.no-space`; with `place` (a folder's real path) `store.elsewhere`, when the store was first opened with another one.
 */
export async function openSqliteStore({
  dir,
  clock,
  place = null,
}: {
  readonly dir: string
  readonly clock: Clock
  readonly place?: string | null
}): Promise<Store> {
  const path = join(dir, 'store.db')
  let db: DatabaseSync | null = null
  try {
    const sealer = createSealer(openFolder(dir, path))
    const opened = new DatabaseSync(path, { timeout: BUSY_MS })
    db = opened
    await whileBusy(() => setUp(opened, path, sealer))
    if (place !== null) await whileBusy(() => checkPlace(opened, place))
    return assemble(opened, path, clock, sealer)
  } catch (error) {
    db?.close()
    throw sqliteFault(error, dir)
  }
}

/** The key comes first: whoever finds a database finds its key, whenever the maker of both was killed. */
function openFolder(dir: string, path: string): Uint8Array {
  makeFolder(dir)
  const exists = existsSync(path)
  const key = readKey(dir, exists)
  if (exists) return key
  try {
    // Made here for its mode, which SQLite gives to the files beside it.
    closeSync(openSync(path, 'wx', 0o600))
    syncDir(dir)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  return key
}

function makeFolder(dir: string): void {
  const parent = dirname(dir)
  // Not in one go: mkdir says ENOENT for a read-only disk when it is asked for several levels.
  if (!existsSync(parent)) makeFolder(parent)
  try {
    mkdirSync(dir, { mode: 0o700 })
    syncDir(parent)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function setUp(db: DatabaseSync, path: string, sealer: Sealer): void {
  // Looked at before anything is set, so that a newer store is left as it is.
  const format = db.prepare(`select count(*) as n from sqlite_schema where name = 'meta'`).get()?.['n']
  if (format !== 0) checkFormat(Number(db.prepare(`select value from meta where name = 'format'`).get()?.['value']), steps.length, path)
  const mode = db.prepare('pragma journal_mode = wal').get()?.['journal_mode']
  if (mode !== 'wal') throw storeFault('store.no-wal', `${path}: journal mode is ${String(mode)}`)
  db.exec(`pragma wal_autocheckpoint = ${LOG_PAGES_MAX}; pragma cell_size_check = on; pragma trusted_schema = off`)
  db.exec(`pragma synchronous = full; pragma cache_size = -${CACHE_KIB}`)
  migrate(db, path, sealer.check)
  // Enough to keep the order of log and checkpoint; the log itself is flushed by write-queue.ts.
  db.exec('pragma synchronous = normal')
}

/** What a stack manages has absolute places: a copy of its folder would act on what the original manages. */
function checkPlace(db: DatabaseSync, place: string): void {
  const known = db.prepare(`select value from meta where name = 'place'`).get()?.['value']
  if (known === undefined) db.prepare(`insert or ignore into meta values ('place', ?)`).run(place)
  else if (known !== place) throw storeFault('store.elsewhere', `it was made in ${String(known)} and is opened in ${place}`)
}

function assemble(db: DatabaseSync, path: string, clock: Clock, sealer: Sealer): Store {
  const format = db.prepare(`select value from meta where name = 'format'`)
  // Also in each transaction: a newer version may migrate the store while we have it open.
  const queue = createWriteQueue(db, path, () => checkFormat(Number(format.get()?.['value']), steps.length, path))
  const { lastEpoch, ...log } = sqliteLog(db, queue, clock)
  return {
    objects: sqliteObjects(db, queue, sealer),
    ...log,
    ...sqliteInbox(db, queue, clock),
    ...sqliteLease(db, queue, clock, lastEpoch),
    close: () => queue.close(),
  }
}
