// Owns: turning a change of a database either way, in one transaction that also writes down that it happened.
// Never: turns what is not in the state that was planned from.
import type { Hands, Look, Side, SqlReads, SqlWrites, Stand } from '@understudy/contract'
import { readApplied, writeApplied } from './applied.ts'
import { dropChange, readChange, readCookie, readMark, writeChange } from './change-row.ts'
import type { ChangePlan } from './change-row.ts'
import { fileId } from './files.ts'
import { generationOf, writeGeneration } from './generation.ts'
import { goBack } from './go-back.ts'
import { goForward, orphansBefore, OrphansFirst } from './go-forward.ts'
import { dropKeeps, keepPrefix, tablesNamed } from './images.ts'
import { keepDropped } from './keep-dropped.ts'
import { readLate } from './late.ts'
import { loadMigrations } from './migrations.ts'
import type { Migration } from './migrations.ts'
import { differingObjects, parseSchema, readSchema, schemaBytes } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import { parseList, parseScript } from './schemas.ts'
import type { ChangeMemento, Script, State } from './schemas.ts'
import { changedSince, someOf, sqliteFault } from './sqlite-fault.ts'
import { transact } from './transact.ts'

export async function lookChange(path: string, memento: ChangeMemento, depth: 'quick' | 'full', call: Look): Promise<Stand> {
  if (fileId(path, call.fx) === null) return { side: 'other', standby: 'gone' }
  const db = call.fx.sql.open(path)
  try {
    const mark = readMark(db, memento.short)
    const late = depth === 'full' ? { late: readLate(db, memento.short) } : {}
    const side = mark?.side ?? 'before'
    const known = depth === 'quick' && mark !== null && mark.cookie === readCookie(db)
    if (known || isState(db, memento[side === 'after' ? 'to' : 'from'], call)) return { side, standby: 'fit', ...late }
    return { side: 'other', standby: mark === null ? 'fit' : 'stale', ...late }
  } finally {
    db.close()
  }
}

export async function turnChange(path: string, memento: ChangeMemento, to: Side, call: Hands): Promise<Stand> {
  const script = parseScript(await call.get(memento.script))
  const schemas = { before: parseSchema(await call.get(memento.from.schema)), after: parseSchema(await call.get(memento.to.schema)) }
  const had = await loadMigrations(parseList(await call.get(memento.from.migrations.list)), call)
  if (fileId(path, call.fx) === null) throw changedSince(path, 'it is gone')
  const move = { path, memento, to, script, schemas, had, call }
  try {
    return transact(path, call, (db) => turnIn(db, move, null), script.derived)
  } catch (thrown) {
    if (!(thrown instanceof OrphansFirst)) throw thrown
    return transact(path, call, (db) => turnIn(db, move, orphansBefore(db)), script.derived)
  }
}

interface Move {
  readonly path: string
  readonly memento: ChangeMemento
  readonly to: Side
  readonly script: Script
  readonly schemas: { readonly before: readonly SchemaObject[]; readonly after: readonly SchemaObject[] }
  readonly had: readonly Migration[]
  readonly call: Hands
}

function turnIn(db: SqlWrites, { path, memento, to, script, schemas, had, call }: Move, orphans: readonly string[] | null): Stand {
  const row = readChange(db, memento.short)
  const side = row?.side ?? 'before'
  expect(db, path, side === 'after' ? memento.to : memento.from, schemas[side], call)
  if (side === to) return { side: to, standby: 'fit' }
  const turn = (row?.turn ?? 0) + 1
  const keep = { short: memento.short, turn }
  let plan: ChangePlan
  if (to === 'after') {
    const baseline = readSchema(db)
    plan = goForward(db, keep, script.statements, row, orphans)
    writeApplied(db, script.applied, baseline, call.fx.time.now())
  } else {
    if (row === null) throw changedSince(path, 'the record of the change is gone')
    plan = goBack(db, keep, row)
    writeApplied(db, had, [], call.fx.time.now())
  }
  writeGeneration(db, generationOf(to === 'after' ? memento.to : memento.from))
  expectDone(db, path, to === 'after' ? memento.to : memento.from, schemas[to], call)
  if (row !== null) dropKeeps(db, memento.short, row.turn)
  writeChange(db, memento.short, { side: to, turn, plan })
  return { side: to, standby: 'fit' }
}

export async function releaseChange(path: string, memento: ChangeMemento, call: Hands): Promise<void> {
  if (fileId(path, call.fx) === null) return
  const reads = call.fx.sql.open(path)
  try {
    if (readMark(reads, memento.short) === null && tablesNamed(reads, keepPrefix(memento.short)).length === 0) return
  } finally {
    reads.close()
  }
  const { derived } = parseScript(await call.get(memento.script))
  transact(path, call, (db) => {
    const row = readChange(db, memento.short)
    if (row?.side === 'after') keepDropped(db, memento.short, row, derived)
    dropKeeps(db, memento.short, null)
    dropChange(db, memento.short)
  })
}

function isState(db: SqlReads, state: State, call: Look): boolean {
  if (call.name(schemaBytes(readSchema(db))) !== state.schema) return false
  const applied = readApplied(db)
  return applied.length === state.migrations.count && (applied.at(-1)?.name ?? null) === state.migrations.last
}

function expect(db: SqlReads, path: string, state: State, schema: readonly SchemaObject[], call: Look): void {
  if (isState(db, state, call)) return
  const differing = differingObjects(readSchema(db), schema)
  throw changedSince(path, differing.length > 0 ? `${someOf(differing)} is not as planned from` : 'other migrations stand in it')
}

function expectDone(db: SqlReads, path: string, state: State, schema: readonly SchemaObject[], call: Look): void {
  if (isState(db, state, call)) return
  const detail = `${path}: ${someOf(differingObjects(readSchema(db), schema))}.`
  const hint =
    'Nothing was changed. A migration whose outcome hangs on rows or on the time cannot be planned: write it so that it does not.'
  throw sqliteFault('other-outcome', 'invalid', 'The migrations lead to another schema than was planned.', detail, hint)
}
