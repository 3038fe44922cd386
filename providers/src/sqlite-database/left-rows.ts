// Owns: which migrations wrote to rows that stay where an undo takes the migrations away: no schema's difference says so.
// Never: runs anything; leaves one out because it cannot be sure.
import { statementsOf } from './sql-statements.ts'
import { nameOf, tokensOf } from './sql-tokens.ts'
import type { Token } from './sql-tokens.ts'
import { folded } from './sqlite-fault.ts'
import type { Migration } from './migrations.ts'

/** What stays, with the columns that stay of it, under each name that it had; all folded. */
export type Staying = ReadonlyMap<string, ReadonlySet<string>>

/** What it wrote that does not go with what it made, as losses. */
export function leftRows(migrations: readonly Migration[], staying: Staying): readonly string[] {
  return migrations.flatMap(({ name, sql }) => {
    const tables = new Set(statementsOf(name, sql).flatMap((statement) => writtenIn(statement.sql, staying) ?? []))
    return tables.size === 0 ? [] : [`migration ${name}: what it wrote to rows of ${[...tables].join(', ')} stays`]
  })
}

/** Whether a migration writes rows by itself. */
export function writesRows({ name, sql }: Migration): boolean {
  return statementsOf(name, sql).some(({ sql: text }) => /^(INSERT|UPDATE|DELETE|REPLACE|WITH)\b/i.test(text))
}

/** The table whose rows a statement writes; null where these go with the table, or with the columns that it sets. */
function writtenIn(sql: string, staying: Staying): string | null {
  const tokens = outermost(tokensOf(sql))
  const words = tokens.map(({ text }) => text.toUpperCase())
  const verb = words.findIndex((word) => /^(INSERT|UPDATE|DELETE|REPLACE)$/.test(word))
  if (verb === -1 || (verb > 0 && words[0] !== 'WITH')) return null
  let at = verb + 1
  if (words[at] === 'OR') at += 2
  if (words[at] === 'INTO' || words[at] === 'FROM') at += 1
  if (words[at + 1] === '.') at += 2
  const table = nameOf(tokens[at])
  const columns = table === null ? undefined : staying.get(folded(table))
  if (table === null || columns === undefined) return null
  if (words[verb] !== 'UPDATE') return table
  return setIn(tokens.slice(words.indexOf('SET', at) + 1)).every((column) => column !== null && !columns.has(folded(column))) ? null : table
}

/** The columns that an UPDATE sets; null for what is not one plain name. */
function setIn(tokens: readonly Token[]): readonly (string | null)[] {
  const end = tokens.findIndex(({ kind, text }) => kind === 'name' && /^(WHERE|FROM|RETURNING|ORDER|LIMIT)$/i.test(text))
  const assignments = tokens.slice(0, end === -1 ? undefined : end)
  return assignments.flatMap((token, at) => (at === 0 || assignments[at - 1]?.text === ',' ? [nameOf(token)] : []))
}

/** Without what stands in parentheses; an opening one stays, as a mark. */
function outermost(tokens: readonly Token[]): readonly Token[] {
  let depth = 0
  return tokens.filter(({ text }) => {
    if (text === ')') depth -= 1
    const isOuter = depth === 0 && text !== ')'
    if (text === '(') depth += 1
    return isOuter
  })
}
