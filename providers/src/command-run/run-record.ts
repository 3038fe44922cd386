// Owns: what is remembered of a command in one world: that it ran, which paths are its own, what it said.
// Never: says what is in the files; that is read from them.
import type { Hands, Look } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { recordSchema } from './spec.ts'
import type { RunRecord } from './spec.ts'

const NAME = 'ran.json'

/** Null when it has not run here. */
export function readRecord(call: Look): RunRecord | null {
  const room = openIfThere(call.fx, call.room)
  if (room === null) return null
  try {
    if (room.stat(NAME) === null) return null
    const parsed = recordSchema.safeParse(JSON.parse(Buffer.from(room.read(NAME)).toString('utf8')))
    return parsed.success ? parsed.data : null
  } finally {
    room.close()
  }
}

/** Durable when it returns; whole or not at all. */
export function writeRecord(call: Hands, record: RunRecord | null): void {
  const room = call.fx.fs.open(call.room)
  try {
    if (record === null) {
      room.remove(NAME)
    } else {
      const next = `${NAME}.new`
      room.remove(next)
      room.create(next, Buffer.from(JSON.stringify(record)), 0o600)
      room.sync(next)
      room.rename(next, room, NAME, { replace: true })
    }
    room.sync('')
  } finally {
    room.close()
  }
}
