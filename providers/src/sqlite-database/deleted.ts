// Owns: databases that stood at a path and were deleted: the ones still held beside it, and those whose content went to the
// store when they were let go of, written down in one file beside the path.
// Never: gives the rows of a deleted database to one that is made anew; lets go of the only copy before the store has it.
import { posix } from 'node:path'
import type { Effects, Hands, Look, Reads } from '@understudy/contract'
import { z } from 'zod'
import { openIfThere } from '../files-file/open-if-there.ts'
import { asidePath, BESIDE, fileId, keepBeside, removeFile } from './files.ts'
import { readGeneration } from './generation.ts'
import { digestSchema, jsonFrom } from './schemas.ts'
import type { DeleteMemento } from './schemas.ts'
import { changedSince } from './sqlite-fault.ts'

const KEPT_MAX = 512 << 20 // bytes: a database goes to the store, and comes back, in one piece of memory

const recordSchema = z.strictObject({
  /** The last generation that was deleted or made here. */
  last: z.number(),
  /** By generation: the content when it was let go of. */
  kept: z.array(z.strictObject({ generation: z.number(), content: digestSchema, mode: z.number(), uid: z.number(), gid: z.number() })),
})

type DeletedRecord = z.infer<typeof recordSchema>
type Kept = DeletedRecord['kept'][number]
type Traits = Pick<Kept, 'mode' | 'uid' | 'gid'>

/** Deleted, and held beside the path: its deletion can still be turned back. */
interface Pending {
  readonly generation: number
  readonly file: string
}

/** Names of deleted databases beside a path begin so; what follows is the name of the step. */
export const DELETED = 'deleted-'

export function isTooBig(size: number): boolean {
  return size > KEPT_MAX
}

/** The generation of a database made anew at a path where there is none. */
export function nextGeneration(path: string, call: Look): number {
  return lastAt(path, call.fx) + 1
}

/** The generation that was here last; -1 where there never was one. */
export function lastAt(path: string, fx: Reads | Effects): number {
  return Math.max(readRecord(path, fx)?.last ?? -1, ...pendingAt(path, fx).map(({ generation }) => generation))
}

/** Whether something is kept of a database of this generation that was deleted here, and did not come back for good. */
export function isKept(path: string, generation: number, fx: Reads | Effects): boolean {
  const kept: readonly { readonly generation: number }[] = [...(readRecord(path, fx)?.kept ?? []), ...pendingAt(path, fx)]
  return kept.some((one) => one.generation === generation)
}

/** Lets go of a deleted database: its content goes to the store. One that grew too big for that stays, under a name of its own. */
export async function releaseDeleted(path: string, memento: DeleteMemento, call: Hands): Promise<void> {
  const aside = asidePath(path, memento.short)
  if (fileId(aside, call.fx) !== memento.file) return
  const generation = generationIn(aside, call.fx)
  const record = readRecord(path, call.fx) ?? { last: 0, kept: [] }
  const kept = record.kept.filter((one) => one.generation !== generation)
  const tooBig = isTooBig(statOf(aside, call.fx).size)
  if (!tooBig) kept.push(await putContent(aside, call))
  syncAll(path, call) // the store has it, where it is on the same file system, before the only other copy goes
  writeRecord(path, { last: Math.max(record.last, generation), kept }, call)
  if (tooBig && memento.tooBig !== true) keepBeside(path, memento.short, call)
  else removeFile(aside, call)
}

/** The deleted database of this generation, at `to`. False where nothing is kept of it. */
export async function bringBack(path: string, generation: number, to: string, call: Hands): Promise<boolean> {
  const pending = pendingAt(path, call.fx).findLast((one) => one.generation === generation)
  const kept = readRecord(path, call.fx)?.kept.find((one) => one.generation === generation)
  if (pending === undefined && kept === undefined) return false
  call.fx.fs.ensure(posix.dirname(to), 0o755)
  removeFile(to, call)
  if (pending !== undefined) await call.fx.sql.copy(pending.file, to)
  const dir = call.fx.fs.open(posix.dirname(to))
  try {
    const name = posix.basename(to)
    if (pending === undefined && kept !== undefined) dir.create(name, await call.get(kept.content), kept.mode)
    const { mode, uid, gid }: Traits = pending === undefined ? (kept ?? statOf(to, call.fx)) : statOf(pending.file, call.fx)
    const now = dir.stat(name)
    if (now?.uid !== uid || now.gid !== gid) dir.chown(name, uid, gid)
    dir.chmod(name, mode)
    dir.sync(name)
  } finally {
    dir.close()
  }
  return true
}

/** What stood at a path before is known in a copy of the place as well. */
export async function carryDeleted(from: string, to: string, call: Hands): Promise<void> {
  const last = lastAt(from, call.fx)
  if (last < 0) return
  const kept = new Map((readRecord(from, call.fx)?.kept ?? []).map((one) => [one.generation, one]))
  for (const { file, generation } of pendingAt(from, call.fx)) {
    if (!isTooBig(statOf(file, call.fx).size)) kept.set(generation, await putContent(file, call))
  }
  writeRecord(to, { last, kept: [...kept.values()] }, call)
}

/** This generation is live again for good: what is kept of it is of the past. */
export function settleDeleted(path: string, generation: number, call: Hands): void {
  const record = readRecord(path, call.fx)
  if (record === null && generation === 0) return
  const last = Math.max(record?.last ?? 0, generation)
  const kept = (record?.kept ?? []).filter((one) => one.generation !== generation)
  if (record?.last !== last || record.kept.length !== kept.length) writeRecord(path, { last, kept }, call)
}

/** A consistent copy, whoever still has it open. */
async function putContent(file: string, call: Hands): Promise<Kept> {
  const copy = posix.join(call.room, 'deleted.db')
  removeFile(copy, call)
  await call.fx.sql.copy(file, copy)
  const room = call.fx.fs.open(call.room)
  try {
    const content = await call.put(room.read(posix.basename(copy)))
    const { mode, uid, gid } = statOf(file, call.fx)
    return { generation: generationIn(file, call.fx), content, mode, uid, gid }
  } finally {
    room.close()
    removeFile(copy, call)
  }
}

function pendingAt(path: string, fx: Reads | Effects): readonly Pending[] {
  const dir = openIfThere(fx, posix.dirname(path))
  if (dir === null) return []
  try {
    const prefix = posix.basename(asidePath(path, DELETED))
    const names = dir.list('').map(({ name }) => name)
    const files = names.filter((name) => name.startsWith(prefix) && !BESIDE.some((ending) => name.endsWith(ending)))
    return files.map((name) => {
      const file = posix.join(posix.dirname(path), name)
      return { generation: generationIn(file, fx), file }
    })
  } finally {
    dir.close()
  }
}

function generationIn(file: string, fx: Reads | Effects): number {
  const db = fx.sql.open(file)
  try {
    return readGeneration(db)
  } finally {
    db.close()
  }
}

function statOf(file: string, fx: Reads | Effects): Traits & { readonly size: number } {
  const dir = openIfThere(fx, posix.dirname(file))
  const stat = dir?.stat(posix.basename(file)) ?? null
  dir?.close()
  if (stat === null) throw changedSince(file, 'it is gone')
  return stat
}

function recordName(path: string): string {
  return `.${posix.basename(path)}.understudy-deleted`
}

function readRecord(path: string, fx: Reads | Effects): DeletedRecord | null {
  const dir = openIfThere(fx, posix.dirname(path))
  if (dir === null) return null
  try {
    const name = recordName(path)
    return dir.stat(name) === null ? null : recordSchema.parse(jsonFrom(dir.read(name)))
  } finally {
    dir.close()
  }
}

function writeRecord(path: string, record: DeletedRecord, call: Hands): void {
  const dir = call.fx.fs.open(posix.dirname(path))
  try {
    const name = recordName(path)
    dir.remove(`${name}.new`)
    dir.create(`${name}.new`, Buffer.from(JSON.stringify(record), 'utf8'), 0o600)
    dir.sync(`${name}.new`)
    dir.rename(`${name}.new`, dir, name, { replace: true })
    dir.sync('')
  } finally {
    dir.close()
  }
}

function syncAll(path: string, call: Hands): void {
  const dir = call.fx.fs.open(posix.dirname(path))
  try {
    dir.syncAll()
  } finally {
    dir.close()
  }
}
