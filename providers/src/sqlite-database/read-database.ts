// Owns: what a database says: its state, and the rows that the spec does not speak of.
// Never: opens or changes anything.
import { canonical } from '@understudy/contract'
import type { Digest, Json, Look, SqlReads } from '@understudy/contract'
import { readApplied } from './applied.ts'
import { readGeneration } from './generation.ts'
import type { Migration } from './migrations.ts'
import { valueOf } from './images.ts'
import { readNumbers } from './numbers.ts'
import { readSchema, readTables, schemaBytes } from './read-schema.ts'
import type { SchemaObject } from './read-schema.ts'
import type { State } from './schemas.ts'
import { quoted } from './sqlite-fault.ts'

/** The state of these migrations on this schema; its parts go into the store. */
export async function stateOf(
  migrations: readonly Migration[],
  schema: readonly SchemaObject[],
  generation: number,
  call: Look,
): Promise<State> {
  const list: { name: string; digest: Digest }[] = []
  for (const { name, sql } of migrations) list.push({ name, digest: await call.put(Buffer.from(sql, 'utf8')) })
  return {
    migrations: { count: list.length, last: list.at(-1)?.name ?? null, list: await call.put(Buffer.from(canonical(list), 'utf8')) },
    schema: await call.put(schemaBytes(schema)),
    ...(generation === 0 ? {} : { generation }),
  }
}

export function readState(db: SqlReads, call: Look): Promise<State> {
  return stateOf(readApplied(db), readSchema(db), readGeneration(db), call)
}

const BATCH = 500 // rows named at once: bounds memory at a few hundred KB for ordinary rows

/** Each table's rows as one digest, in an order of their own, and the numbers kept beside them. O(rows). */
export function readRows(db: SqlReads, call: Look): { readonly tables: Readonly<Record<string, Digest>>; readonly numbers: Json } {
  const tables: Record<string, Digest> = {}
  for (const table of readTables(db).values()) {
    const columns = table.columns.filter(({ generated }) => !generated).map(({ name }) => quoted(name))
    let digest = call.name(new Uint8Array())
    let batch: string[] = []
    const fold = (): void => {
      digest = call.name(Buffer.from(`${digest}\n${batch.join('\n')}`, 'utf8'))
      batch = []
    }
    const order = [...table.key.map(({ name }) => quoted(name)), '1'] // by key there is nothing to sort
    for (const { value } of db.each(`SELECT ${valueOf(columns)} AS value FROM ${quoted(table.name)} ORDER BY ${order.join(', ')}`)) {
      batch.push(String(value))
      if (batch.length === BATCH) fold()
    }
    fold()
    tables[table.name] = digest
  }
  return { tables, numbers: { ...readNumbers(db) } }
}
