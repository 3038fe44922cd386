// Owns: `release`: the side that is not live gives its content to the store and becomes the spare, level with the live tree.
// Never: drops bytes that nobody else has: what was written to that side after it was turned away from is kept beside.
import type { Digest, Hands } from '@understudy/contract'
import { sameEntry } from './entry.ts'
import { knownOf, knownSlots, learn, readKnown, writeKnown } from './known-trees.ts'
import { levelTree, removeTree } from './level-tree.ts'
import type { Source } from './level-tree.ts'
import type { TreeMemento, TreeSide } from './memento.ts'
import { stamp, sweepLinks } from './place.ts'
import type { PlaceWrites } from './place.ts'
import { pause, readTree } from './read-tree.ts'
import { usable } from './prepare-tree.ts'
import { differenceOf, eachPath, join, parentOf } from './tree-difference.ts'
import type { Difference } from './tree-difference.ts'
import { keeping, openTrees } from './tree-objects.ts'
import type { Trees } from './tree-objects.ts'
import { changedSince, isMissing } from './tree-fault.ts'
import { standbyName, whereIs } from './where-is.ts'

export async function releaseTree(place: PlaceWrites, memento: TreeMemento, call: Hands): Promise<void> {
  const { dir, slots } = place
  const where = whereIs(place, memento)
  if (where.side === 'mixed') throw changedSince(`${dir.path}/${place.live}`, ['a turn was interrupted: turn it to one side first'])
  const standby = standbyName(place, memento)
  if (dir.stat(slots) === null) return
  const held = dir.stat(standby)
  if (held !== null) {
    // Whatever stands at the live name now: the slot holds one of the two sides, by its inode.
    const side = [memento.before, memento.after].find((known) => known?.ino === held.ino.toString()) ?? null
    const live = where.side === 'before' ? memento.before : where.side === 'after' ? memento.after : null
    if (side === null) keepWhole(place, memento, standby)
    else await retire(place, memento, { standby, side, live }, call)
  }
  sweepLinks(place)
  if (held !== null) dir.sync(slots)
  await removeEmptySlots(place, call)
}

interface Retiring {
  readonly standby: string
  readonly side: TreeSide
  readonly live: TreeSide | null
}

async function retire(place: PlaceWrites, memento: TreeMemento, { standby, side, live }: Retiring, call: Hands): Promise<void> {
  const { dir } = place
  const trees = openTrees(call)
  const known = usable({ root: side.root, at: BigInt(side.at) }, stamp(place))
  const read = await readTree(dir, standby, { call, keep: keeping(call), known })
  const differences = await eachPath(await differenceOf(side.root, live?.root ?? null, trees), trees)
  for (const { path, before, after } of differences) {
    if (before?.type !== 'file' || before.content === null || before.content === (after?.content ?? null)) continue
    if (dir.stat(join(standby, path))?.type !== 'file') continue
    const bytes = dir.read(join(standby, path))
    if (call.name(bytes) === before.content) await call.put(bytes)
    await pause(call)
  }
  const late = await lateIn(await differenceOf(side.root, read.root, trees), live, trees)
  keepLate(place, memento, standby, late)
  // What was put is on disk before the only other copy goes, where the store is on the same file system.
  dir.syncAll()
  if (live === null || late.length > 0 || !(await becomeSpare(place, standby, read.root, trees, call))) {
    await removeTree(dir, standby, call)
  }
}

/** What is as on the other side came from there: a part was exchanged with this slot (held-parts.ts). All else is late. */
async function lateIn(differences: readonly Difference[], live: TreeSide | null, trees: Trees): Promise<readonly Difference[]> {
  if (live === null) return differences
  const late: Difference[] = []
  for (const difference of differences) {
    if (!sameEntry(difference.after, await trees.find(live.root, difference.path))) late.push(difference)
  }
  return late
}

/** The next change is prepared in it, and then only what that change changes has to be made. */
async function becomeSpare(place: PlaceWrites, standby: string, from: Digest, trees: Trees, call: Hands): Promise<boolean> {
  const { dir, slots } = place
  const spare = `${slots}/spare`
  const source = coming(place, standby) ?? (await knownLive(place, call))
  if (source === null) return false
  await removeTree(dir, spare, call)
  // Renamed first: a kill from here on leaves a spare that is not marked as level, and no step that seems written to.
  dir.rename(standby, dir, spare, { replace: false })
  try {
    const { sync } = await levelTree({ dir, base: spare, from, to: source.root, source, trees, call })
    sync()
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown
    await removeTree(dir, spare, call) // somebody writes to the live tree: no use in running after it
    return true
  }
  const done = stamp(place)
  const stat = dir.stat(spare)
  if (stat !== null) writeKnown(place, { ...learn(readKnown(place), stat, source.root, done), spare: stat.ino.toString() })
  return true
}

/** The side of the next change, prepared and about to be live: a step is released just before the next one turns. */
function coming(place: PlaceWrites, standby: string): Source | null {
  const newest = knownSlots(place, [standby, `${place.slots}/spare`]).reduce<ReturnType<typeof knownSlots>[number] | null>(
    (best, slot) => (best === null || slot.at > best.at ? slot : best),
    null,
  )
  return newest === null ? null : { dir: place.dir, ...newest }
}

async function knownLive(place: PlaceWrites, call: Hands): Promise<Source | null> {
  const { dir } = place
  const stat = dir.stat(place.live)
  if (stat === null) return null
  const before = readKnown(place)
  const at = stamp(place)
  const { root } = await readTree(dir, place.live, { call, keep: keeping(call), known: usable(knownOf(before, stat), at) })
  writeKnown(place, { ...learn(before, stat, root, at), spare: null })
  return { dir, base: place.live, root, at }
}

/** Late writes are moved, not copied: whoever still has the file open goes on writing to the one that is kept. */
function keepLate({ dir, slots }: PlaceWrites, memento: TreeMemento, standby: string, differences: readonly Difference[]): void {
  const kept = `${slots}/${memento.kept}`
  for (const { path, before, after } of differences) {
    if (after === null || path === '' || (before?.type === 'dir' && after.type === 'dir')) continue
    if (dir.stat(join(standby, path)) === null) continue
    const missing: string[] = []
    for (let at = parentOf(join(kept, path)); at !== slots && dir.stat(at) === null; at = parentOf(at)) missing.unshift(at)
    for (const at of missing) dir.mkdir(at, 0o700)
    if (dir.stat(join(kept, path)) === null) dir.rename(join(standby, path), dir, join(kept, path), { replace: false })
  }
}

/** A directory that is neither side stands in the slot: it is somebody's, and it is not ours to judge. */
function keepWhole(place: PlaceWrites, memento: TreeMemento, standby: string): void {
  place.dir.rename(standby, place.dir, `${place.slots}/${memento.kept}`, { replace: false })
}

/** With no live tree there is nothing to be spare for; other steps' slots stay. */
export async function removeEmptySlots({ dir, slots, live }: PlaceWrites, call: Hands): Promise<void> {
  if (dir.stat(live) !== null || dir.stat(slots) === null) return
  const left = dir.list(slots).filter(({ name }) => !/^(i\d+~?|known\.json~?|clock|spare)$/.test(name))
  if (left.length > 0) return
  await removeTree(dir, slots, call)
  dir.sync('')
}
