// Owns: a migration as single statements with their lines, and what a migration may not hold.
// Never: runs anything.
import { sqliteFault } from './sqlite-fault.ts'
import { nameOf, tokensOf } from './sql-tokens.ts'
import type { Token } from './sql-tokens.ts'

export interface Statement {
  readonly sql: string
  /** File the statement stands in, and the line on which it begins. */
  readonly file: string
  readonly line: number
}

/** The file of statements that no migration holds: derived from the difference of two schemas. */
export const DERIVED = 'way between schemas'

/** Our own tables; nobody else's. */
export const OURS = '_understudy_'

/** Statements in order. As `sqlite3_complete()` (sqlite.org/src: complete.c) a trigger ends at `; END ;`. */
export function statementsOf(file: string, sql: string): readonly Statement[] {
  const statements: Statement[] = []
  let begun: Token[] = []
  let line = 1
  let counted = 0
  const finish = (end: number): void => {
    const first = begun[0]
    if (first === undefined) return
    line += newLines(sql.slice(counted, first.at))
    counted = first.at
    statements.push({ sql: sql.slice(first.at, end), file, line })
    begun = []
  }
  for (const token of tokensOf(sql)) {
    if (token.text !== ';') begun.push(token)
    else if (!isTrigger(begun) || endsTrigger(begun)) finish(token.at)
    else begun.push(token)
  }
  finish(sql.length)
  return statements
}

function isTrigger(tokens: readonly Token[]): boolean {
  const words = tokens.slice(0, 3).map(({ text }) => text.toUpperCase())
  return words[0] === 'CREATE' && (words[1] === 'TRIGGER' || (/^TEMP(ORARY)?$/.test(words[1] ?? '') && words[2] === 'TRIGGER'))
}

function endsTrigger(tokens: readonly Token[]): boolean {
  return tokens.at(-1)?.text.toUpperCase() === 'END' && tokens.at(-2)?.text === ';'
}

function newLines(text: string): number {
  return text.split('\n').length - 1
}

const allowed = new Set([
  'ALTER',
  'ANALYZE',
  'CREATE',
  'DELETE',
  'DROP',
  'INSERT',
  'REINDEX',
  'REPLACE',
  'SELECT',
  'UPDATE',
  'VALUES',
  'WITH',
])
const settable = new Set(['user_version', 'application_id']) // PRAGMAs that are part of the file and of the transaction

const refused = /^(PRAGMA|BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|VACUUM|ATTACH|DETACH|EXPLAIN)$/

/** False where no statement of SQLite begins so: SQLite says best what is wrong with it. */
export function isStatement({ sql }: Statement): boolean {
  const word = tokensOf(sql)[0]?.text.toUpperCase() ?? ''
  return allowed.has(word) || refused.test(word)
}

/** @throws Fault where the migration holds what would break the one transaction it runs in, reach out of the database, or touch ours. */
export function checkStatement({ sql, file, line }: Statement): void {
  const tokens = tokensOf(sql)
  const word = tokens[0]?.text.toUpperCase() ?? ''
  const refuse = (detail: string, hint: string): never => {
    throw sqliteFault(
      'forbidden-statement',
      'invalid',
      'A migration holds a statement that it may not.',
      `${file}:${line}: ${detail}.`,
      hint,
    )
  }
  if (word === 'PRAGMA') {
    const name = (tokens[2]?.text === '.' ? tokens[3] : tokens[1])?.text.toLowerCase() ?? ''
    if (settable.has(name)) return
    if (name.includes('foreign_keys'))
      refuse(`PRAGMA ${name}`, 'Leave it out: migrations run with foreign keys off and are checked at the end.')
    refuse(`PRAGMA ${name}`, 'Only user_version and application_id can be set here; the rest belongs to a connection, not to the database.')
  }
  if (/^(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE)$/.test(word)) {
    refuse(word, 'Leave it out: all pending migrations run in one transaction of their own.')
  }
  if (word === 'VACUUM') refuse(word, 'It cannot run in a transaction and changes no schema: run it by hand or from the service.')
  if (/^(ATTACH|DETACH)$/.test(word)) refuse(word, 'A migration is about one database: give the other one a resource of its own.')
  if (!allowed.has(word)) refuse(word, 'Use statements that change the schema or the rows.')
  const ours = tokens.find((token) => nameOf(token)?.toLowerCase().startsWith(OURS))
  if (ours !== undefined) refuse(ours.text, `Names that begin with ${OURS} are ours: choose another one.`)
}

/** `main.t`, `t`: where a name begins at `at`, the name and the position after it. */
export function nameAt(tokens: readonly Token[], at: number): { readonly name: string | null; readonly next: number } {
  if (tokens[at + 1]?.text === '.') return { name: nameOf(tokens[at + 2]), next: at + 3 }
  return { name: nameOf(tokens[at]), next: at + 1 }
}
