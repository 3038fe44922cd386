// Owns: what an error of SQLite or of the file system means for a store.
// Never: hides one: what is not known here stays what it was.
import { statfsSync } from 'node:fs'
import { Fault } from '@understudy/contract'
import { codeOf } from '../fx/system-error.ts'
import { storeFault } from './store-fault.ts'
import type { StoreFaultCode } from './store-fault.ts'

/** Primary result codes, https://sqlite.org/rescode.html. */
const codes: Readonly<Record<number, StoreFaultCode>> = {
  1: 'store.damaged', // ERROR: our statements are fixed, so it is the schema that is not what we made
  3: 'store.forbidden', // PERM
  5: 'store.busy', // BUSY
  6: 'store.busy', // LOCKED
  8: 'store.forbidden', // READONLY
  10: 'store.io', // IOERR
  11: 'store.damaged', // CORRUPT
  13: 'fs.no-space', // FULL
  14: 'store.forbidden', // CANTOPEN
  18: 'store.too-big', // TOOBIG
  19: 'store.damaged', // CONSTRAINT: what we look up first cannot be doubled in a whole index
  20: 'store.damaged', // MISMATCH
  26: 'store.damaged', // NOTADB
}

const system: Readonly<Record<string, StoreFaultCode>> = {
  EACCES: 'store.forbidden',
  EPERM: 'store.forbidden',
  EROFS: 'store.forbidden',
  ENOSPC: 'fs.no-space',
  EDQUOT: 'fs.no-space',
  EIO: 'store.io',
  ERR_OUT_OF_RANGE: 'store.damaged', // an integer that we never write
}

/** SHMOPEN, SHMSIZE, SHMMAP: the memory beside a database, which is made before anything is written. */
const sharing: ReadonlySet<number> = new Set([4618, 4874, 5386])
const SHARED_BYTES = 65_536 // SQLite asks for 32 KiB at first

/** SQLite does not say why it did not get that memory; the disk does. */
function isFull(where: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(where)
    return bavail * bsize < SHARED_BYTES
  } catch {
    return false
  }
}

/** @param where path of the database or folder, for the detail. */
export function sqliteFault(error: unknown, where: string): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (error instanceof Fault) return error
  const code = sqliteCode(error)
  const known = code === null ? system[codeOf(error)] : sharing.has(code) && isFull(where) ? 'fs.no-space' : codes[code & 0xff]
  if (known === undefined) return error
  return storeFault(known, `${where}: ${error.message}${code === null ? '' : ` (SQLite ${code})`}`)
}

/** Extended result code, or null for what does not come from SQLite. */
export function sqliteCode(error: unknown): number | null {
  const has = error instanceof Error && codeOf(error) === 'ERR_SQLITE_ERROR' && 'errcode' in error
  return has && typeof error.errcode === 'number' ? error.errcode : null
}

/** Somebody else holds the lock: worth another try. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && ((code & 0xff) === 5 || (code & 0xff) === 6)
}

/** After a failed read or write of the disk nobody knows what is in the log: the handle must not be used again. */
export function isBroken(error: unknown): boolean {
  const code = sqliteCode(error)
  return code !== null && (code & 0xff) === 10
}
