// Owns: the fast half of a step, either way: path by path, each swapped with its slot, compared before and after.
// Never: overwrites: what is swapped out stands whole in its slot.
import type { At, DirWrites, Hands, Side, Stand, Stat } from '@understudy/contract'
import { someOf } from '../files-tree/tree-fault.ts'
import { openIfThere } from '../files-file/open-if-there.ts'
import { loadEdits } from './entries.ts'
import type { Edit, Edits } from './entries.ts'
import { recordSide, standsOf } from './look-command.ts'
import type { EditStand } from './look-command.ts'
import { dress } from './make-entry.ts'
import { changesInPlace } from './prepare-command.ts'
import { nameIn, openRoots, parentIn, statOrNull } from './read-entry.ts'
import type { Roots } from './read-entry.ts'
import { changedOutside, halfRun, runFault } from './run-fault.ts'
import { writeRecord } from './run-record.ts'
import { slotsName } from './slots.ts'
import type { CommandMemento, CommandPart } from './spec.ts'
import { turnBare } from './turn-bare.ts'

/*
 * Every edit is where it was or where it goes: a kill in between leaves a mixture (`mixed`), and turning again, either
 * way, goes on from it. Nothing is begun unless every edit can be done. What goes, goes from the leaves up; what comes,
 * comes from the top down. The record is last.
 */
export async function turnCommand({ part }: At<CommandPart>, memento: CommandMemento, to: Side, call: Hands): Promise<Stand> {
  const { edits, times } = await loadEdits(memento.edits, call)
  const stands = await standsOf(part, edits, memento.key, 'bytes', call)
  const record = recordSide(memento, call)
  if (record === 'other') throw changedOutside(['the record of the command'])
  if (record === 'mixed' && (to === 'after' || memento.after?.bare?.undo === null)) throw halfRun(memento.after?.bare?.command ?? [])
  check(stands, to)
  const roots = openRoots<DirWrites>(part.root, (dir) => openIfThere(call.fx, dir))
  try {
    checkNothingStrange(stands, roots, to)
    const moves = stands.filter(({ live }) => live !== to)
    const target = ({ edit }: EditStand) => (to === 'after' ? edit.after : edit.before)
    const goes = moves.filter((stand) => target(stand) === null).toReversed()
    const comes = moves.filter((stand) => target(stand) !== null)
    let done = 0
    for (const stand of [...goes, ...comes]) {
      turnEdit(stand, roots, memento.key, to)
      done += 1
      call.progress(done, moves.length, 'turning')
      if (done % 64 === 0) await call.fx.pause()
    }
    if (to === 'before') restoreTimes(times, roots)
    syncAround(edits, roots, memento.key)
  } finally {
    roots.close()
  }
  if (record !== to) {
    await turnBare(part, memento, to, call)
    writeRecord(call, to === 'after' ? memento.after : memento.before)
  }
  return { side: to, standby: 'fit' }
}

function check(stands: readonly EditStand[], to: Side): void {
  const strange = stands.filter(({ live }) => live === 'other')
  if (strange.length > 0) throw changedOutside(strange.map(({ edit }) => edit.path))
  const lost = stands.filter(({ live, standby }) => live !== to && standby !== 'fit')
  if (lost.length === 0) return
  const detail = `${someOf(lost.map(({ edit }) => edit.path))}.`
  throw runFault(
    'standby-lost',
    'conflict',
    'What stood ready beside these files was changed or is gone.',
    detail,
    'Plan it again: an undo is then made from the store.',
  )
}

/** A directory that goes may hold nothing but what goes with it. */
function checkNothingStrange(stands: readonly EditStand[], roots: Roots<DirWrites>, to: Side): void {
  const going = new Map(stands.map((stand) => [stand.edit.path, to === 'after' ? stand.edit.after : stand.edit.before]))
  const strange: string[] = []
  for (const { edit, stat, live } of stands) {
    if (live === to || stat?.type !== 'dir' || changesInPlace(edit)) continue
    for (const { name } of roots.open(edit.root)?.list(nameIn(edit)) ?? []) {
      const path = `${edit.path}/${name}`
      if (going.get(path) !== null) strange.push(path)
    }
  }
  if (strange.length > 0) throw changedOutside(strange)
}

function turnEdit({ edit, stat }: EditStand, roots: Roots<DirWrites>, key: string, to: Side): void {
  const dir = roots.open(edit.root)
  if (dir === null) throw changedOutside([edit.root])
  const coming = to === 'after' ? edit.after : edit.before
  const leaving = to === 'after' ? edit.before : edit.after
  const name = nameIn(edit)
  const slot = `${slotsName(key)}/${edit.slot}`
  const now = statOrNull(dir, name)
  const changed =
    stat === null || now === null ? stat !== now : now.ino !== stat.ino || (!movesWithOthers(stat) && now.ctimeNs !== stat.ctimeNs)
  if (changed) throw changedOutside([edit.path])
  if (coming !== null && changesInPlace(edit)) {
    dress(dir, name, coming)
    return
  }
  swap(dir, name, slot, leaving !== null, coming !== null)
  if (stat === null) return
  const out = statOrNull(dir, slot)
  if (out !== null && out.ino === stat.ino && (stat.type === 'dir' || (out.size === stat.size && out.mtimeNs === stat.mtimeNs))) return
  // Somebody came in between the comparison and the swap.
  swap(dir, name, slot, coming !== null, leaving !== null)
  throw changedOutside([edit.path])
}

/** Its change time is touched by turning something else: what is in it, or another name of it. */
function movesWithOthers({ type, nlink }: Stat): boolean {
  return type === 'dir' || nlink > 1
}

function swap(dir: DirWrites, name: string, slot: string, leaves: boolean, comes: boolean): void {
  if (!leaves) return dir.rename(slot, dir, name, { replace: false })
  if (!comes) return dir.rename(name, dir, slot, { replace: false })
  if (dir.exchange(name, dir, slot)) return
  throw runFault(
    'no-exchange',
    'invalid',
    'The file system cannot exchange two names.',
    `${dir.path}/${name}`,
    'Keep these files on a local file system.',
  )
}

/** Directories got a new time from what was put back into them. Deepest first, so that none is touched after it was set. */
function restoreTimes(times: Edits['times'], roots: Roots<DirWrites>): void {
  for (const { root, name, mtimeNs } of times.toReversed()) {
    const dir = roots.open(root)
    if (dir !== null && statOrNull(dir, name)?.type === 'dir') dir.setMtime(name, BigInt(mtimeNs))
  }
}

function syncAround(edits: readonly Edit[], roots: Roots<DirWrites>, key: string): void {
  const folders = new Map<string, { readonly root: string; readonly name: string }>()
  for (const edit of edits) {
    const { root } = edit
    for (const name of [parentIn(edit) ?? '', slotsName(key)]) folders.set(`${root}/${name}`, { root, name })
  }
  for (const { root, name } of folders.values()) {
    const dir = roots.open(root)
    if (dir !== null && statOrNull(dir, name)?.type === 'dir') dir.sync(name)
  }
}
