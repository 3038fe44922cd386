// Owns: what is remembered of a file in this world: which contents hold secrets, and when our own renames touched it.
// Never: needed to tell which side is live; without it a file is read once more, and nothing else.
import { z } from 'zod'
import type { Digest, Hands, Look } from '@understudy/contract'
import { openIfThere } from './open-if-there.ts'

const NAME = 'file.json'
const KEPT_MAX = 64 // of each: contents and inodes of one file's recent past

const shape = z.object({
  /** Contents that hold a secret. */
  secrets: z.array(z.string()),
  /** Inode and its ctime right after we renamed it. */
  moved: z.array(z.tuple([z.string(), z.string()])),
})

export type FileRecord = z.output<typeof shape>

const empty: FileRecord = { secrets: [], moved: [] }

export function readRecord(call: Look): FileRecord {
  const room = openIfThere(call.fx, call.room)
  if (room === null) return empty
  try {
    if (room.stat(NAME) === null) return empty
    const parsed = shape.safeParse(JSON.parse(Buffer.from(room.read(NAME)).toString('utf8')))
    return parsed.success ? parsed.data : empty
  } catch {
    return empty // half of one, or none
  } finally {
    room.close()
  }
}

export function writeRecord(call: Hands, record: FileRecord): void {
  const room = call.fx.fs.open(call.room)
  try {
    const next = `${NAME}.new`
    room.remove(next)
    const kept = { secrets: record.secrets.slice(-KEPT_MAX), moved: record.moved.slice(-KEPT_MAX) }
    room.create(next, Buffer.from(JSON.stringify(kept)), 0o600)
    room.sync(next)
    room.rename(next, room, NAME, { replace: true })
  } finally {
    room.close()
  }
}

/** Remembers that a content holds a secret. Must be durable before the content is live. */
export function rememberSecret(call: Hands, digest: Digest): void {
  const record = readRecord(call)
  if (record.secrets.includes(digest)) return
  writeRecord(call, { ...record, secrets: [...record.secrets, digest] })
}

export function rememberMoved(call: Hands, prints: readonly { readonly ino: string; readonly ctimeNs: string }[]): void {
  const record = readRecord(call)
  const others = record.moved.filter(([ino]) => !prints.some((print) => print.ino === ino))
  writeRecord(call, { ...record, moved: [...others, ...prints.map(({ ino, ctimeNs }): [string, string] => [ino, ctimeNs])] })
}
