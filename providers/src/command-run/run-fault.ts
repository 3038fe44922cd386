// Owns: the shape of this kind's faults, and the few that are thrown in several places.
// Never: decides what to do about one.
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { someOf } from '../files-tree/tree-fault.ts'

export function runFault(code: string, kind: FaultData['class'], summary: string, detail: string, hint: string): Fault {
  return new Fault({ code: `command.${code}`, class: kind, summary, detail, hint })
}

/** What the command changed in its trial is no longer what is there. */
export function changedOutside(paths: readonly string[]): Fault {
  return runFault(
    'changed-outside',
    'conflict',
    'Somebody else changed what the command changes; nothing of theirs was overwritten.',
    `${someOf(paths)}.`,
    'See the difference with `understudy drift`, accept or revert it, and plan again.',
  )
}

const LINES_MAX = 12
const TEXT_MAX = 2_000 // characters; enough to see what went wrong

/** The end of what a command said. */
export function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-LINES_MAX).join('\n').slice(-TEXT_MAX)
}

/** Whether it did what it does is not known, so it is neither run again nor taken for done. */
export function halfRun(command: readonly string[]): Fault {
  const hint = 'See what it did, then say `understudy recover`.'
  return runFault('half-run', 'outcome-unknown', 'An unconfined command was begun and not seen to end well.', command.join(' '), hint)
}
