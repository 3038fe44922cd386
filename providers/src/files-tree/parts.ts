// Owns: single parts of a live tree turned under its name: each by one exchange, the tree's own inode stays.
// Never: touches a path that was not asked for; never overwrites an edit: each path is compared with what was there.
import { isDigest } from '@understudy/contract'
import type { Digest, DirReads, Hands, Look, Prepared, Side, Stand, Stat } from '@understudy/contract'
import { dirEntry, noCounts } from './entry.ts'
import type { Entry } from './entry.ts'
import { editTree } from './edit-tree.ts'
import { knownSlots } from './known-trees.ts'
import { levelTree, removeTree } from './level-tree.ts'
import { mementoSchema } from './memento.ts'
import type { Memento, PartsMemento, Unit, UnitSide } from './memento.ts'
import { ensureSlots, liveStat, openToWrite, pointAt, refuseMounts, slotOf, stepNames, sweepLinks } from './place.ts'
import type { PlaceReads, PlaceWrites } from './place.ts'
import { pathOfPointer } from './pointer.ts'
import { canExchange, clearStep, refuseUnmovable } from './prepare-tree.ts'
import { readTree, xattrsOf } from './read-tree.ts'
import { differenceOf, join, nameOf, parentOf } from './tree-difference.ts'
import { directoryEntry, keeping, naming, openTrees, saveDirectory, saveRoot } from './tree-objects.ts'
import type { TreeOut, TreePart, TreeState } from './tree-schemas.ts'
import { changedSince, shown, treeFault } from './tree-fault.ts'

const INLINE_MAX = 100 // units in the memento itself: about 400 bytes each, so well below 64 KiB
export const COMPARE_MAX = 1_048_576 // bytes: up to here a file's content is compared before it is turned (about 1 ms); beyond, its fingerprint

type Swap = Extract<Unit, { name: string }>
type Self = Extract<Unit, { self: unknown }>
const otherSide: Readonly<Record<Side, Side>> = { before: 'after', after: 'before' }

export async function prepareParts(
  part: TreePart,
  from: TreeState,
  to: TreeState,
  pointers: readonly string[],
  call: Hands,
): Promise<Prepared<Memento, TreeOut>> {
  const place = openToWrite(part.path, call.fx)
  if (place === null) throw changedSince(part.path, [''])
  try {
    const live = liveStat(place)
    if (live === null) throw changedSince(part.path, [''])
    refuseMounts(place, call.fx)
    ensureSlots(place)
    const trees = openTrees(call)
    const names = stepNames(call, call.key, place.slots)
    await clearStep(place, names, call)
    const atomic = canExchange(place, names.parts)
    const edits = new Map<string, Entry | null>()
    const empty = await saveDirectory(new Map(), keeping(call))
    for (const path of pointers.map(pathOfPointer)) {
      for (let above = parentOf(path); above !== ''; above = parentOf(above)) {
        const there = (await trees.find(from.root, above)) ?? (await trees.find(to.root, above))
        if (there?.type === 'dir' && (await trees.find(from.root, above)) === null)
          edits.set(above, { ...there, content: empty, counts: noCounts })
      }
      const wanted = await trees.find(to.root, path)
      edits.set(path, wanted?.type === 'dir' ? { ...wanted, content: empty, counts: noCounts } : wanted)
    }
    const after = await editTree(from.root, edits, trees, keeping(call))
    const differences = await differenceOf(from.root, after.root, trees)
    const linked = differences.find(({ before, after: then }) => (before?.group ?? then?.group ?? null) !== null)
    if (linked !== undefined) throw isLinked(linked.path)

    const whole = differences.flatMap(({ before, after: then }) => (before?.type === 'dir' && then?.type === 'dir' ? [] : [before, then]))
    const modes = whole.flatMap((entry) => (entry?.type === 'dir' ? [entry.mode] : []))
    refuseUnmovable(place, names.parts, modes)

    const made = new Map<string, Entry>()
    const paths: string[] = []
    for (const { path, before, after: then } of differences) {
      if (before?.type === 'dir' && then?.type === 'dir') continue
      if (then !== null) made.set(paths.length.toString(), then)
      paths.push(path)
    }
    const own = place.dir.stat(place.slots) ?? live
    const beside = await directoryEntry(dirEntry({ mode: 0o700, uid: own.uid, gid: own.gid }, empty, noCounts), made, keeping(call))
    const { sync } = await levelTree({
      dir: place.dir,
      base: names.parts,
      from: null,
      to: await saveRoot(beside, keeping(call)),
      source: null,
      others: knownSlots(place, []).map((slot) => ({ dir: place.dir, ...slot })),
      sourcePath: (path) => realPath(paths, path),
      trees,
      call,
    })
    const units: Unit[] = []
    for (const { path, before, after: then } of differences) {
      const stat = place.dir.stat(join(place.live, path))
      if (before?.type === 'dir' && then?.type === 'dir') {
        if (stat?.type !== 'dir') throw changedSince(part.path, [path])
        units.push({ path, self: { ino: stat.ino.toString(), before: selfOf(before), after: selfOf(then) } })
        continue
      }
      const name = paths.indexOf(path).toString()
      const side = stat === null ? null : unitSide(stat, before?.content ?? null)
      if ((side === null) !== (before === null) || (stat !== null && stat.type !== before?.type)) throw changedSince(part.path, [path])
      const besideStat = place.dir.stat(join(names.parts, name))
      units.push({ path, name, before: side, after: besideStat === null ? null : unitSide(besideStat, then?.content ?? null) })
    }
    const folders = new Set(units.flatMap((unit) => ('name' in unit ? [parentOf(unit.path)] : [])))
    const times = [...folders].flatMap((path) => {
      const stat = place.dir.stat(join(place.live, path))
      return stat === null ? [] : [{ path, mtimeNs: stat.mtimeNs.toString() }]
    })
    pointAt(place, live.ino, place.live)
    sync(place.slots)
    const long = units.length > INLINE_MAX
    const text = (value: unknown): Promise<Digest> => call.put(Buffer.from(JSON.stringify(value), 'utf8'))
    const memento: PartsMemento = {
      form: 'parts',
      ino: live.ino.toString(),
      parts: nameOf(names.parts),
      lent: false,
      before: from.root,
      after: after.root,
      units: long ? await text(units) : units,
      times: long ? await text(times) : times,
      atomic,
    }
    const wrong = await wrongUnits(place, memento, 'before', units, call)
    if (wrong.length > 0) throw changedSince(part.path, wrong)
    const bytesHeld = differences.reduce(
      (sum, { before }) => sum + (before?.type === 'dir' ? (before.counts?.bytes ?? 0) : (before?.size ?? 0)),
      0,
    )
    return { memento, out: { path: part.path, slot: slotOf(place, part.path, live.ino) }, reversal: 'switch', bytesHeld, losses: [] }
  } finally {
    place.dir.close()
  }
}

/** `3/a/b` in `p-KEY` is `PATH-OF-UNIT-3/a/b` in the tree. */
function realPath(paths: readonly string[], path: string): string {
  const [first = '', ...rest] = path.split('/')
  return [paths[Number(first)] ?? first, ...rest].join('/')
}

export async function turnParts(place: PlaceWrites, memento: PartsMemento, to: Side, call: Hands): Promise<Stand> {
  const { dir, live, slots } = place
  const from = otherSide[to]
  const path = `${dir.path}/${live}`
  if (dir.stat(live)?.ino.toString() !== memento.ino) throw changedSince(path, ['another directory has its name'])
  const { units, times } = await longParts(memento, call)
  const parts = `${slots}/${memento.parts}`
  settle(place, memento, units)
  const still = units.filter((unit) => !isAt(place, unit, to))
  const wrong = await wrongUnits(place, memento, from, still, call)
  if (wrong.length > 0) throw changedSince(path, wrong)
  const [folders, kept] = [new Set<string>(), new Set<string>()]
  // Back in the opposite order, so that a directory's rights are set around what happens in it as they were.
  for (const unit of to === 'after' ? still : still.toReversed()) {
    const full = join(live, unit.path)
    if ('self' in unit) {
      setSelf(dir, full, unit.self[from], unit.self[to])
      folders.add(full)
      continue
    }
    const beside = `${parts}/${unit.name}`
    if (unit[from] === null) dir.rename(beside, dir, full, { replace: false })
    else if (unit[to] === null) dir.rename(full, dir, beside, { replace: false })
    else if (!memento.atomic || !dir.exchange(full, dir, beside)) {
      dir.rename(full, dir, `${beside}~`, { replace: false })
      dir.rename(beside, dir, full, { replace: false })
      dir.rename(`${beside}~`, dir, beside, { replace: false })
    }
    folders.add(join(live, parentOf(unit.path)))
    kept.add(join(parts, parentOf(unit.name)))
  }
  if (to === 'before') for (const { path: folder, mtimeNs } of times) dir.setMtime(join(live, folder), BigInt(mtimeNs))
  for (const folder of [...folders, ...kept]) dir.sync(folder)
  const after = units.filter((unit) => !isAt(place, unit, to)).map((unit) => unit.path)
  if (after.length > 0) throw changedSince(path, after)
  return { side: to, standby: standbyOf(place, memento, units, to) }
}

export async function lookAtParts(place: PlaceReads, memento: PartsMemento, depth: 'quick' | 'full', call: Look): Promise<Stand> {
  const { units } = await longParts(memento, call)
  if (place.dir.stat(place.live)?.ino.toString() !== memento.ino) return { side: 'other', standby: 'gone' }
  const sides = units.map((unit) => (isAt(place, unit, 'before') ? 'before' : isAt(place, unit, 'after') ? 'after' : 'other'))
  if (isInterrupted(place, memento, units)) return { side: 'mixed', standby: 'fit' }
  const side = sides.includes('other') ? 'other' : sides.every((one) => one === sides[0]) ? (sides[0] ?? 'before') : 'mixed'
  if (side === 'other' || side === 'mixed') return { side, standby: 'gone' }
  const standby = standbyOf(place, memento, units, side)
  if (depth === 'quick') return { side, standby }
  const parts = `${place.slots}/${memento.parts}`
  const differs = async (which: Side, name: (unit: Swap) => string): Promise<string[]> => {
    const names: string[] = []
    for (const unit of units) {
      if (!('name' in unit) || unit[which] === null) continue
      if (!(await hasContent(place.dir, name(unit), unit[which], call, Number.POSITIVE_INFINITY))) names.push(unit.path)
    }
    return names
  }
  const foreign = await differs(side, (unit) => join(place.live, unit.path))
  const late = standby === 'gone' ? [] : await differs(otherSide[side], (unit) => `${parts}/${unit.name}`)
  return { side: foreign.length > 0 ? 'other' : side, standby: late.length > 0 ? 'stale' : standby, late }
}

/** The other sides' content goes to the store, then they go. */
export async function releaseParts(place: PlaceWrites, memento: PartsMemento, call: Hands): Promise<void> {
  const { dir, slots } = place
  const parts = `${slots}/${memento.parts}`
  sweepLinks(place)
  if (dir.stat(parts) === null) return
  if ((await lookAtParts(place, memento, 'quick', call)).side === 'mixed') {
    throw changedSince(`${dir.path}/${place.live}`, ['a turn was interrupted: turn it to one side first'])
  }
  if (memento.lent) return // both sides are in the store; what stands in the slot goes with the step that it belongs to
  await readTree(dir, parts, { call, keep: naming(call), known: null, onContent: (bytes) => call.put(bytes) })
  dir.syncAll()
  await removeTree(dir, parts, call)
  dir.sync(slots)
}

async function longParts(memento: PartsMemento, call: Pick<Look, 'get'>) {
  const { units, times } = memento
  if (!isDigest(units) || !isDigest(times)) {
    if (isDigest(units) || isDigest(times)) throw treeFault('bad-memento', 'invalid', 'A memento is not one.', 'units', '')
    return { units, times }
  }
  const read = async (digest: Digest): Promise<unknown> => JSON.parse(Buffer.from(await call.get(digest)).toString('utf8'))
  const whole = mementoSchema.parse({ ...memento, units: await read(units), times: await read(times) })
  if (whole.form !== 'parts' || isDigest(whole.units) || isDigest(whole.times)) {
    throw treeFault('bad-memento', 'invalid', 'A memento is not one.', 'units', '')
  }
  return { units: whole.units, times: whole.times }
}

/** What is remembered of one side of a part. */
export function unitSide(stat: Stat, content: Digest | null): UnitSide {
  const own = stat.type === 'dir' ? { size: 0, mtimeNs: '0' } : { size: stat.size, mtimeNs: stat.mtimeNs.toString() }
  return { ino: stat.ino.toString(), type: stat.type, ...own, content }
}

function isUnit(stat: Stat | null, side: UnitSide | null): boolean {
  if (stat === null || side === null) return stat === null && side === null
  const found = unitSide(stat, null)
  return found.ino === side.ino && found.type === side.type && found.size === side.size && found.mtimeNs === side.mtimeNs
}

function isAt(place: PlaceReads, unit: Unit, side: Side): boolean {
  const full = join(place.live, unit.path)
  return 'self' in unit ? hasSelf(place.dir, full, unit, side) : isUnit(place.dir.stat(full), unit[side])
}

/** Paths that do not stand at `side` with their content, or whose other side is not ready. */
async function wrongUnits(place: PlaceReads, memento: PartsMemento, side: Side, units: readonly Unit[], call: Look): Promise<string[]> {
  const parts = `${place.slots}/${memento.parts}`
  const wrong: string[] = []
  for (const unit of units) {
    const full = join(place.live, unit.path)
    if ('self' in unit) {
      if (!hasSelf(place.dir, full, unit, side)) wrong.push(unit.path)
      continue
    }
    const ready = isUnit(place.dir.stat(`${parts}/${unit.name}`), unit[otherSide[side]])
    const here = isUnit(place.dir.stat(full), unit[side])
    if (!ready || !here || (unit[side] !== null && here && !(await hasContent(place.dir, full, unit[side], call, COMPARE_MAX))))
      wrong.push(unit.path)
  }
  return wrong
}

/** Without an exchange a unit is turned by three renames; the one in the middle has this name. */
function betweenName(place: PlaceReads, memento: PartsMemento, unit: Swap): string {
  return `${place.slots}/${memento.parts}/${unit.name}~`
}

function isInterrupted(place: PlaceReads, memento: PartsMemento, units: readonly Unit[]): boolean {
  if (memento.atomic) return false
  return units.some((unit) => 'name' in unit && place.dir.stat(betweenName(place, memento, unit)) !== null)
}

/** Ends interrupted renames: to where they came from if the live name is free, else to the end. */
function settle(place: PlaceWrites, memento: PartsMemento, units: readonly Unit[]): void {
  if (memento.atomic) return
  const { dir } = place
  for (const unit of units) {
    if (!('name' in unit)) continue
    const name = betweenName(place, memento, unit)
    if (dir.stat(name) === null) continue
    const full = join(place.live, unit.path)
    dir.rename(name, dir, dir.stat(full) === null ? full : `${place.slots}/${memento.parts}/${unit.name}`, { replace: false })
  }
}

async function hasContent(dir: DirReads, path: string, side: UnitSide, call: Look, max: number): Promise<boolean> {
  if (side.content === null) return true
  if (side.type === 'dir') {
    if (max !== Number.POSITIVE_INFINITY) return true
    return (await readTree(dir, path, { call, keep: naming(call), known: null })).entry.content === side.content
  }
  return side.size > max || (dir.stat(path)?.type === 'file' && call.name(dir.read(path)) === side.content)
}

function standbyOf(place: PlaceReads, memento: PartsMemento, units: readonly Unit[], side: Side): Stand['standby'] {
  const parts = `${place.slots}/${memento.parts}`
  if (place.dir.stat(parts) === null) return 'gone'
  const fit = units.every((unit) => 'self' in unit || isUnit(place.dir.stat(`${parts}/${unit.name}`), unit[otherSide[side]]))
  return fit ? 'fit' : 'stale'
}

function selfOf({ mode, uid, gid, xattrs }: Entry) {
  return { mode, uid, gid, xattrs: { ...xattrs } }
}

function hasSelf(dir: DirReads, full: string, { self }: Self, side: Side): boolean {
  const stat = dir.stat(full)
  if (stat?.type !== 'dir' || stat.ino.toString() !== self.ino) return false
  const { mode, uid, gid, xattrs } = self[side]
  const now = xattrsOf(dir, full) ?? {}
  const names = Object.keys(now)
  const same = names.length === Object.keys(xattrs).length && names.every((name) => now[name] === xattrs[name])
  return same && stat.mode === mode && stat.uid === uid && stat.gid === gid
}

function setSelf(dir: PlaceWrites['dir'], full: string, from: Self['self']['before'], to: Self['self']['before']): void {
  if (from.uid !== to.uid || from.gid !== to.gid) dir.chown(full, to.uid, to.gid)
  const set = Object.fromEntries(Object.entries(to.xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]))
  dir.setXattrs(
    full,
    set,
    Object.keys(from.xattrs).filter((name) => !(name in to.xattrs)),
  )
  dir.chmod(full, to.mode)
}

function isLinked(path: string) {
  const hint = 'Roll the whole tree back, or break the hard link first.'
  return treeFault('part-is-linked', 'invalid', 'A file with several names in the tree cannot be turned by one of them.', shown(path), hint)
}
