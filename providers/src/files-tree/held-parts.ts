// Owns: single files of a tree whose other sides stand in the slot of an earlier step: exchanged with them, nothing is made.
// Never: changes anything; takes a file whose two sides are not, byte for byte, what they should be (it is prepared then).
import type { Look, Prepared } from '@understudy/contract'
import { fileEntry, linkEntry, sameEntry } from './entry.ts'
import type { Entry } from './entry.ts'
import type { Memento, PartsMemento } from './memento.ts'
import { COMPARE_MAX, unitSide } from './parts.ts'
import { liveStat, openToRead, slotOf } from './place.ts'
import type { PlaceReads } from './place.ts'
import { pathOfPointer } from './pointer.ts'
import { xattrsOf } from './read-tree.ts'
import { join, nameOf, parentOf } from './tree-difference.ts'
import { openTrees } from './tree-objects.ts'
import type { TreeOut, TreePart, TreeState } from './tree-schemas.ts'
import { standbyName, whereIs } from './where-is.ts'

const UNITS_MAX = 16 // more are prepared as ever: nobody counts microseconds then, and the memento stays small

type Unit = Extract<Extract<PartsMemento['units'], readonly unknown[]>[number], { name: string }>

export async function heldParts(
  part: TreePart,
  held: Memento,
  from: TreeState,
  to: TreeState,
  pointers: readonly string[],
  call: Look,
): Promise<Prepared<Memento, TreeOut> | null> {
  if (held.form !== 'tree' || !held.atomic || pointers.length > UNITS_MAX) return null
  const place = openToRead(part.path, call)
  if (place === null) return null
  try {
    const live = liveStat(place)
    const where = whereIs(place, held)
    if (live === null || (where.side !== 'before' && where.side !== 'after') || !where.standby) return null
    const standby = standbyName(place, held)
    if (place.dir.stat(standby) === null) return null
    const trees = openTrees(call)
    const units: Unit[] = []
    for (const path of new Set(pointers.map(pathOfPointer))) {
      const [before, after] = [await trees.find(from.root, path), await trees.find(to.root, path)]
      if (!canExchange(before) || !canExchange(after)) return null
      const [here, there] = [await sideAt(place, place.live, path, before, call), await sideAt(place, standby, path, after, call)]
      if (here === undefined || there === undefined) return null
      units.push({ path, name: path, before: here, after: there })
    }
    const folders = [...new Set(units.map(({ path }) => parentOf(path)))]
    const times = folders.map((path) => ({ path, mtimeNs: place.dir.stat(join(place.live, path))?.mtimeNs.toString() ?? '0' }))
    const memento: PartsMemento = {
      form: 'parts',
      ino: live.ino.toString(),
      parts: nameOf(standby),
      lent: true,
      before: from.root,
      after: to.root,
      units,
      times,
      atomic: true,
    }
    const bytesHeld = units.reduce((sum, { before }) => sum + (before?.size ?? 0), 0)
    return { memento, out: { path: part.path, slot: slotOf(place, part.path, live.ino) }, reversal: 'switch', bytesHeld, losses: [] }
  } finally {
    place.dir.close()
  }
}

/** Directories are more than one exchange, and a file with several names cannot be turned by one of them. */
function canExchange(entry: Entry | null): boolean {
  return entry === null || ((entry.type === 'file' || entry.type === 'link') && entry.group === null && entry.size <= COMPARE_MAX)
}

/** What stands there, its content put into the store; undefined where it is not `wanted`, or its folder is not there. */
async function sideAt(
  place: PlaceReads,
  base: string,
  path: string,
  wanted: Entry | null,
  call: Look,
): Promise<Unit['before'] | undefined> {
  const { dir } = place
  const full = join(base, path)
  if (dir.stat(join(base, parentOf(path)))?.type !== 'dir') return undefined
  const stat = dir.stat(full)
  if (stat === null || wanted === null) return stat === null && wanted === null ? null : undefined
  if (stat.nlink > 1) return undefined
  if (stat.type === 'link') {
    return sameEntry(linkEntry(stat, dir.readlink(full), xattrsOf(dir, full)), wanted) ? unitSide(stat, null) : undefined
  }
  if (stat.type !== 'file' || stat.size !== wanted.size) return undefined
  const bytes = dir.read(full)
  const entry = fileEntry(stat, await call.put(bytes), bytes.length, xattrsOf(dir, full))
  return sameEntry(entry, wanted) ? unitSide(stat, entry.content) : undefined
}
