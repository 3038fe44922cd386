// Owns: which roots a step made slots in, noted before it does, so that a kill leaves nothing that is not found.
// Never: holds anything else.
import { z } from 'zod'
import type { Hands } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'

const shape = z.array(z.string())

function nameOf(key: string): string {
  return `slots-${key.replaceAll('/', '-')}.json`
}

export function rememberRoots(call: Hands, roots: readonly string[]): void {
  const room = call.fx.fs.open(call.room)
  try {
    room.remove(nameOf(call.key))
    room.create(nameOf(call.key), Buffer.from(JSON.stringify(roots)), 0o600)
    room.sync(nameOf(call.key))
    room.sync('')
  } finally {
    room.close()
  }
}

/** Empty when none were made. */
export function rememberedRoots(call: Hands, key: string): readonly string[] {
  const room = openIfThere(call.fx, call.room)
  if (room === null) return []
  try {
    if (room.stat(nameOf(key)) === null) return []
    const parsed = shape.safeParse(JSON.parse(Buffer.from(room.read(nameOf(key))).toString('utf8')))
    return parsed.success ? parsed.data : []
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return [] // killed while noting it: nothing was made yet
    throw thrown
  } finally {
    room.close()
  }
}

export function forgetRoots(call: Hands, key: string): void {
  const room = openIfThere(call.fx, call.room)
  try {
    room?.remove(nameOf(key))
  } finally {
    room?.close()
  }
}
