// Owns: `turn` of a whole tree: compare both sides, exchange two names, sync. No effect more for a bigger tree.
// Never: overwrites: what a side holds is moved as it is, and what does not fit is not turned.
import type { Hands, Side, Stand } from '@understudy/contract'
import { driftOf, pathsOf } from './changed-paths.ts'
import type { TreeMemento } from './memento.ts'
import { pointAt, stamp } from './place.ts'
import type { PlaceWrites } from './place.ts'
import { usable } from './prepare-tree.ts'
import { readTree } from './read-tree.ts'
import { differenceOf } from './tree-difference.ts'
import { keeping, openTrees } from './tree-objects.ts'
import { changedSince, treeFault } from './tree-fault.ts'
import { betweenName, isSide, standbyName, whereIs } from './where-is.ts'

const otherSide: Readonly<Record<Side, Side>> = { before: 'after', after: 'before' }

export async function turnTree(place: PlaceWrites, memento: TreeMemento, to: Side, call: Hands): Promise<Stand> {
  const path = `${place.dir.path}/${place.live}`
  let where = whereIs(place, memento)
  const from = otherSide[to]
  if (where.side === 'mixed') {
    settle(place, memento, to)
    where = whereIs(place, memento)
  }
  if (where.side !== 'before' && where.side !== 'after') {
    throw changedSince(path, [where.live === null ? 'it is gone' : 'another directory has its name'])
  }
  const paths = await pathsOf(memento.changed, call)
  if (where.side === to) {
    // Being there already is success; a turn that was killed may have left its links and its syncing undone.
    if (mend(place, memento, to)) sync(place)
    return { side: to, standby: where.standby ? 'fit' : 'gone' }
  }
  if (!where.standby) throw standbyGone(place, memento)
  // Both sides before anything is visible, each by a thread of its own. The exchange itself moves two names and cannot
  // change what they lead to; what is written in between is seen by the full look that follows.
  const [wrong] = await Promise.all([
    memento[to] === null ? [] : driftOf(place.dir, standbyName(place, memento), to, memento.changed, paths, call),
    memento[from] === null ? null : compareLive(place, memento, from, paths, call),
  ])
  if (wrong.length > 0) throw standbyChanged(path, wrong)
  swap(place, memento, to)
  mend(place, memento, to)
  sync(place)
  // A writer that had a file open goes on writing to the side that was turned away from.
  const late =
    to === 'after' && memento[from] !== null
      ? await driftOf(place.dir, standbyName(place, memento), from, memento.changed, paths, call)
      : []
  if (late.length > 0) return { side: to, standby: 'stale', late }
  return { side: to, standby: 'fit' }
}

/**
 * Forward, all of the live tree is looked at by lstat: whatever is younger than the moment at which it was known is read
 * again, since after the exchange an edit of any file would be out of sight. Back, the paths of the change are.
 */
async function compareLive(place: PlaceWrites, memento: TreeMemento, from: Side, paths: readonly string[], call: Hands): Promise<void> {
  const path = `${place.dir.path}/${place.live}`
  const side = memento[from]
  const drift = await driftOf(place.dir, place.live, from, memento.changed, paths, call)
  if (drift.length > 0) throw changedSince(path, drift)
  if (from !== 'before' || side === null) return
  const known = { root: side.root, at: BigInt(side.at) }
  const read = await readTree(place.dir, place.live, { call, keep: keeping(call), known: usable(known, stamp(place)) })
  if (read.root === side.root) return
  throw changedSince(
    path,
    (await differenceOf(side.root, read.root, openTrees(call))).map((difference) => difference.path),
  )
}

function swap(place: PlaceWrites, memento: TreeMemento, to: Side): void {
  const { dir, live } = place
  const standby = standbyName(place, memento)
  const from = otherSide[to]
  if (memento[from] === null) dir.rename(standby, dir, live, { replace: false })
  else if (memento[to] === null) dir.rename(live, dir, standby, { replace: false })
  else if (!memento.atomic || !dir.exchange(live, dir, standby)) {
    const between = betweenName(place, memento)
    dir.rename(live, dir, between, { replace: false })
    dir.rename(standby, dir, live, { replace: false })
    dir.rename(between, dir, standby, { replace: false })
  }
}

/** Ends two renames that were interrupted, with `to` live. */
function settle(place: PlaceWrites, memento: TreeMemento, to: Side): void {
  const { dir, live } = place
  const [standby, between] = [standbyName(place, memento), betweenName(place, memento)]
  const wanted = memento[to]
  if (wanted === null) return
  if (dir.stat(live) === null) {
    const [mine, theirs] = isSide(dir.stat(between), wanted) ? [between, standby] : [standby, between]
    dir.rename(mine, dir, live, { replace: false })
    if (theirs === between) dir.rename(between, dir, standby, { replace: false })
  } else if (dir.stat(standby) === null) {
    dir.rename(between, dir, standby, { replace: false })
    if (!isSide(dir.stat(live), wanted)) swap(place, memento, to)
  }
  mend(place, memento, to)
  sync(place)
}

/** The links that lead to each side by inode. True if one was wrong. */
function mend(place: PlaceWrites, memento: TreeMemento, live: Side): boolean {
  const standby = standbyName(place, memento)
  if (place.dir.stat(place.slots) === null) return false
  let mended = false
  const [mine, theirs] = [memento[live], memento[otherSide[live]]]
  if (mine !== null) mended = pointAt(place, BigInt(mine.ino), place.live) || mended
  if (theirs !== null && place.dir.stat(standby) !== null) mended = pointAt(place, BigInt(theirs.ino), standby) || mended
  return mended
}

/** Both directories that an entry moved between; one transaction of the file system's journal, so the second costs little. */
function sync({ dir, slots }: PlaceWrites): void {
  dir.sync('')
  dir.sync(slots)
}

function standbyGone(place: PlaceWrites, memento: TreeMemento) {
  const detail = `${place.dir.path}/${standbyName(place, memento)} is not the directory that was prepared.`
  const hint = 'Somebody removed it, or it was released: plan the change (or its undo) again.'
  return treeFault('standby-gone', 'conflict', 'The other side of this change is gone.', detail, hint)
}

function standbyChanged(path: string, names: readonly string[]) {
  const fault = changedSince(path, names)
  const hint = 'Nothing was turned. Plan the change (or its undo) again: it is prepared anew.'
  return treeFault('standby-changed', 'conflict', 'The side that was to become live is not as it was prepared.', fault.fault.detail, hint)
}
