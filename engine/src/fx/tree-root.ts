// Owns: a directory held open, and the safe way from it to the directory that a name is in. Directories used last stay
// open: until this turn of the event loop ends, or this process moves something, whatever comes first.
// Never: follows a link; never gives a descriptor that the caller may close.
import { closeSync, openSync, constants } from 'node:fs'
import { constants as os } from 'node:os'
import { Fault } from '@understudy/contract'
import type { DirReads } from '@understudy/contract'
import { nativeFault, fsFault, faultOfCode } from './fs-fault.ts'
import { encodeName } from './names.ts'
import { natives } from './natives.ts'
import { O_PATH } from './open-flags.ts'
import type { NativeName } from './natives.ts'

const KEPT_MAX = 16 // open directories per handle: a walk goes up and down a few levels
const USES_MAX = 1_024 // then the way is walked again: another process may have moved a directory
const TRIES_MAX = 32 // EAGAIN: somebody renames at the same time (openat2(2))

/** Where a name is: the last component, and the directory it is in. */
export interface Spot {
  readonly dir: number
  readonly name: NativeName
}

const roots = new WeakMap<DirReads, TreeRoot>()
const forgotten = new FinalizationRegistry<number>((fd) => closeSync(fd))
let moves = 0 // renames and removals by this process, through whatever handle

/** To be called after a directory may have got another name or gone. */
export function somethingMoved(): void {
  moves += 1
}

export function bindRoot<D extends DirReads>(dir: D, root: TreeRoot): D {
  roots.set(dir, root)
  return dir
}

/** Null for a directory that wraps one of ours. */
export function rootBehind(dir: DirReads): TreeRoot | null {
  return roots.get(dir) ?? null
}

/** The root behind an open directory. */
export function rootOf(dir: DirReads): TreeRoot {
  const root = roots.get(dir)
  if (root !== undefined) return root
  throw new Fault({
    code: 'fs.foreign-directory',
    class: 'bug',
    summary: 'This directory was not opened by this channel.',
    detail: dir.path,
    hint: 'Pass on what fs.open gave.',
  })
}

export class TreeRoot {
  readonly path: string
  #fd: number
  #kept = new Map<string, number>()
  #moves = moves
  #uses = 0
  #scheduled = false

  /** Follows links on the way to `path`, also the last: the caller named it. */
  constructor(path: string) {
    this.path = path
    if (!path.startsWith('/')) throw faultOfCode('open', path, 'EILSEQ')
    try {
      this.#fd = openSync(encodeName(path), O_PATH | constants.O_DIRECTORY)
    } catch (error) {
      throw fsFault('open', path, error)
    }
    forgotten.register(this, this.#fd, this)
  }

  /** The whole path of a name, for people. */
  shown(name: string): string {
    return name === '' ? this.path : this.path === '/' ? `/${name}` : `${this.path}/${name}`
  }

  spot(operation: string, name: string): Spot {
    if (name === '') return { dir: this.#open(operation, name), name: '.' }
    const slash = name.lastIndexOf('/')
    const last = slash === -1 ? name : name.slice(slash + 1)
    if (slash === 0 || last === '' || last === '.' || last === '..') throw this.#refused(operation, name)
    return { dir: slash === -1 ? this.#open(operation, name) : this.dir(operation, name.slice(0, slash), name), name: this.#native(last) }
  }

  /** A descriptor (O_PATH) of a directory; it stays ours. `name` is what the caller asked for, for the error. */
  dir(operation: string, path: string, name = path): number {
    const top = this.#open(operation, name)
    if (path === '') return top
    if (this.#moves !== moves || this.#uses >= USES_MAX) this.#drop()
    this.#uses += 1
    const kept = this.#kept.get(path)
    if (kept !== undefined) return kept
    if (/(^|\/)(\.{0,2})(\/|$)/.test(path)) throw this.#refused(operation, name)
    const native = this.#native(path)
    let fd = natives().openDirBeneath(top, native, false)
    for (let tries = 1; fd === -os.errno.EAGAIN && tries < TRIES_MAX; tries += 1) fd = natives().openDirBeneath(top, native, false)
    if (fd === -os.errno.EXDEV) fd = -os.errno.ELOOP
    if (fd < 0) throw nativeFault(operation, this.shown(name), fd)
    this.#keep(path, fd)
    return fd
  }

  close(): void {
    if (this.#fd === -1) return
    this.#drop()
    forgotten.unregister(this)
    closeSync(this.#fd)
    this.#fd = -1
  }

  #open(operation: string, name: string): number {
    if (this.#fd !== -1) return this.#fd
    throw new Fault({
      code: 'fs.closed',
      class: 'bug',
      summary: 'The directory was closed before this.',
      detail: `${operation} ${this.shown(name)}.`,
      hint: 'Close it after its last use.',
    })
  }

  #native(name: string): NativeName {
    if (name.isWellFormed() && !name.includes('\0')) return name
    return Buffer.concat([encodeName(name), Buffer.of(0)])
  }

  #keep(path: string, fd: number): void {
    const oldest = this.#kept.size < KEPT_MAX ? undefined : this.#kept.entries().next().value
    if (oldest !== undefined) {
      this.#kept.delete(oldest[0])
      closeSync(oldest[1])
    }
    this.#kept.set(path, fd)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#drop()
    })
  }

  #drop(): void {
    for (const fd of this.#kept.values()) closeSync(fd)
    this.#kept.clear()
    this.#moves = moves
    this.#uses = 0
  }

  #refused(operation: string, name: string): Fault {
    return faultOfCode(operation, this.shown(name), 'ELOOP')
  }
}
