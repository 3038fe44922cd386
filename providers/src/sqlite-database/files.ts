// Owns: the file of a database as a whole: built beside, moved in and out, with what SQLite keeps next to it.
// Never: overwrites a file; moves one whose log was not written back.
import { posix } from 'node:path'
import type { Effects, Hands, Look, Reads, Stand } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { writeApplied } from './applied.ts'
import { generationOf, writeGeneration } from './generation.ts'
import type { Migration } from './migrations.ts'
import { readRows, readState } from './read-database.ts'
import type { FileMemento, State } from './schemas.ts'
import { changedSince } from './sqlite-fault.ts'
import { statementsOf } from './sql-statements.ts'
import { runMigrations } from './run-migrations.ts'
import { createObjects } from './put-objects.ts'
import { transact } from './transact.ts'
import { parseSchema } from './read-schema.ts'

/** What SQLite keeps beside a database (sqlite.org/tempfiles.html). */
export const BESIDE = ['-wal', '-shm', '-journal'] as const

/** Stands for a key in names of files and tables. */
export function shortOf(key: string, call: Look): string {
  return call.name(Buffer.from(key, 'utf8')).slice(2, 14)
}

export function asidePath(path: string, short: string): string {
  return posix.join(posix.dirname(path), `.${posix.basename(path)}.understudy-${short}`)
}

export function keptPath(path: string, short: string): string {
  return `${path}.kept-${short}`
}

/** Device and inode; null when there is nothing. */
export function fileId(path: string, fx: Reads | Effects): string | null {
  const dir = openIfThere(fx, posix.dirname(path))
  if (dir === null) return null
  try {
    const stat = dir.stat(posix.basename(path))
    return stat === null ? null : `${stat.dev}:${stat.ino}`
  } finally {
    dir.close()
  }
}

/** A new database in this state, at `path`. What a killed try left there is made anew. */
export async function build(path: string, to: State, migrations: readonly Migration[], call: Hands): Promise<void> {
  call.fx.fs.ensure(posix.dirname(path), 0o755)
  removeFile(path, call)
  const wanted = parseSchema(await call.get(to.schema))
  transact(path, call, (db) => {
    const statements = migrations.flatMap(({ name, sql }) => statementsOf(name, sql))
    runMigrations(db, statements, { short: 'new', turn: 1 }, false)
    createObjects(db, wanted, 'all')
    writeApplied(db, migrations, [], call.fx.time.now())
    writeGeneration(db, generationOf(to))
  })
  const dir = call.fx.fs.open(posix.dirname(path))
  try {
    dir.sync(posix.basename(path))
    dir.sync('')
  } finally {
    dir.close()
  }
}

/** Which side of a step that makes or deletes the file is live. */
export function lookFile(path: string, memento: FileMemento, fx: Reads | Effects): Stand {
  const live = fileId(path, fx)
  const aside = fileId(asidePath(path, memento.short), fx)
  const [present, absent] = memento.form === 'create' ? (['after', 'before'] as const) : (['before', 'after'] as const)
  if (live === memento.file) return { side: present, standby: 'fit' }
  if (live !== null) return { side: 'other', standby: aside === memento.file ? 'fit' : 'gone' }
  return { side: absent, standby: aside === memento.file ? 'fit' : 'gone' }
}

/** Moves the file in or out, whole. */
export async function turnFile(path: string, memento: FileMemento, to: 'before' | 'after', call: Hands): Promise<Stand> {
  const stand = lookFile(path, memento, call.fx)
  if (stand.side === to) return stand
  if (stand.side === 'other') throw changedSince(path, 'another file stands there')
  const aside = asidePath(path, memento.short)
  const comes = (memento.form === 'create') === (to === 'after')
  if (comes) {
    if (stand.standby !== 'fit') throw changedSince(aside, 'the file that was put aside is gone')
    move(aside, path, call)
    return lookFile(path, memento, call.fx)
  }
  if (memento.form === 'delete' && !(await isIn(path, memento.from, call))) {
    throw changedSince(path, 'its schema is not the one that was planned from')
  }
  move(path, aside, call)
  return lookFile(path, memento, call.fx)
}

/** True if the database is in this state. */
export async function isIn(path: string, state: State, call: Look): Promise<boolean> {
  const db = call.fx.sql.open(path)
  try {
    const now = await readState(db, call)
    return now.schema === state.schema && now.migrations.list === state.migrations.list
  } finally {
    db.close()
  }
}

function move(from: string, to: string, call: Hands): void {
  const db = call.fx.sql.open(from)
  try {
    db.all('PRAGMA wal_checkpoint(TRUNCATE)') // then the log beside it is empty, and moving it late loses nothing
  } finally {
    db.close()
  }
  const dir = call.fx.fs.open(posix.dirname(from))
  try {
    dir.rename(posix.basename(from), dir, posix.basename(to), { replace: false })
    for (const ending of BESIDE) {
      if (dir.stat(posix.basename(from) + ending) === null) continue
      dir.rename(posix.basename(from) + ending, dir, posix.basename(to) + ending, { replace: true })
    }
    dir.sync('')
  } finally {
    dir.close()
  }
}

export function removeFile(path: string, call: Hands): void {
  const dir = openIfThere(call.fx, posix.dirname(path))
  if (dir === null) return
  try {
    for (const ending of ['', ...BESIDE]) {
      if (dir.stat(posix.basename(path) + ending) !== null) dir.remove(posix.basename(path) + ending)
    }
  } finally {
    dir.close()
  }
}

/** Rows written to a database that its undo took away: where they are. Empty when it is as it was made. */
export function lateFile(path: string, memento: FileMemento, call: Look): readonly string[] {
  if (memento.form !== 'create') return []
  const aside = asidePath(path, memento.short)
  if (fileId(aside, call.fx) !== memento.file) return []
  const db = call.fx.sql.open(aside)
  try {
    return call.name(Buffer.from(JSON.stringify(readRows(db, call)), 'utf8')) === memento.rows
      ? []
      : [`database ${posix.basename(path)}: rows written since, kept in ${keptPath(path, memento.short)} when this change is released`]
  } finally {
    db.close()
  }
}

/** Drops a created database that is not live; one that somebody wrote to stays, under a name of its own. */
export function releaseFile(path: string, memento: FileMemento, call: Hands): void {
  const aside = asidePath(path, memento.short)
  if (fileId(aside, call.fx) !== memento.file) return
  if (lateFile(path, memento, call).length > 0) keepBeside(path, memento.short, call)
  else removeFile(aside, call)
}

/** Gives what was put aside a name for people, for good. */
export function keepBeside(path: string, short: string, call: Hands): void {
  move(asidePath(path, short), keptPath(path, short), call)
}
