// Owns: preparing: the file built beside where there was none, else the script both ways are derived from, tried without rows.
// Never: touches the live database.
import { posix } from 'node:path'
import { canonical, Fault } from '@understudy/contract'
import type { Hands, Look, Prepared } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { bringBack, DELETED, isKept, isTooBig, lastAt } from './deleted.ts'
import { convert, lineageOf, tablesOf } from './convert.ts'
import type { Lineage } from './convert.ts'
import { asidePath, build, fileId, shortOf } from './files.ts'
import { generationOf } from './generation.ts'
import { leftRows, writesRows } from './left-rows.ts'
import type { Staying } from './left-rows.ts'
import { loadMigrations } from './migrations.ts'
import type { Migration } from './migrations.ts'
import { readRows, readState } from './read-database.ts'
import { parseSchema, schemaBytes } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import { parseList } from './schemas.ts'
import type { Memento, Out, State } from './schemas.ts'
import { changedSince, folded, sqliteFault } from './sqlite-fault.ts'
import { statementsOf } from './sql-statements.ts'
import type { Statement } from './sql-statements.ts'
import { tryChange } from './try-change.ts'
import { releaseChange, turnChange } from './turn-change.ts'

type Result = Prepared<Memento, Out>

export async function prepareDatabase(path: string, from: State | null, to: State | null, call: Hands): Promise<Result> {
  const short = shortOf(call.key, call)
  if (from === null) return to === null ? nothing : create(path, to, short, call)
  if (to === null) {
    const file = fileId(path, call.fx)
    if (file === null) throw changedSince(path, 'it is gone')
    const size = sizeOf(path, call)
    const memento: Memento = { form: 'delete', short: `${DELETED}${short}`, from, file }
    const held: Omit<Result, 'memento' | 'losses'> = { out: null, reversal: 'switch', bytesHeld: size }
    if (!isTooBig(size)) return { ...held, memento, losses: [] }
    const loss = `database ${posix.basename(path)}: all its rows (${size} bytes), once the next change lets go of it`
    return { ...held, memento: { ...memento, tooBig: true }, losses: [loss] }
  }
  return change(path, from, to, short, call)
}

const nothing: Result = { memento: { form: 'nothing' }, out: null, reversal: 'switch', bytesHeld: 0, losses: [] }

async function create(path: string, to: State, short: string, call: Hands): Promise<Result> {
  const aside = asidePath(path, short)
  const generation = generationOf(to)
  let losses: readonly string[] = []
  if (await bringBack(path, generation, aside, call)) losses = await level(aside, to, short, call)
  else {
    // It stood here once, and nothing is kept of it.
    if (generation <= lastAt(path, call.fx)) losses = [`database ${posix.basename(path)}: its rows of then`]
    await build(aside, to, await migrationsIn(to, call), call)
  }
  const db = call.fx.sql.open(aside)
  let rows
  try {
    rows = call.name(Buffer.from(JSON.stringify(readRows(db, call)), 'utf8'))
  } finally {
    db.close()
  }
  const memento: Memento = { form: 'create', short, to, file: fileId(aside, call.fx) ?? '', rows }
  return { memento, out: { path }, reversal: 'switch', bytesHeld: sizeOf(aside, call), losses }
}

/** Brings a deleted database that came back to the state that it had when it is wanted. Gives what cannot be had of it. */
async function level(aside: string, to: State, short: string, call: Hands): Promise<readonly string[]> {
  const db = call.fx.sql.open(aside)
  let from
  try {
    from = await readState(db, call)
  } finally {
    db.close()
  }
  if (from.schema === to.schema && from.migrations.list === to.migrations.list) return []
  const { memento, losses } = await change(aside, from, to, short, call)
  if (memento.form === 'change') {
    await turnChange(aside, memento, 'after', call)
    await releaseChange(aside, memento, call)
  }
  return losses
}

async function change(path: string, from: State, to: State, short: string, call: Hands): Promise<Result> {
  const [had, wanted] = [await migrationsIn(from, call), await migrationsIn(to, call)]
  const schemas = { from: parseSchema(await call.get(from.schema)), to: parseSchema(await call.get(to.schema)) }
  const alike = wanted.findIndex(({ name, sql }, at) => had[at]?.name !== name || had[at]?.sql !== sql)
  const added = alike === -1 ? [] : wanted.slice(alike)
  const continued = alike === -1 ? wanted.length === had.length : alike === had.length
  const pending = continued ? added.flatMap(({ name, sql }) => statementsOf(name, sql)) : []
  const anew =
    generationOf(from) === generationOf(to) ? [] : [`database ${posix.basename(path)}: its rows of then, it was deleted and made anew`]
  // Somebody made a file where ours was deleted: it was under no migration, and what is kept of ours does not come into it.
  const foreign = from.migrations.count === 0 && to.migrations.count > 0 && isKept(path, generationOf(to), call.fx)
  const theirs = foreign ? [`database ${posix.basename(path)}: its rows of then, another one was made in its place`] : []
  const unrun = continued ? [] : added.filter(writesRows).map(({ name }) => `migration ${name}: what it writes to rows`)
  let statements: readonly Statement[] = pending
  let losses: readonly string[] = []
  let tried = tryChange(schemas.from, statements, false, call)
  const derived = call.name(schemaBytes(tried.schema)) !== to.schema
  if (derived) {
    // What is pending runs nevertheless: it may write rows, and counts as applied.
    const here = pending.length === 0 ? schemas.from : tryChange(schemas.from, pending, true, call).schema
    const lineage = lineageBack(schemas, had, wanted, call)
    const rest = convert(here, schemas.to, lineage, () => call.fx.sql.scratch())
    statements = [...pending, ...rest.statements]
    const unwanted = had.slice(alike === -1 ? wanted.length : alike)
    losses = [...rest.losses, ...unrun, ...leftRows(unwanted, stayingOf(schemas, lineage, call))]
    tried = tryChange(schemas.from, statements, true, call)
  }
  if (call.name(schemaBytes(tried.schema)) !== to.schema) {
    const hint = 'Write a migration that leads there from what is live now.'
    throw sqliteFault('no-way', 'invalid', 'No way leads from the live schema to the wanted one.', path, hint)
  }
  const script = { statements: [...statements], applied: [...wanted], derived }
  const memento: Memento = { form: 'change', short, from, to, script: await call.put(Buffer.from(canonical(plain(script)), 'utf8')) }
  const virtual = tried.plan.virtual.map((name) => `virtual table ${name}: its content`)
  const touched = tried.plan.pairs.some((pair) => pair.touched)
  return {
    memento,
    out: { path },
    reversal: 'restore',
    bytesHeld: touched ? sizeOf(path, call) : 0,
    losses: [...anew, ...theirs, ...losses, ...virtual],
  }
}

/** What stays of a derived way's tables: what both sides have, and under which names. */
function stayingOf(
  { from, to }: { readonly from: readonly SchemaObject[]; readonly to: readonly SchemaObject[] },
  lineage: Lineage,
  call: Look,
): Staying {
  const [had, wanted] = [from, to].map((objects) => tablesOf(objects, () => call.fx.sql.scratch()))
  const staying = new Map<string, Set<string>>()
  for (const [name, table] of wanted ?? []) {
    const origin = lineage.get(name)
    const now = had?.get(origin?.table ?? name)
    if (now === undefined) continue
    const columns = table.columns.flatMap((column) => {
      const old = origin === undefined ? column.name : origin.columns.get(folded(column.name))
      return old !== undefined && now.columns.some((one) => folded(one.name) === folded(old)) ? [folded(column.name), folded(old)] : []
    })
    for (const one of [name, folded(now.name)]) staying.set(one, new Set([...(staying.get(one) ?? []), ...columns]))
  }
  return staying
}

/** What the migrations that are not wanted any more renamed; nothing where they do not lead from there to here. */
function lineageBack(
  schemas: { readonly from: readonly SchemaObject[]; readonly to: readonly SchemaObject[] },
  had: readonly Migration[],
  wanted: readonly Migration[],
  call: Hands,
): Lineage {
  if (!wanted.every(({ name, sql }, at) => had[at]?.name === name && had[at]?.sql === sql)) return new Map()
  const statements = had.slice(wanted.length).flatMap(({ name, sql }) => statementsOf(name, sql))
  try {
    const { plan, schema } = tryChange(schemas.to, statements, false, call)
    return call.name(schemaBytes(schema)) === call.name(schemaBytes(schemas.from)) ? lineageOf(plan.pairs) : new Map()
  } catch (thrown) {
    if (thrown instanceof Fault) return new Map() // what somebody made by hand is in their way: they tell nothing
    throw thrown
  }
}

function plain(script: {
  statements: readonly { sql: string; file: string; line: number }[]
  applied: readonly Migration[]
  derived: boolean
}) {
  return {
    statements: script.statements.map(({ sql, file, line }) => ({ sql, file, line })),
    applied: script.applied.map(({ name, sql }) => ({ name, sql })),
    derived: script.derived,
  }
}

async function migrationsIn(state: State, call: Hands): Promise<readonly Migration[]> {
  return loadMigrations(parseList(await call.get(state.migrations.list)), call)
}

function sizeOf(path: string, call: Hands): number {
  const dir = openIfThere(call.fx, posix.dirname(path))
  try {
    return dir?.stat(posix.basename(path))?.size ?? 0
  } finally {
    dir?.close()
  }
}
