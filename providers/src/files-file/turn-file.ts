// Owns: the fast half of a step, either way: one rename or exchange, compared before and after.
// Never: overwrites: what is swapped out stands whole in the slot, and is put back when it is not what it should be.
import type { DirWrites, Hands, Side, Stand } from '@understudy/contract'
import { pointAt } from '../files-tree/place.ts'
import { shown } from '../files-tree/tree-fault.ts'
import { changedOutside, fileFault, standbyLost } from './file-fault.ts'
import { filePlace } from './file-place.ts'
import type { FilePlace } from './file-place.ts'
import { rememberMoved } from './file-record.ts'
import { lookFile } from './look-file.ts'
import { openIfThere } from './open-if-there.ts'
import { makeHolder } from './prepare-file.ts'
import { printOf, samePrint } from './read-file.ts'
import type { FileMemento, FileSide } from './spec.ts'

/*
 *            live          slot                      live          slot
 *  before    old file      new file    ──turn──▶     new file      old file     after
 *
 * A side that is absence leaves its place empty. There is nothing in between: each turn is one system call. The links to
 * both sides follow it; a kill in between leaves them to the next turn, either way.
 */
export function turnFile(path: string, memento: FileMemento, to: Side, call: Hands): Stand {
  const place = filePlace(path, memento.key, (bytes) => call.name(bytes))
  const dir = openIfThere(call.fx, place.parent)
  if (dir === null) throw changedOutside(path, 'its directory is gone')
  try {
    const stand = lookFile(dir, place, memento, 'doubts', call)
    if (stand.side === to) {
      point(dir, place, memento, to) // the one who turned may have been killed before it did
      makeDurable(dir, place)
      return stand
    }
    if (stand.side === 'other' || stand.side === 'mixed') throw changedOutside(path, 'it is neither the old nor the new one')
    if (stand.standby !== 'fit') throw standbyLost(path, stand.standby)
    const leaving = to === 'after' ? memento.before : memento.after
    const coming = to === 'after' ? memento.after : memento.before
    swap(dir, place, leaving, coming)
    checkSwapped(dir, place, leaving, coming)
    point(dir, place, memento, to)
    makeDurable(dir, place)
    remember(dir, place, call)
    return { side: to, standby: 'fit' }
  } finally {
    dir.close()
  }
}

function swap(dir: DirWrites, place: FilePlace, leaving: FileSide, coming: FileSide): void {
  const { path, name, slot } = place
  if (leaving === null) return dir.rename(slot, dir, name, { replace: false })
  if (coming === null) {
    // An earlier change that is let go of takes the directory along while nothing is in it.
    makeHolder(dir, place)
    return dir.rename(name, dir, slot, { replace: false })
  }
  if (!dir.exchange(name, dir, slot)) {
    const hint = 'Keep the file on a local file system (ext4, xfs, btrfs, tmpfs).'
    throw fileFault('no-exchange', 'invalid', 'The file system cannot exchange two names.', shown(path), hint)
  }
}

/** Somebody may have come in between the comparison and the swap; then it is swapped back. */
function checkSwapped(dir: DirWrites, place: FilePlace, leaving: FileSide, coming: FileSide): void {
  if (leaving === null) return
  const stat = dir.stat(place.slot)
  if (stat !== null && samePrint(printOf(stat), leaving.print)) return
  swap(dir, place, coming, leaving)
  throw changedOutside(place.path, 'it changed at the very moment of turning')
}

/** The links that lead to each side by its inode. */
function point(dir: DirWrites, place: FilePlace, memento: FileMemento, live: Side): void {
  if (dir.stat(place.holder) === null) return
  for (const side of ['before', 'after'] as const) {
    const known = memento[side]
    const where = side === live ? place.name : place.slot
    if (known !== null && dir.stat(where) !== null) pointAt({ dir, ...place.names }, BigInt(known.print.ino), where)
  }
}

function makeDurable(dir: DirWrites, place: FilePlace): void {
  dir.sync('')
  if (dir.stat(place.holder) !== null) dir.sync(place.holder)
}

function remember(dir: DirWrites, { name, slot }: FilePlace, call: Hands): void {
  const prints = [dir.stat(name), dir.stat(slot)].flatMap((stat) => (stat?.type === 'file' ? [printOf(stat)] : []))
  try {
    rememberMoved(call, prints)
  } catch {
    // Not needed: the next turn reads the file instead of trusting its times.
  }
}
