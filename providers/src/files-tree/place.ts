// Owns: where a tree and its slots are: names relative to the directory that holds the tree, held open.
// Never: decides what goes where.

//   PARENT/NAME                      the live tree
//   PARENT/.NAME.understudy/         0700, the slots:
//     n-KEY      the side of a change that is not live      x-KEY      only between two renames (no exchange here)
//     p-KEY/     other sides of single parts                spare      last released side, level with the live tree
//     iINO       link to wherever the directory with that inode is now      known.json   what was where when (a cache)
//     clock      says what time it is here
//     kept-KEY/  what was written to a side after it was turned away from, and is nowhere else
import { posix } from 'node:path'
import { Fault } from '@understudy/contract'
import type { DirReads, DirWrites, Look, Stat } from '@understudy/contract'
import { mountInside } from './read-tree.ts'
import { shown, treeFault } from './tree-fault.ts'

export interface Names {
  readonly parent: string
  readonly live: string
  readonly slots: string
}

export interface PlaceReads extends Names {
  readonly dir: DirReads
}

export interface PlaceWrites extends Names {
  readonly dir: DirWrites
}

export function namesOf(path: string): Names {
  const whole = posix.normalize(path).replace(/(?<=.)\/+$/, '')
  const live = posix.basename(whole)
  if (!path.startsWith('/') || path.includes('\0') || live === '' || live === '..') {
    const hint = 'Write the absolute path of a directory below another one, or one relative to the stack file.'
    throw treeFault('bad-path', 'invalid', 'This cannot be the path of a tree.', shown(path), hint)
  }
  return { parent: posix.dirname(whole), live, slots: `.${live}.understudy` }
}

/** Null when the directory that should hold the tree is not there. */
export function openToRead(path: string, call: Look): PlaceReads | null {
  const names = namesOf(path)
  const dir = openOrNull(() => call.fx.fs.open(names.parent))
  return dir === null ? null : { ...names, dir }
}

export function openToWrite(path: string, fx: { readonly fs: { open(dir: string): DirWrites } }): PlaceWrites | null {
  const names = namesOf(path)
  const dir = openOrNull(() => fx.fs.open(names.parent))
  return dir === null ? null : { ...names, dir }
}

/** "Expected to be there" is `conflict` in the contract; whether it is not there or not a directory is asked afterwards. */
function openOrNull<T>(open: () => T): T | null {
  try {
    return open()
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.fault.class === 'conflict') return null
    throw thrown
  }
}

/** The live tree's directory, null when there is none. @throws Fault for anything else in its place. */
export function liveStat({ dir, live }: PlaceReads): Stat | null {
  const stat = dir.stat(live)
  if (stat === null || stat.type === 'dir') return stat
  const path = shown(`${dir.path}/${live}`)
  if (stat.type === 'link') {
    const target = shown(dir.readlink(live))
    const hint = `Name the directory it leads to (${target}) as the path: a link cannot be exchanged for a directory.`
    throw treeFault('path-is-link', 'invalid', 'The path of the tree is a symbolic link.', path, hint)
  }
  const hint = 'Move it away, or choose another path.'
  throw treeFault(
    'path-not-directory',
    'conflict',
    'Something that is no directory has the path of the tree.',
    `${path} (${stat.type}).`,
    hint,
  )
}

/** @throws Fault `files.mount-inside` where the tree is a mount point or holds one; bind mounts of the same file system included. */
export function refuseMounts(place: PlaceReads, fx: Look['fx']): void {
  const live = place.dir.stat(place.live)
  const parent = place.dir.stat('')
  if (live !== null && parent !== null && live.dev !== parent.dev) throw mountInside(place.dir, place.live)
  for (const point of mountPoints(fx)) {
    const path = posix.join(place.parent, place.live)
    if (point === path || point.startsWith(`${path}/`)) throw mountInside(place.dir, posix.relative(place.parent, point))
  }
}

function mountPoints(fx: Look['fx']): readonly string[] {
  const proc = openOrNull(() => fx.fs.open('/proc/self'))
  if (proc === null) return []
  try {
    const text = Buffer.from(proc.read('mountinfo')).toString('utf8')
    // Field 5 of each line (proc_pid_mountinfo(5)); blanks are written in octal.
    return text.split('\n').flatMap((line) => {
      const point = line.split(' ')[4]
      return point === undefined
        ? []
        : [point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))]
    })
  } catch {
    return [] // no /proc here: the device numbers have been compared, and an exchange of a mount point fails by itself
  } finally {
    proc.close()
  }
}

/** Names of this step's places, from the key of the step. */
export function stepNames(call: Pick<Look, 'name'>, key: string, slots: string) {
  const short = call.name(Buffer.from(key, 'utf8')).slice(2, 18)
  return { standby: `${slots}/n-${short}`, between: `${slots}/x-${short}`, parts: `${slots}/p-${short}`, kept: `${slots}/kept-${short}` }
}

/** Makes the slots' directory, private, without an access list that would be inherited. */
export function ensureSlots({ dir, slots }: PlaceWrites): void {
  const there = dir.stat(slots)
  if (there === null) {
    dir.mkdir(slots, 0o700)
    dir.sync('')
  } else if (there.type !== 'dir') {
    const path = shown(`${dir.path}/${slots}`)
    const hint = 'Move it away: the other side of each change of this tree stands in that directory.'
    throw treeFault('slots-taken', 'conflict', 'Something has the name of the directory for slots.', `${path} (${there.type}).`, hint)
  }
  const parent = dir.stat('')
  const made = dir.stat(slots)
  if (parent !== null && made !== null && made.dev !== parent.dev) throw mountInside(dir, slots)
  if (made !== null && made.mode !== 0o700) dir.chmod(slots, 0o700)
  const inherited = Object.keys(dir.xattrs(slots)).filter((name) => name.startsWith('system.posix_acl_'))
  if (inherited.length > 0) dir.setXattrs(slots, {}, inherited)
}

/** Where a name is tried in the directory above, which the turn needs to write to. */
export const parentProbe = ({ slots }: Names): string => `${slots}~`

/** The slots may have been made when one still might: found here, nothing was built and nothing was turned. */
export function refuseReadOnlyParent(place: PlaceWrites): void {
  const { dir, live } = place
  const probe = parentProbe(place)
  try {
    dir.remove(probe) // left by a kill
    dir.create(probe, new Uint8Array(), 0o600)
    dir.remove(probe)
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.fault.class !== 'forbidden') throw thrown
    const hint = 'Give whoever runs Understudy the right to write to that directory, or run as its owner.'
    const detail = `${shown(`${dir.path}/${live}`)} is exchanged in ${shown(dir.path)} (${thrown.fault.code}: ${thrown.fault.detail}).`
    throw treeFault('parent-read-only', 'forbidden', 'The directory above the tree may not be written to.', detail, hint)
  }
}

/** This moment by the file system's own clock: everything that changes from now on has a ctime of at least this. */
export function stamp({ dir, slots }: PlaceWrites): bigint {
  const probe = `${slots}/clock`
  // Any change of a file's times sets its ctime to now.
  if (dir.stat(probe) === null) dir.create(probe, new Uint8Array(), 0o600)
  else dir.setMtime(probe, 0n)
  return dir.stat(probe)?.ctimeNs ?? 0n
}

/** Makes `iINO` lead to where the directory with that inode is. Nothing to do is nothing done. */
export function pointAt({ dir, live, slots }: PlaceWrites, ino: bigint, where: string): boolean {
  const name = `${slots}/i${ino}`
  const target = where === live ? `../${live}` : posix.relative(slots, where)
  const there = dir.stat(name)
  if (there?.type === 'link' && dir.readlink(name) === target) return false
  const fresh = `${name}~`
  if (dir.stat(fresh) !== null) dir.remove(fresh)
  dir.symlink(fresh, target)
  dir.rename(fresh, dir, name, { replace: true })
  return true
}

/** Where `iINO` leads, as a name beside the live one; null: there is no such link. */
export function linkTarget({ dir, slots }: PlaceReads, ino: bigint): string | null {
  const name = `${slots}/i${ino}`
  return dir.stat(name)?.type === 'link' ? posix.join(slots, dir.readlink(name)) : null
}

/** What a consumer inside the stack opens: stays right whatever name the directory has. */
export function slotOf(place: PlaceReads, path: string, ino: bigint): string {
  const link = `${place.slots}/i${ino}`
  return place.dir.stat(link)?.type === 'link' ? posix.join(place.parent, link) : path
}

/** Removes links that lead nowhere or elsewhere, and half-made names, as a kill may leave them. A turn makes what it needs. */
export function sweepLinks({ dir, slots, live }: PlaceWrites): void {
  if (dir.stat(slots)?.type !== 'dir') return
  for (const { name } of dir.list(slots)) {
    const ino = /^i(\d+)$/.exec(name)?.[1]
    if (ino === undefined) {
      if (/^(i\d+|known\.json)~$/.test(name)) dir.remove(`${slots}/${name}`)
      continue
    }
    const target = dir.readlink(`${slots}/${name}`)
    const leads = dir.stat(target === `../${live}` ? live : `${slots}/${target}`)
    if (leads?.ino.toString() !== ino) dir.remove(`${slots}/${name}`)
  }
}
