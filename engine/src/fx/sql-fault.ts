// Owns: what an error of SQLite means to the engine: which class of fault it is, in which words.
// Never: shows a parameter or more of a statement than its first line.
import { accessSync, constants, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import { Fault } from '@understudy/contract'
import type { FaultData, Path } from '@understudy/contract'
import { encodeName, shownName } from './names.ts'
import { codeOf } from './system-error.ts'

/** Primary result codes (sqlite.org/rescode.html); an extended code holds its primary one in the low eight bits. */
const code = {
  error: 1,
  perm: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  interrupted: 9,
  io: 10,
  corrupt: 11,
  full: 13,
  cantOpen: 14,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  auth: 23,
  range: 25,
  notDatabase: 26,
} as const

const FIRST_LINE_MAX = 200 // characters of a statement in an error: enough to find it

/** The extended result code, 0 for what is no error of SQLite. */
export function sqliteCode(error: unknown): number {
  return typeof error === 'object' && error !== null && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0
}

/** The fault for what a statement (or opening, `sql` null) threw. A Fault stays what it is; what is not SQLite's is a bug. */
export function sqlFault(error: unknown, file: Path, sql: string | null): Fault {
  if (error instanceof Fault) return error
  const extended = sqliteCode(error)
  const said = error instanceof Error ? error.message : String(error)
  const where = shownName(file)
  const detail = sql === null ? `${where}: ${said}.` : `${where}: ${said}, in: ${firstLine(sql)}`
  switch (extended & 0xff) {
    case code.busy:
    case code.locked:
      return fault(
        'sql.busy',
        'transient',
        'The database is locked by somebody else.',
        detail,
        'It goes on when their transaction has ended; see who has it open with `fuser`.',
      )
    case code.full:
      return fault('fs.no-space', 'transient', 'There is no space left on the device.', detail, 'Free some space, then try again.')
    case code.noMemory:
      return fault('sql.no-memory', 'transient', 'There is not enough memory.', detail, 'Free some memory, then try again.')
    case code.interrupted:
      return fault('sql.cancelled', 'transient', 'The step was cancelled.', detail, 'Nothing of the statement stays.')
    case code.io:
      return fault('sql.io', 'transient', 'The database could not be read or written.', detail, 'Look for errors of the disk with `dmesg`.')
    case code.corrupt:
    case code.notDatabase:
      return fault(
        'sql.damaged',
        'conflict',
        'This is not a SQLite database, or it is damaged.',
        detail,
        'Check the path; `sqlite3 FILE "pragma integrity_check"` tells damage from a wrong file.',
      )
    case code.readOnly:
    case code.perm:
    case code.cantOpen:
    case code.auth:
      return accessFault(file, detail)
    case code.error:
    case code.constraint:
    case code.mismatch:
    case code.tooBig:
    case code.range:
      return fault('sql.failed', 'invalid', 'The statement failed.', detail, 'Correct the statement, or the data it is about.')
    default:
      return fault('sql.unexpected', 'bug', 'SQLite was used in a wrong way.', detail, 'This is a bug: report it with the statement.')
  }
}

/** SQLite does not say why it cannot open or write; the file system does. */
function accessFault(file: Path, detail: string): Fault {
  const folder = encodeName(dirname(file))
  try {
    const type = lstatSync(encodeName(file))
    if (!type.isFile() && !type.isSymbolicLink()) {
      return fault('sql.not-a-file', 'conflict', 'The path of the database is not a file.', detail, 'Move it away, or choose another path.')
    }
    accessSync(encodeName(file), constants.R_OK | constants.W_OK)
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    const why = codeOf(error)
    if (why === 'ENOENT' || why === 'ENOTDIR') {
      return fault('sql.missing', 'conflict', 'There is no database here.', detail, 'Check the path, and that its folder is there.')
    }
    if (why === 'EROFS') {
      return fault('fs.read-only', 'forbidden', 'The file system is read-only.', detail, 'Mount it writable, or choose another path.')
    }
  }
  return fault(
    'sql.forbidden',
    'forbidden',
    'The database may not be opened or written.',
    detail,
    'SQLite needs the right to write to the file and to its folder.',
  )
}

/** The first line that says something, cut. */
export function firstLine(sql: string): string {
  const line =
    sql
      .split('\n')
      .map((text) => text.trim())
      .find((text) => text !== '' && !text.startsWith('--')) ?? ''
  return line.length > FIRST_LINE_MAX ? `${line.slice(0, FIRST_LINE_MAX)}…` : line
}

export function fault(what: string, kind: FaultData['class'], summary: string, detail: string, hint: string): Fault {
  return new Fault({ code: what, class: kind, summary, detail, hint })
}
