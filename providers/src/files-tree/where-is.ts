// Owns: which side of a step is live, by the inodes at three names; O(1).
// Never: says more than names and identities show.
import type { Stat } from '@understudy/contract'
import type { TreeMemento, TreeSide } from './memento.ts'
import type { PlaceReads } from './place.ts'

/**
 *   live     standby   between    where
 *   before   after     –          before
 *   after    before    –          after       (an absent side is a name that is free)
 *   –        X         Y          mixed       two renames were interrupted: after the first
 *   X        –         Y          mixed       … after the second
 *   anything else at the live name            other
 */
export interface Whereabouts {
  readonly side: 'before' | 'after' | 'mixed' | 'other'
  /** The side that is not live is where it belongs (true also for absence). */
  readonly standby: boolean
  readonly live: Stat | null
}

export function standbyName(place: PlaceReads, memento: TreeMemento): string {
  return `${place.slots}/${memento.standby}`
}

export function betweenName(place: PlaceReads, memento: TreeMemento): string {
  return `${place.slots}/${memento.between}`
}

export function whereIs(place: PlaceReads, memento: TreeMemento): Whereabouts {
  const live = place.dir.stat(place.live)
  const standby = place.dir.stat(standbyName(place, memento))
  const { before, after } = memento
  if (!memento.atomic && before !== null && after !== null) {
    const between = place.dir.stat(betweenName(place, memento))
    if (between !== null && (isSide(between, before) || isSide(between, after))) {
      const free = live === null || isSide(live, before) || isSide(live, after)
      return { side: free ? 'mixed' : 'other', standby: false, live }
    }
  }
  const holds = (stat: Stat | null, side: TreeSide | null): boolean => (side === null ? stat === null : isSide(stat, side))
  if (holds(live, before)) return { side: 'before', standby: holds(standby, after), live }
  if (holds(live, after)) return { side: 'after', standby: holds(standby, before), live }
  return { side: 'other', standby: false, live }
}

export function isSide(stat: Stat | null, side: TreeSide): boolean {
  return stat !== null && stat.type === 'dir' && stat.ino.toString() === side.ino && stat.dev.toString() === side.dev
}
