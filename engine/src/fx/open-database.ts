// Owns: opening a SQLite database by path: to read without leaving a trace, or to write.
// Never: changes the journal mode; creates a file when it is opened to read.
import { closeSync, lstatSync, openSync, readSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Path } from '@understudy/contract'
import { encodeName } from './names.ts'
import { fault, sqlFault, sqliteCode } from './sql-fault.ts'
import { codeOf } from './system-error.ts'

export const BUSY_MS = 5_000 // as the contract says: longer than any sane transaction, shorter than a heartbeat's patience

/** As the library is by itself, so that a service's own schema means the same here: no foreign keys, "text" may be text. */
const asFound = { enableForeignKeyConstraints: false, enableDoubleQuotedStringLiterals: true } as const

export interface ReadDatabase {
  readonly db: () => DatabaseSync
  readonly whole: () => boolean
  readonly again: () => boolean
}

/**
 * Opens to read. Three ways, because a plain read-only open of a WAL database leaves -wal and -shm files behind and one
 * beside a hot journal fails (sqlite.org/wal.html#readonly, lockingv3.html#hot_journals):
 * - WAL without a -wal file: nobody has it open. It is read as immutable; `whole` tells whether that stayed true.
 * - A journal of a killed writer: opened to write, which rolls back, with query_only.
 * - Everything else: read-only, by the usual locks.
 */
export function openToRead(file: Path, leftMs = Infinity): ReadDatabase {
  const timeout = busyMs(leftMs)
  const path = encodeName(file)
  const before = fingerprint(path)
  if (before === null) throw fault('sql.missing', 'conflict', 'There is no database here.', file, 'Check the path.')
  if (!statSync(path).isFile()) {
    throw fault('sql.not-a-file', 'conflict', 'The path of the database is not a file.', file, 'Move it away, or choose another path.')
  }
  let immutable = isWal(path, file) && !exists(`${file}-wal`)
  let used = false
  let db = immutable ? opened(file, 'immutable=1', true, timeout) : openLocked(file, timeout)
  return {
    db: () => db,
    whole() {
      if (!immutable) return true
      const same = fingerprint(path) === before && !exists(`${file}-wal`)
      used ||= same
      return same
    },
    again() {
      if (used) return false
      db.close()
      db = openLocked(file, timeout)
      immutable = false
      return true
    },
  }
}

/** Opens to write; creates it where there is none. */
export function openToWrite(file: Path, leftMs = Infinity): DatabaseSync {
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(uri(file, 'mode=rwc'), { ...asFound, timeout: busyMs(leftMs) })
    db.exec('PRAGMA synchronous = FULL')
    db.prepare('PRAGMA schema_version').get() // reads the header: what is no database is found now, not at some later statement
    return db
  } catch (error) {
    db?.close()
    throw sqlFault(error, file, null)
  }
}

/** An empty database in memory; nothing can be attached to it. */
export function openScratch(): DatabaseSync {
  return new DatabaseSync(':memory:', { ...asFound, limits: { attach: 0 } })
}

/** No longer than the step may last: who waits for a lock keeps the thread, and no signal can come. */
function busyMs(leftMs: number): number {
  return Math.min(BUSY_MS, Math.max(1, Math.ceil(leftMs)))
}

function openLocked(file: Path, timeout: number): DatabaseSync {
  try {
    return opened(file, 'mode=ro', true, timeout)
  } catch (error) {
    if ((sqliteCode(error) & 0xff) !== READONLY) throw sqlFault(error, file, null)
  }
  const db = opened(file, 'mode=rw', false, timeout)
  db.exec('PRAGMA query_only = 1')
  return db
}

const READONLY = 8 // SQLITE_READONLY and its extended codes: a hot journal, a WAL that needs recovery

function opened(file: Path, how: string, readOnly: boolean, timeout: number): DatabaseSync {
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(uri(file, how), { ...asFound, timeout, readOnly })
    db.prepare('PRAGMA schema_version').get()
    return db
  } catch (error) {
    db?.close()
    if ((sqliteCode(error) & 0xff) === READONLY && readOnly) throw error
    throw sqlFault(error, file, null)
  }
}

/** A name of any bytes as a URI; `?`, `#`, `%` and what is not ASCII escaped (sqlite.org/uri.html). */
function uri(file: Path, query: string): string {
  let text = ''
  for (const byte of encodeName(file)) {
    const letter = String.fromCharCode(byte)
    text += /[A-Za-z0-9/._~-]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, '0')}`
  }
  return `file:${text}?${query}`
}

/** File format bytes 18 and 19: 2 is WAL (sqlite.org/fileformat.html#file_format_version_numbers). */
function isWal(path: Buffer, file: Path): boolean {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    const forbidden = codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM'
    if (!forbidden) return false
    throw fault('sql.forbidden', 'forbidden', 'The database may not be read.', file, 'Give the right to read it.')
  }
  try {
    const header = Buffer.alloc(20)
    return readSync(fd, header, 0, header.length, 0) === header.length && header[18] === 2 && header[19] === 2
  } catch {
    return false // a directory: opening it says so
  } finally {
    closeSync(fd)
  }
}

function exists(file: Path): boolean {
  return lstatSync(encodeName(file), { throwIfNoEntry: false }) !== undefined
}

/** Null when it is not there. */
function fingerprint(path: Buffer): string | null {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
  } catch {
    return null
  }
}
