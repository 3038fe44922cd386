// Owns: the shape of this kind's faults, and the few that are thrown in several places.
// Never: decides what to do about one.
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { shown } from '../files-tree/tree-fault.ts'

export function fileFault(code: string, kind: FaultData['class'], summary: string, detail: string, hint: string): Fault {
  return new Fault({ code: `file.${code}`, class: kind, summary, detail, hint })
}

/** The live file is not what the plan saw. */
export function changedOutside(path: string, how: string): Fault {
  return fileFault(
    'changed-outside',
    'conflict',
    'Somebody else changed the file; nothing was overwritten.',
    `${shown(path)}: ${how}.`,
    'See the difference with `understudy drift`, accept or revert it, and plan again.',
  )
}

/** The file that is needed to turn to is no longer what was put beside. */
export function standbyLost(path: string, how: 'stale' | 'gone'): Fault {
  const what = how === 'gone' ? 'is gone' : 'was written to'
  return fileFault(
    `standby-${how}`,
    'conflict',
    'The other side of the file cannot be turned to.',
    `What stood ready beside ${shown(path)} ${what}.`,
    'Plan it again: an undo is then made from the store.',
  )
}
