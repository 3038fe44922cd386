// Owns: a copy of the live tree in another world's room, and its removal.
// Never: writes outside of that room.
import { posix } from 'node:path'
import type { Forked, Hands } from '@understudy/contract'
import { knownOf, knownSlots, learn, readKnown, writeKnown } from './known-trees.ts'
import { levelTree, removeTree } from './level-tree.ts'
import { ensureSlots, liveStat, namesOf, openToRead, openToWrite, pointAt, refuseMounts, slotOf, stamp } from './place.ts'
import type { Known } from './read-tree.ts'
import { openTrees } from './tree-objects.ts'
import type { TreeOut, TreePart, TreeState } from './tree-schemas.ts'
import { changedSince, someOf } from './tree-fault.ts'

const NAME = 'live'

/** Copies what `live` says: blocks are shared where the file system can, and what has changed since is refused, not mixed in. */
export async function forkTree(from: TreePart, live: TreeState | null, call: Hands): Promise<Forked<TreePart, TreeOut>> {
  const part = { path: posix.join(call.room, NAME) }
  await closeFork(part, call)
  if (live === null) return { part, out: null, fidelity: 'exact', because: '' }
  const source = openToRead(from.path, call)
  const stat = source === null ? null : liveStat(source)
  if (source === null || stat === null) throw changedSince(from.path, ['it is gone'])
  const place = openToWrite(part.path, call.fx)
  if (place === null) throw changedSince(call.room, ['it is gone'])
  try {
    refuseMounts(source, call.fx)
    ensureSlots(place)
    // Unknown since when: then each copy is compared with its digest.
    const last: Known = knownOf(readKnown(source), stat) ?? { root: live.root, at: 0n }
    const { short, sync } = await levelTree({
      dir: place.dir,
      base: NAME,
      from: null,
      to: live.root,
      source: { dir: source.dir, base: source.live, root: live.root, at: last.root === live.root ? last.at : 0n },
      others: knownSlots(source, []).map((slot) => ({ dir: source.dir, ...slot })),
      trees: openTrees(call),
      call,
      lenient: true,
    })
    sync()
    const at = stamp(place)
    const made = place.dir.stat(NAME)
    if (made === null) throw changedSince(part.path, ['it is gone'])
    pointAt(place, made.ino, NAME)
    if (short.length === 0) writeKnown(place, learn(readKnown(place), made, live.root, at))
    const out = { path: part.path, slot: slotOf(place, part.path, made.ino) }
    if (short.length === 0) return { part, out, fidelity: 'exact', because: '' }
    return { part, out, fidelity: 'partial', because: `owner, attributes or device not as in the original: ${someOf(short)}` }
  } finally {
    source.dir.close()
    place.dir.close()
  }
}

/** Empties the room. A part that is not in it is not a copy of ours. */
export async function closeFork(part: TreePart | null, call: Hands): Promise<void> {
  const path = posix.join(call.room, NAME)
  if (part !== null && part.path !== path) return
  const place = openToWrite(path, call.fx)
  if (place === null) return
  try {
    const { live, slots } = namesOf(path)
    for (const name of [live, slots]) await removeTree(place.dir, name, call)
  } finally {
    place.dir.close()
  }
}
