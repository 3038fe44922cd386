// Owns: the shape of this kind's faults, and the few that are thrown in several places.
// Never: decides what to do about one.
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'

export function treeFault(code: string, kind: FaultData['class'], summary: string, detail: string, hint: string): Fault {
  return new Fault({ code: `files.${code}`, class: kind, summary, detail, hint })
}

/** What a person can read of a path: bytes that are not UTF-8 as \xNN, control characters as \u00NN. */
export function shown(path: string): string {
  return path
    .replace(/(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/g, (unit) => `\\x${(unit.charCodeAt(0) - 0xdc00).toString(16)}`)
    .replace(/\p{Cc}/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** At most so many names in a message: enough to recognise what happened, short enough to read. */
export function someOf(paths: readonly string[]): string {
  const most = 5
  const names = paths.slice(0, most).map((path) => shown(path === '' ? '.' : path))
  return paths.length > most ? `${names.join(', ')} and ${paths.length - most} more` : names.join(', ')
}

/** The live tree is not what the plan saw. */
export function changedSince(path: string, names: readonly string[]): Fault {
  return treeFault(
    'changed-outside',
    'conflict',
    'Somebody else changed the tree; nothing was overwritten.',
    `${shown(path)}: ${someOf(names)}.`,
    'See the difference with `understudy drift`, accept or revert it, and plan again.',
  )
}

export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fault.code === 'store.missing'
}
