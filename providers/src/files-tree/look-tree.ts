// Owns: `look` at a whole tree: quick by names and identities, full by every byte of both sides.
// Never: changes anything.
import type { Look, Stand } from '@understudy/contract'
import type { TreeMemento, TreeSide } from './memento.ts'
import { linkTarget } from './place.ts'
import type { PlaceReads } from './place.ts'
import { readTree } from './read-tree.ts'
import { differenceOf } from './tree-difference.ts'
import { keeping, naming, openTrees } from './tree-objects.ts'
import { standbyName, whereIs } from './where-is.ts'

export async function lookAtTree(place: PlaceReads, memento: TreeMemento, depth: 'quick' | 'full', call: Look): Promise<Stand> {
  const where = whereIs(place, memento)
  if (where.side !== 'before' && where.side !== 'after') return { side: where.side, standby: where.standby ? 'fit' : 'gone' }
  const [live, other] = where.side === 'before' ? [memento.before, memento.after] : [memento.after, memento.before]
  const standby = standbyName(place, memento)
  // Killed between the exchange and its links: whoever opens a slot by its link must not get the wrong one.
  const none = place.dir.stat(place.slots) === null
  const led = none || live === null || linkTarget(place, BigInt(live.ino)) === place.live
  const ledToo = none || other === null || !where.standby || linkTarget(place, BigInt(other.ino)) === standby
  const side = led && ledToo ? where.side : 'mixed'
  if (depth === 'quick') return { side, standby: where.standby ? 'fit' : 'gone' }
  // Both at once: while one is listed here, files of the other are named by another thread.
  const [foreign, late] = await Promise.all([
    live === null ? [] : namesThatDiffer(place, place.live, live, call),
    other === null || !where.standby ? [] : namesThatDiffer(place, standby, other, call),
  ])
  return {
    side: foreign.length > 0 ? 'other' : side,
    standby: !where.standby ? 'gone' : late.length > 0 ? 'stale' : 'fit',
    late,
  }
}

/** Reads everything. Objects are only kept where there is a difference to name. */
async function namesThatDiffer(place: PlaceReads, base: string, side: TreeSide, call: Look): Promise<readonly string[]> {
  const read = await readTree(place.dir, base, { call, keep: naming(call), known: null })
  if (read.root === side.root) return []
  const again = await readTree(place.dir, base, { call, keep: keeping(call), known: null })
  const differences = await differenceOf(side.root, again.root, openTrees(call))
  return differences.map(({ path }) => path)
}
