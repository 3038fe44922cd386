// Owns: the kind sqlite.database: a database under migrations, changed in one transaction and undone in one, rows written since kept.
// Never: trusts a way back that was not derived and tried; drops a row that somebody wrote.
import { posix } from 'node:path'
import { canonical } from '@understudy/contract'
import type { Look, Provider } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { realPath } from '../files-file/real-path.ts'
import { readBaseline } from './applied.ts'
import { carryDeleted, nextGeneration, releaseDeleted, settleDeleted } from './deleted.ts'
import { fileId, isIn, lateFile, lookFile, releaseFile, removeFile, asidePath, shortOf, turnFile } from './files.ts'
import { generationOf, readGeneration } from './generation.ts'
import { readLate } from './late.ts'
import { lookChange, releaseChange, turnChange } from './turn-change.ts'
import { freezeMigrations, loadMigrations } from './migrations.ts'
import type { Migration } from './migrations.ts'
import { prepareDatabase } from './prepare-database.ts'
import { readRows, readState, stateOf } from './read-database.ts'
import { readSchema } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import { schemas } from './schemas.ts'
import type { Memento, Out, Part, Spec, State } from './schemas.ts'
import { isMissing, sqliteFault } from './sqlite-fault.ts'
import { statementsOf } from './sql-statements.ts'
import { tryChange } from './try-change.ts'

export const sqliteDatabase: Provider<Spec, State, Memento, Part, Out> = {
  kind: 'sqlite.database',
  version: 1,
  schema: schemas,
  lasting: ['path'],
  prepares: () => 'in-place',
  home({ path }) {
    if (posix.isAbsolute(path)) return { path: posix.normalize(path) }
    const hint = 'Write an absolute path; in a stack file it may be relative to that file.'
    throw sqliteFault('relative-path', 'invalid', 'The path is not absolute.', path, hint)
  },
  async want({ part: { path } }, spec, call) {
    const migrations = await migrationsOf(spec, call)
    const statements = migrations.flatMap(({ name, sql }) => statementsOf(name, sql))
    const { baseline, generation } = standsAt(path, call)
    const { schema } = tryChange(baseline, statements, false, call)
    return { state: await stateOf(migrations, schema, generation, call), claims: claimsOf(path, call) }
  },
  async read({ part: { path } }, _hint, call) {
    const dir = openIfThere(call.fx, posix.dirname(path))
    const stat = dir?.stat(posix.basename(path)) ?? null
    dir?.close()
    if (stat === null) return null
    try {
      const db = call.fx.sql.open(path)
      try {
        const unmanaged = { ...readRows(db, call), mode: stat.mode, uid: stat.uid, gid: stat.gid }
        return { state: await readState(db, call), out: { path }, unmanaged, volatile: null }
      } finally {
        db.close()
      }
    } catch (thrown) {
      if (isMissing(thrown)) return null
      throw thrown
    }
  },
  async fork({ part: { path } }, _to, live, _spec, call) {
    const copy = posix.join(call.room, posix.basename(path))
    removeFile(copy, call)
    await carryDeleted(path, copy, call)
    if (live !== null) await call.fx.sql.copy(path, copy)
    return { part: { path: copy }, out: live === null ? null : { path: copy }, fidelity: 'exact', because: '' }
  },
  async close(_at, call) {
    const room = call.fx.fs.open(call.room)
    try {
      for (const { name } of room.list('')) room.remove(name)
    } finally {
      room.close()
    }
  },
  prepare: ({ part }, from, to, call) => prepareDatabase(part.path, from, to, call),
  async look({ part: { path } }, memento, depth, call) {
    if (memento.form === 'nothing') return { side: fileId(path, call.fx) === null ? 'before' : 'other', standby: 'fit' }
    if (memento.form === 'change') return lookChange(path, memento, depth, call)
    const stand = lookFile(path, memento, call.fx)
    if (depth === 'quick') return stand
    const edited = memento.form === 'delete' && stand.side === 'before' && !(await isIn(path, memento.from, call))
    return { ...stand, side: edited ? 'other' : stand.side, late: lateFile(path, memento, call) }
  },
  async turn({ part: { path } }, memento, to, call) {
    if (memento.form === 'nothing') return { side: to, standby: 'fit' }
    return memento.form === 'change' ? turnChange(path, memento, to, call) : turnFile(path, memento, to, call)
  },
  async release({ part: { path } }, memento, call) {
    if (memento === null) removeFile(asidePath(path, shortOf(call.key, call)), call)
    else if (memento.form === 'change') await releaseChange(path, memento, call)
    else if (memento.form === 'delete') await releaseDeleted(path, memento, call)
    else if (memento.form === 'create') {
      if (fileId(path, call.fx) === memento.file) settleDeleted(path, generationOf(memento.to), call)
      else releaseFile(path, memento, call)
    }
  },
  source: { freeze: freezeMigrations },
  async aside({ part: { path } }, call) {
    if (fileId(path, call.fx) === null) return []
    const db = call.fx.sql.open(path)
    try {
      return readLate(db, null)
    } finally {
      db.close()
    }
  },
}

/** SQLite follows a link to the database itself as well: what is changed is the file behind it, what is moved the link. */
function claimsOf(path: string, call: Look): readonly string[] {
  const real = posix.normalize(realPath(`${path}/.`, call))
  return [...new Set([`sqlite:${real}`, `file:${real}`, `file:${realPath(path, call)}`])]
}

async function migrationsOf({ migrations }: Spec, call: Look): Promise<readonly Migration[]> {
  if (typeof migrations === 'string') {
    throw sqliteFault('bad-spec', 'bug', 'The migrations were not put into the store.', canonical(migrations), 'This is a bug: report it.')
  }
  const loaded: Migration[] = []
  for (const item of migrations) {
    if ('sql' in item) loaded.push(item)
    else loaded.push(...(await loadMigrations([item], call)))
  }
  return loaded
}

/** What stood in the database before the first migration, and the how manieth it is here. */
function standsAt(path: string, call: Look): { readonly baseline: readonly SchemaObject[]; readonly generation: number } {
  if (fileId(path, call.fx) === null) return { baseline: [], generation: nextGeneration(path, call) }
  const db = call.fx.sql.open(path)
  try {
    return { baseline: readBaseline(db) ?? readSchema(db), generation: readGeneration(db) }
  } finally {
    db.close()
  }
}
