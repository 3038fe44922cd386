// Owns: `prepare`: the wanted side built in a slot beside the live tree, on disk, with fingerprints of both.
// Never: changes anything that somebody outside can see, but a missing parent directory.
import { Fault } from '@understudy/contract'
import type { Digest, Hands, Prepared, Stat } from '@understudy/contract'
import { recordChanged } from './changed-paths.ts'
import { knownOf, knownSlots, learn, readKnown, writeKnown } from './known-trees.ts'
import { levelTree, removeTree } from './level-tree.ts'
import type { Memento, TreeSide } from './memento.ts'
import {
  ensureSlots,
  liveStat,
  namesOf,
  openToWrite,
  parentProbe,
  pointAt,
  refuseMounts,
  refuseReadOnlyParent,
  stamp,
  stepNames,
  sweepLinks,
} from './place.ts'
import type { PlaceWrites } from './place.ts'
import { readTree } from './read-tree.ts'
import type { Known } from './read-tree.ts'
import type { TreeOut, TreePart, TreeState } from './tree-schemas.ts'
import { differenceOf, eachPath, nameOf } from './tree-difference.ts'
import { keeping, openTrees } from './tree-objects.ts'
import type { Trees } from './tree-objects.ts'
import { changedSince, shown, treeFault } from './tree-fault.ts'

const PARENT_MODE = 0o755 // of missing directories above the tree, as `mkdir -p` of most people makes them

export async function prepareTree(
  part: TreePart,
  from: TreeState | null,
  to: TreeState | null,
  call: Hands,
): Promise<Prepared<Memento, TreeOut>> {
  const place = openPlace(part.path, from, call)
  try {
    const live = expectedLive(place, from)
    refuseMounts(place, call.fx)
    ensureSlots(place)
    refuseReadOnlyParent(place)
    const trees = openTrees(call)
    const names = stepNames(call, call.key, place.slots)
    await clearStep(place, names, call)
    const known = live === null || from === null ? null : await knowLive(place, live, from.root, trees, call)
    const atomic = canExchange(place, names.standby)
    refuseUnmovable(place, names.standby, [live?.mode ?? 0o700, to === null ? 0o700 : (await trees.loadRoot(to.root)).mode])
    try {
      const before = live === null || known === null ? null : sideOf(live, known)
      if (before !== null) pointAt(place, BigInt(before.ino), place.live)
      const after = to === null ? null : await buildSlot(place, names.standby, live, known, to.root, trees, call)
      if (after === null) place.dir.sync(place.slots)
      const differences = await eachPath(await differenceOf(from?.root ?? null, to?.root ?? null, trees), trees)
      const bases = { before: before === null ? null : place.live, after: after === null ? null : names.standby }
      const changed = await recordChanged(place.dir, bases, [...new Set(differences.map(({ path }) => path))], call)
      const { standby, between, kept } = names
      return {
        memento: { form: 'tree', standby: nameOf(standby), between: nameOf(between), kept: nameOf(kept), before, after, changed, atomic },
        out: after === null ? null : { path: part.path, slot: `${place.parent === '/' ? '' : place.parent}/${place.slots}/i${after.ino}` },
        reversal: 'switch',
        bytesHeld: from?.bytes ?? 0,
        losses: [],
      }
    } catch (thrown) {
      // Half a copy of a big tree may be what fills the disk.
      await clearStep(place, names, call).catch(() => undefined)
      throw thrown
    }
  } finally {
    place.dir.close()
  }
}

function openPlace(path: string, from: TreeState | null, call: Hands): PlaceWrites {
  const there = openToWrite(path, call.fx)
  if (there !== null) return there
  const { parent } = namesOf(path)
  if (from !== null) throw changedSince(path, [''])
  call.fx.fs.ensure(parent, PARENT_MODE)
  const made = openToWrite(path, call.fx)
  if (made === null)
    throw treeFault('no-parent', 'conflict', 'The directory above the tree is not there.', shown(parent), 'Make it, and try again.')
  return made
}

function expectedLive(place: PlaceWrites, from: TreeState | null): Stat | null {
  const live = liveStat(place)
  if ((live === null) === (from === null)) return live
  throw changedSince(`${place.dir.path}/${place.live}`, [live === null ? 'it is gone' : 'it is there now'])
}

/** Since when the live tree is known to be `root`. Not known: it is read, and has to be. */
export async function knowLive(place: PlaceWrites, live: Stat, root: Digest, trees: Trees, call: Hands): Promise<Known> {
  const known = readKnown(place)
  const last = knownOf(known, live)
  const at = stamp(place)
  if (last !== null && last.root === root && last.at <= at) return last
  const read = await readTree(place.dir, place.live, { call, keep: keeping(call), known: usable(last, at) })
  if (read.root !== root) {
    const names = (await differenceOf(root, read.root, trees)).map(({ path }) => path)
    throw changedSince(`${place.dir.path}/${place.live}`, names)
  }
  writeKnown(place, learn(known, live, root, at))
  return { root, at }
}

/** A moment that has not come yet says that the clock was set back: then ctimes prove nothing. */
export function usable(known: Known | null, now: bigint): Known | null {
  return known !== null && known.at <= now ? known : null
}

async function buildSlot(
  place: PlaceWrites,
  standby: string,
  live: Stat | null,
  source: Known | null,
  to: Digest,
  trees: Trees,
  call: Hands,
): Promise<TreeSide> {
  const { dir } = place
  const spare = await takeSpare(place, standby, call)
  const { sync } = await levelTree({
    dir,
    base: standby,
    from: spare,
    to,
    source: live === null || source === null ? null : { dir, base: place.live, ...source },
    others: knownSlots(place, [standby]).map((slot) => ({ dir, ...slot })),
    trees,
    call,
  })
  const stat = dir.stat(standby)
  if (stat === null) throw changedSince(`${dir.path}/${standby}`, ['it is gone'])
  pointAt(place, stat.ino, standby)
  sync(place.slots)
  // After the sync, which takes longer than a tick of the file system's clock: what has the time of this very moment counts as
  // changed since, and with the directories that were made last all of the tree would be read again.
  const at = stamp(place)
  writeKnown(place, { ...learn(readKnown(place), stat, to, at), spare: null })
  return sideOf(stat, { root: to, at })
}

/** The spare gets this step's name before anything in it is changed; with that it is no spare any more. Null: there is none. */
async function takeSpare(place: PlaceWrites, standby: string, call: Hands): Promise<Digest | null> {
  const { dir, slots } = place
  const name = `${slots}/spare`
  const stat = dir.stat(name)
  if (stat === null) return null
  const known = readKnown(place)
  const last = knownOf(known, stat)
  if (stat.type === 'dir' && known.spare === stat.ino.toString() && last !== null) {
    dir.rename(name, dir, standby, { replace: false })
    return last.root
  }
  await removeTree(dir, name, call)
  return null
}

export function sideOf(stat: Pick<Stat, 'dev' | 'ino'>, { root, at }: Known): TreeSide {
  return { dev: stat.dev.toString(), ino: stat.ino.toString(), root, at: at.toString() }
}

/** What a killed prepare of the same step left. */
export async function clearStep(place: PlaceWrites, names: ReturnType<typeof stepNames>, call: Hands): Promise<void> {
  for (const name of [...probesOf(names.standby), ...probesOf(names.parts), names.standby, names.between, names.parts]) {
    await removeTree(place.dir, name, call)
  }
  place.dir.remove(parentProbe(place))
  sweepLinks(place)
}

/** Without root, a directory that its owner may not write to cannot be moved to another one (rename(2): its `..` changes). */
export function refuseUnmovable({ dir }: PlaceWrites, name: string, modes: readonly number[]): void {
  const [from, into] = probesOf(name)
  for (const mode of new Set(modes.filter((one) => (one & 0o200) === 0))) {
    try {
      dir.mkdir(into, 0o700)
      dir.mkdir(from, mode)
      dir.rename(from, dir, `${into}/moved`, { replace: false })
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.fault.class !== 'forbidden') throw thrown
      const hint = 'Give it to its owner for writing (u+w), or run as root.'
      throw treeFault(
        'not-movable',
        'forbidden',
        'A directory that its owner may not write to cannot be exchanged.',
        `Mode 0${mode.toString(8)}.`,
        hint,
      )
    } finally {
      for (const probe of [from, into]) dir.remove(probe)
    }
  }
}

const probesOf = (name: string): readonly [string, string] => [`${name}~a`, `${name}~b`]

/** Tried on two empty directories, so that nobody finds out while the live tree hangs in between. */
export function canExchange({ dir }: PlaceWrites, name: string): boolean {
  const [a, b] = probesOf(name)
  for (const probe of [a, b]) dir.mkdir(probe, 0o700)
  try {
    return dir.exchange(a, dir, b)
  } finally {
    for (const probe of [a, b]) dir.remove(probe)
  }
}
