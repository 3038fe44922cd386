// Owns: the shape of this kind's faults, and how names look in SQL and to people.
// Never: decides what to do about one.
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'

export function sqliteFault(code: string, kind: FaultData['class'], summary: string, detail: string, hint: string): Fault {
  return new Fault({ code: `sqlite.${code}`, class: kind, summary, detail, hint })
}

/** A name as SQL takes it, whatever letters it holds. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as SQL takes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** At most so many names in a message: enough to recognise what happened, short enough to read. */
export function someOf(names: readonly string[]): string {
  const most = 5
  return names.length > most ? `${names.slice(0, most).join(', ')} and ${names.length - most} more` : names.join(', ')
}

/** The live database is not what the plan saw. */
export function changedSince(path: string, what: string): Fault {
  return sqliteFault(
    'changed-outside',
    'conflict',
    'Somebody else changed the database; nothing was overwritten.',
    `${path}: ${what}.`,
    'See the difference with `understudy drift`, accept or revert it, and plan again.',
  )
}

export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fault.code === 'sql.missing'
}

/** SQLite names are compared without case, in ASCII only. */
export function folded(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
