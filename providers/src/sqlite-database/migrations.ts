// Owns: where migrations come from: a folder or the spec, into the store, in their order.
// Never: runs one.
import { posix } from 'node:path'
import { Fault, isDigest, isObject } from '@understudy/contract'
import type { DirReads, Hands, Json, Look } from '@understudy/contract'
import type { Applied } from './schemas.ts'
import { sqliteFault } from './sqlite-fault.ts'
import { migrationFault } from './run-migrations.ts'
import { checkStatement, isStatement, statementsOf } from './sql-statements.ts'
import type { Statement } from './sql-statements.ts'

export interface Migration {
  readonly name: string
  readonly sql: string
}

/** Path made absolute, migrations put into the store. A spec whose migrations are digests stays as it is. */
export async function freezeMigrations(spec: Json, base: string, call: Hands): Promise<Json> {
  if (!isObject(spec)) throw badSpec('the spec', spec)
  const { path, migrations } = spec
  if (typeof migrations === 'string') {
    const found = readFolder(posix.resolve(base, migrations), call)
    return { ...spec, ...absolute(path, base), migrations: await keepAll(found, call) }
  }
  if (!Array.isArray(migrations)) throw isHole(migrations) ? tooLate('migrations') : badSpec('migrations', migrations ?? null)
  const kept: Json[] = []
  for (const [at, item] of migrations.entries()) {
    if (!isObject(item) || typeof item['name'] !== 'string') throw badSpec(`migrations[${at}]`, item)
    if (isDigest(item['digest'])) kept.push(item)
    else if (typeof item['sql'] === 'string') kept.push(...(await keepAll([{ name: item['name'], sql: item['sql'] }], call)))
    else throw isHole(item['sql']) ? tooLate(`migrations[${at}].sql`) : badSpec(`migrations[${at}]`, item)
  }
  return { ...spec, ...absolute(path, base), migrations: kept }
}

function absolute(path: Json | undefined, base: string): { path?: string } {
  return typeof path === 'string' ? { path: posix.resolve(base, path) } : {}
}

async function keepAll(migrations: readonly Migration[], call: Hands): Promise<{ name: string; digest: string }[]> {
  const kept: { name: string; digest: string }[] = []
  for (const migration of migrations) {
    checkMigration(migration, call)
    kept.push({ name: migration.name, digest: await call.put(Buffer.from(migration.sql, 'utf8')) })
  }
  return kept
}

/** @throws Fault for statements that no migration may hold, and for what is no statement. */
function checkMigration({ name, sql }: Migration, call: Hands): void {
  if (sql.includes('\0')) {
    throw sqliteFault('bad-migration', 'invalid', 'A migration holds a zero byte.', name, 'It is not a text file: write it again as UTF-8.')
  }
  for (const statement of statementsOf(name, sql)) {
    if (!isStatement(statement)) throwSyntax(statement, call)
    checkStatement(statement)
  }
}

function throwSyntax(statement: Statement, call: Hands): void {
  const db = call.fx.sql.scratch()
  try {
    db.run(statement.sql)
  } catch (thrown) {
    throw thrown instanceof Fault ? migrationFault(thrown, statement, false) : thrown
  } finally {
    db.close()
  }
}

/** `*.down.sql` are left out: the way back is derived, and running one on the way forward would drop what is wanted. */
function readFolder(folder: string, call: Hands): readonly Migration[] {
  let dir: DirReads
  try {
    dir = call.fx.fs.open(folder)
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.fault.class !== 'conflict') throw thrown
    const hint = 'The path starts at the stack file; an empty folder is fine.'
    throw sqliteFault('no-migrations', 'invalid', 'The folder of migrations is not there.', folder, hint)
  }
  try {
    const names = dir.list('').flatMap(({ name }) => (name.endsWith('.sql') && !name.endsWith('.down.sql') ? [name] : []))
    checkOrder(names)
    return names.map((name) => ({ name, sql: textOf(dir.read(name), name) }))
  } finally {
    dir.close()
  }
}

function checkOrder(names: readonly string[]): void {
  const seen = new Map<bigint, string>()
  let last: { name: string; number: bigint } | null = null
  for (const name of names) {
    const digits = /^(\d+)[_.-]/.exec(name)?.[1]
    if (digits === undefined) {
      const hint = 'Begin its name with a number and an underscore: 001_create_users.sql.'
      throw sqliteFault('bad-migration-name', 'invalid', 'A migration has a name without a number.', name, hint)
    }
    const number = BigInt(digits)
    const twin = seen.get(number)
    if (twin !== undefined) {
      const hint = 'Give one of them another number.'
      throw sqliteFault('bad-migration-name', 'invalid', 'Two migrations have the same number.', `${twin} and ${name}`, hint)
    }
    if (last !== null && number < last.number) {
      const hint = 'Write numbers with leading zeros: migrations run in the order of their names.'
      throw sqliteFault('bad-migration-name', 'invalid', 'The order of names is not that of numbers.', `${last.name}, ${name}`, hint)
    }
    seen.set(number, name)
    last = { name, number }
  }
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw sqliteFault('bad-migration', 'invalid', 'A migration is not UTF-8 text.', name, 'Write it again as UTF-8.')
  }
}

/** The texts of migrations, from the store. */
export async function loadMigrations(list: readonly Applied[], call: Look): Promise<readonly Migration[]> {
  const loaded: Migration[] = []
  for (const { name, digest } of list) loaded.push({ name, sql: textOf(await call.get(digest), name) })
  return loaded
}

function isHole(value: Json | undefined): boolean {
  return isObject(value) && ('$ref' in value || '$join' in value)
}

function tooLate(where: string): Fault {
  return new Fault({
    code: 'plan.known-too-late',
    class: 'invalid',
    summary: 'A value is known only after preparing, but is needed while planning.',
    detail: where,
    hint: 'Write the value out: migrations are read while planning.',
  })
}

function badSpec(where: string, value: Json): Fault {
  const detail = `${where}: ${JSON.stringify(value).slice(0, 100)}.`
  return sqliteFault('bad-spec', 'invalid', 'The spec is not one of a database.', detail, 'See `understudy validate`.')
}
