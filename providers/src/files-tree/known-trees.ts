// Owns: `known.json` beside the slots: which directory (by inode) held which tree at which moment, and the spare.
// Never: is needed. It lies on the tree's own file system, so that a snapshot that goes back takes it back, too;
// damaged, lost or from another device it is as if there were none.
import { canonical, isDigest, isObject } from '@understudy/contract'
import type { Digest, Json, Stat } from '@understudy/contract'
import type { PlaceReads, PlaceWrites } from './place.ts'
import type { Known } from './read-tree.ts'

export interface KnownTrees {
  readonly dev: string
  /** By inode number. */
  readonly sides: Readonly<Record<string, Known>>
  /** Inode of `spare`: level with its entry in `sides`, checked, and nobody has it. */
  readonly spare: string | null
}

const SIDES_MAX = 8 // live, spare, and the standbys of a few unreleased changes; older ones are only re-read

export function readKnown({ dir, slots }: PlaceReads): KnownTrees {
  const none = { dev: dir.stat('')?.dev.toString() ?? '', sides: {}, spare: null }
  try {
    if (dir.stat(`${slots}/known.json`)?.type !== 'file') return none
    const value: unknown = JSON.parse(Buffer.from(dir.read(`${slots}/known.json`)).toString('utf8'))
    if (!isObject(value) || value['v'] !== 1 || value['dev'] !== none.dev || !isObject(value['sides'])) return none
    const sides: Record<string, Known> = {}
    for (const [ino, side] of Object.entries(value['sides'])) {
      if (isObject(side) && isDigest(side['root']) && typeof side['at'] === 'string')
        sides[ino] = { root: side['root'], at: BigInt(side['at']) }
    }
    return { dev: none.dev, sides, spare: typeof value['spare'] === 'string' ? value['spare'] : null }
  } catch {
    return none
  }
}

export function knownOf(known: KnownTrees, stat: Stat): Known | null {
  return known.sides[stat.ino.toString()] ?? null
}

export function learn(known: KnownTrees, stat: Pick<Stat, 'ino'>, root: Digest, at: bigint): KnownTrees {
  const ino = stat.ino.toString()
  const others = Object.entries(known.sides)
    .filter(([other]) => other !== ino)
    .sort(([, a], [, b]) => (a.at < b.at ? -1 : 1))
  return { ...known, sides: Object.fromEntries([...others.slice(1 - SIDES_MAX), [ino, { root, at }]]) }
}

export function writeKnown({ dir, slots }: PlaceWrites, known: KnownTrees): void {
  const sides: Json = Object.fromEntries(Object.entries(known.sides).map(([ino, { root, at }]) => [ino, { root, at: at.toString() }]))
  const fresh = `${slots}/known.json~`
  dir.remove(fresh)
  dir.create(fresh, Buffer.from(canonical({ v: 1, dev: known.dev, sides, spare: known.spare })), 0o600)
  dir.rename(fresh, dir, `${slots}/known.json`, { replace: true })
}

/** The slots that stand beside the tree now and are known: content may be in them that is nowhere else yet. */
export function knownSlots(place: PlaceReads, except: readonly string[]): readonly (Known & { readonly base: string })[] {
  const known = readKnown(place)
  if (place.dir.stat(place.slots)?.type !== 'dir') return []
  return place.dir.list(place.slots).flatMap(({ name, type }) => {
    const base = `${place.slots}/${name}`
    const stat = type === 'dir' && /^(n-|spare$)/.test(name) && !except.includes(base) ? place.dir.stat(base) : null
    const side = stat === null ? null : knownOf(known, stat)
    return side === null ? [] : [{ ...side, base }]
  })
}
