// Owns: the kind `example.note`: one small text file. The complete provider that docs/providers.md explains.
// Never: touches anything but through `call.fx`, and never keeps anything in memory between two calls.
import { equal, Fault, isDigest, isObject } from '../index.ts'
import type { At, DescribedSchema, Digest, DirReads, Json, Look, Prepared, Provider, Secret, Side, Stand } from '../index.ts'

// 1. The five shapes. Each is plain JSON and has a schema that parses it. (zod schemas fit as they are.)
// What is compared as JSON is a `type`: TypeScript does not take an `interface` for one.

export interface NoteSpec {
  readonly path: string
  readonly text: string | Secret
  /** Permission bits; 0o644 when not given. */
  readonly mode: number
}

/** What the spec speaks of, canonical: equal states are equal notes. The text lies in the store under its digest. */
export type NoteState = {
  readonly content: Digest
  readonly mode: number
}

/** Where it really is; in a shadow that is somewhere else. */
export interface NotePart {
  readonly path: string
}

export interface NoteOut {
  readonly path: string
}

/** A side of a step: which file it is, and what is in it. Null is absence. */
type NoteSide = { readonly ino: string; readonly state: NoteState } | null

export interface NoteMemento {
  /** Name of the side that is not live, in the same folder. */
  readonly beside: string
  readonly before: NoteSide
  readonly after: NoteSide
}

const TEXT_CHARS_MAX = 10_000 // a note is read whole in every call; what is bigger is a files.file

const specSchema = schemaOf<NoteSpec>(
  (value) => {
    const { path, text, mode = 0o644, ...rest } = objectOf(value)
    refuseKeys(rest)
    if (typeof path !== 'string' || !/^\/(.*\/)?[^/]+$/.test(path)) throw new TypeError('path must be an absolute path of a file')
    if (typeof text === 'string' && text.length > TEXT_CHARS_MAX) throw new TypeError(`text must have at most ${TEXT_CHARS_MAX} characters`)
    return { path, text: typeof text === 'string' ? text : secretOf(text), mode: modeOf(mode) }
  },
  {
    type: 'object',
    required: ['path', 'text'],
    properties: { path: { type: 'string' }, text: { type: 'string' }, mode: { type: 'integer', maximum: 0o7777, default: 0o644 } },
  },
)

const stateSchema = schemaOf<NoteState>((value) => {
  const { content, mode } = objectOf(value)
  if (!isDigest(content)) throw new TypeError('content must be a digest')
  return { content, mode: modeOf(mode) }
})

const partSchema = schemaOf<NotePart>((value) => ({ path: textOf(objectOf(value)['path']) }), {
  type: 'object',
  properties: { path: { type: 'string' } },
})

const mementoSchema = schemaOf<NoteMemento>((value) => {
  const { beside, before, after } = objectOf(value)
  return { beside: textOf(beside), before: sideOf(before), after: sideOf(after) }
})

export const provider: Provider<NoteSpec, NoteState, NoteMemento, NotePart, NoteOut> = {
  kind: 'example.note',
  version: 1,
  schema: { spec: specSchema, state: stateSchema, memento: mementoSchema, part: partSchema, out: partSchema },
  lasting: ['path'],
  // The new file can stand beside the old one, under another name.
  prepares: () => 'beside',
  home: ({ path }) => ({ path }),

  // 2. What is wanted, and what is there.

  async want(at, { text, mode }, call) {
    // A secret's `mac` is the digest of its value in the store: it never has to be revealed here.
    const content = typeof text === 'string' ? await call.put(Buffer.from(text)) : text.mac
    return { state: { content, mode }, claims: [`file:${at.part.path}`] }
  },

  async read(at, _hint, call) {
    const { folder, name } = placeOf(at.part)
    // In a world that nothing was made in yet, even the folder is not there.
    const dir = openIfThere(folder, call)
    if (dir === null) return null
    try {
      const note = noteAt(dir, name, call)
      if (note === null) return null
      const { state, uid, gid, mtimeNs } = note
      // Nobody asked for owner and time, but an undo has to bring them back.
      return { state, out: { path: at.part.path }, unmanaged: { uid, gid, mtimeNs: String(mtimeNs) }, volatile: null }
    } finally {
      dir.close()
    }
  },

  // 3. The way there and back: one hidden file beside the live one holds whichever side is not live.
  //    prepare:  note = before   .note.KEY = after        (absence: no file)
  //    turn:     the two are exchanged; where one is absence, the other one is renamed

  async prepare(at, from, to, call) {
    const { folder, name } = placeOf(at.part)
    const dir = call.fx.fs.open(folder)
    try {
      const live = noteAt(dir, name, call)
      if (!equal(live?.state ?? null, from)) throw changed(at, 'it is not what was planned for')
      // So that every state that was ever live can be made again from the store.
      if (live !== null) await call.put(live.bytes)
      const beside = besideName(name, call.key)
      // A killed attempt may have left half a file under this name.
      dir.remove(beside)
      if (to !== null) {
        dir.create(beside, await call.get(to.content), to.mode)
        if (live !== null) dir.chown(beside, live.uid, live.gid)
        dir.chmod(beside, to.mode)
        dir.sync(beside)
      }
      dir.sync('')
      const after = noteAt(dir, beside, call)
      const memento = { beside, before: sideFrom(live), after: sideFrom(after) }
      const out = to === null ? null : { path: at.part.path }
      return { memento, out, reversal: 'switch', bytesHeld: after?.bytes.length ?? 0, losses: [] } satisfies Prepared<NoteMemento, NoteOut>
    } finally {
      dir.close()
    }
  },

  async look(at, memento, depth, call) {
    const { folder, name } = placeOf(at.part)
    const dir = call.fx.fs.open(folder)
    try {
      return standOf(dir, name, memento, depth, call)
    } finally {
      dir.close()
    }
  },

  async turn(at, memento, to, call) {
    const { folder, name } = placeOf(at.part)
    const dir = call.fx.fs.open(folder)
    try {
      const { side, standby } = standOf(dir, name, memento, 'quick', call)
      if (side === 'other') throw changed(at, 'somebody else wrote to it')
      if (side !== to) {
        if (standby !== 'fit') throw changed(at, `the side to turn to is ${standby}`)
        const [left, target] = to === 'after' ? [memento.before, memento.after] : [memento.after, memento.before]
        if (target === null) dir.rename(name, dir, memento.beside, { replace: false })
        else if (left === null) dir.rename(memento.beside, dir, name, { replace: false })
        else if (!dir.exchange(name, dir, memento.beside)) throw noExchange(at)
      }
      // Also when it stood there already: a killed attempt may not have come to this.
      dir.sync('')
      return standOf(dir, name, memento, 'quick', call)
    } finally {
      dir.close()
    }
  },

  async release(at, memento, call) {
    const { folder, name } = placeOf(at.part)
    const dir = openIfThere(folder, call)
    if (dir === null) return
    try {
      dir.remove(memento?.beside ?? besideName(name, call.key))
      dir.sync('')
    } finally {
      dir.close()
    }
  },

  // 4. Copies, in a room of their own.

  async fork(from, _to, live, _spec, call) {
    const part: NotePart = { path: `${call.room}/note` }
    if (live === null) return { part, out: null, fidelity: 'exact', because: '' }
    const { folder, name } = placeOf(from.part)
    const [source, room] = [call.fx.fs.open(folder), call.fx.fs.open(call.room)]
    try {
      const note = noteAt(source, name, call)
      if (note === null) throw changed(from, 'it is not there any more')
      room.remove('note')
      room.create('note', note.bytes, note.state.mode)
      return { part, out: part, fidelity: 'exact', because: '' }
    } finally {
      source.close()
      room.close()
    }
  },

  async close(_at, call) {
    // All that is in the room is ours, whether the fork was finished or not.
    const room = call.fx.fs.open(call.room)
    try {
      for (const { name } of room.list('')) room.remove(name)
    } finally {
      room.close()
    }
  },
}

interface Note {
  readonly ino: string
  readonly bytes: Uint8Array
  readonly state: NoteState
  readonly uid: number
  readonly gid: number
  readonly mtimeNs: bigint
}

/** Absent is null. Something that is no file is a fault: then nobody can tell what the note says. */
function noteAt(dir: DirReads, name: string, call: Look): Note | null {
  const stat = dir.stat(name)
  if (stat === null) return null
  if (stat.type !== 'file') {
    throw new Fault({
      code: 'note.not-a-file',
      class: 'conflict',
      summary: 'There is something else where the note should be.',
      detail: `${dir.path}/${name} is a ${stat.type}`,
      hint: 'Move it away, or choose another path.',
    })
  }
  const bytes = dir.read(name)
  const { ino, mode, uid, gid, mtimeNs } = stat
  return { ino: String(ino), bytes, state: { content: call.name(bytes), mode }, uid, gid, mtimeNs }
}

function standOf(dir: DirReads, name: string, memento: NoteMemento, depth: 'quick' | 'full', call: Look): Stand {
  const live = sideFrom(noteAt(dir, name, call))
  const off = sideFrom(noteAt(dir, memento.beside, call))
  const side: Side | 'other' = equal(live, memento.before) ? 'before' : equal(live, memento.after) ? 'after' : 'other'
  const expected = side === 'after' ? memento.before : memento.after
  if (equal(off, expected)) return { side, standby: 'fit' }
  if (off === null) return { side, standby: 'gone' }
  return { side, standby: 'stale', ...(depth === 'full' ? { late: [`${dir.path}/${memento.beside}`] } : {}) }
}

function sideFrom(note: Note | null): NoteSide {
  return note === null ? null : { ino: note.ino, state: note.state }
}

/** Found again by the key alone, should the memento have been lost with the process that made it. */
function besideName(name: string, key: string): string {
  return `.${name}.${key}`
}

function placeOf({ path }: NotePart): { readonly folder: string; readonly name: string } {
  const end = path.lastIndexOf('/')
  return { folder: path.slice(0, end) || '/', name: path.slice(end + 1) }
}

function openIfThere<D>(folder: string, call: { readonly fx: { readonly fs: { open(dir: string): D } } }): D | null {
  try {
    return call.fx.fs.open(folder)
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.fault.class === 'conflict') return null
    throw thrown
  }
}

function changed(at: At<NotePart>, detail: string): Fault {
  return new Fault({
    code: 'note.changed',
    class: 'conflict',
    summary: 'The note was changed by somebody else.',
    detail: `${at.part.path}: ${detail}`,
    hint: 'Plan again: the plan then starts from what is there now.',
  })
}

function noExchange(at: At<NotePart>): Fault {
  return new Fault({
    code: 'note.no-exchange',
    class: 'invalid',
    summary: 'This file system cannot exchange two files in one step.',
    detail: at.part.path,
    hint: 'Keep the note on a file system with renameat2 (ext4, xfs, btrfs, tmpfs).',
  })
}

/** A schema from a function that throws what is wrong. */
function schemaOf<T>(parse: (value: unknown) => T, described: Json = {}): DescribedSchema<T> {
  return {
    describe: () => described,
    safeParse(value) {
      try {
        return { success: true, data: parse(value) }
      } catch (thrown) {
        return { success: false, error: { issues: [{ message: thrown instanceof Error ? thrown.message : String(thrown), path: [] }] } }
      }
    },
  }
}

function objectOf(value: unknown): { readonly [key: string]: unknown } {
  if (!isObject(value)) throw new TypeError('this must be an object')
  return value
}

function refuseKeys(rest: object): void {
  const [key] = Object.keys(rest)
  if (key !== undefined) throw new TypeError(`unknown key ${key}`)
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('this must be a text')
  return value
}

function modeOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0o7777) {
    throw new TypeError('mode must be permission bits, 0 to 0o7777')
  }
  return value
}

function secretOf(value: unknown): Secret {
  const { secret, mac } = objectOf(value)
  if (!isDigest(mac)) throw new TypeError('text must be a text or a secret')
  return { secret: textOf(secret), mac }
}

function sideOf(value: unknown): NoteSide {
  if (value === null) return null
  const { ino, state } = objectOf(value)
  const parsed = stateSchema.safeParse(state)
  if (!parsed.success) throw new TypeError('a side must hold a state')
  return { ino: textOf(ino), state: parsed.data }
}
