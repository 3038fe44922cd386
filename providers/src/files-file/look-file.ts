// Owns: telling which side of a step is live, and whether the other one is still what it was.
// Never: writes.
import { equal } from '@understudy/contract'
import type { DirReads, Look, Stand } from '@understudy/contract'
import { linkTarget } from '../files-tree/place.ts'
import { shown } from '../files-tree/tree-fault.ts'
import type { FilePlace } from './file-place.ts'
import { readRecord } from './file-record.ts'
import { printOf, readFile, samePrint } from './read-file.ts'
import type { FileMemento, FileSide } from './spec.ts'

/**
 * - `names`: inode, size, times, owner, mode. O(1).
 * - `doubts`: reads what has a change time that is not from us. O(1) unless somebody was there.
 * - `bytes`: reads both sides whole.
 */
export type Care = 'names' | 'doubts' | 'bytes'

export function lookFile(dir: DirReads, place: FilePlace, memento: FileMemento, care: Care, call: Look): Stand {
  const moved = care === 'doubts' ? new Map(readRecord(call).moved) : new Map<string, string>()
  const is = (name: string, side: FileSide): 'same' | 'changed' | 'no' => sameAs(dir, name, side, care, moved, call)
  const { before, after } = memento
  const live = liveSide(dir, place, memento, is)
  if (live === 'other') {
    // Somebody replaced or changed the live file. What stands beside is then nobody's, unless it is the old side, whole.
    return { side: 'other', standby: dir.stat(place.slot) === null ? 'gone' : 'stale' }
  }
  const standby = live === 'before' ? after : before
  const found = dir.stat(place.slot)
  if (standby === null) return { side: live, standby: found === null ? 'fit' : 'stale' }
  if (found === null) return { side: live, standby: 'gone' }
  const how = is(place.slot, standby)
  if (how === 'same') return { side: live, standby: 'fit' }
  if (how === 'no' || care !== 'bytes') return { side: live, standby: 'stale' }
  return { side: live, standby: 'stale', late: [shown(place.path)] }
}

/** False where a link to a side leads to the other one. A step of an earlier version has no links. */
export function linksLead(dir: DirReads, place: FilePlace, { before, after }: FileMemento, side: Stand['side']): boolean {
  if (side !== 'before' && side !== 'after') return true
  const [live, standby] = side === 'before' ? [before, after] : [after, before]
  const leads = (print: FileSide, where: string): boolean => {
    const target = print === null ? null : linkTarget({ dir, ...place.names }, BigInt(print.print.ino))
    return target === null || target === where
  }
  return leads(live, place.name) && leads(standby, place.slot)
}

function liveSide(
  dir: DirReads,
  place: FilePlace,
  { before, after }: FileMemento,
  is: (name: string, side: FileSide) => 'same' | 'changed' | 'no',
): 'before' | 'after' | 'other' {
  if (dir.stat(place.name) === null) return before === null ? 'before' : after === null ? 'after' : 'other'
  if (before !== null && is(place.name, before) === 'same') return 'before'
  if (after !== null && is(place.name, after) === 'same') return 'after'
  return 'other'
}

function sameAs(
  dir: DirReads,
  name: string,
  side: FileSide,
  care: Care,
  moved: ReadonlyMap<string, string>,
  call: Look,
): 'same' | 'changed' | 'no' {
  const stat = dir.stat(name)
  if (stat === null || stat.type !== 'file' || side === null || `${stat.ino}` !== side.print.ino) return 'no'
  const now = printOf(stat)
  if (!samePrint(now, side.print)) return 'changed'
  const known = now.ctimeNs === side.print.ctimeNs || moved.get(now.ino) === now.ctimeNs
  if (care === 'names' || (care === 'doubts' && known)) return 'same'
  const { secret: _mark, ...state } = side.state
  const read = readFile(dir, name, (bytes) => call.name(bytes))
  return read !== null && equal(read.state, state) ? 'same' : 'changed'
}
