// Owns: the `call` a provider gets: effects bound to one world, resource and step, store, room, secrets, progress.
// Never: tells whether the world is the primary.
import type { Effects, Hands, Look, Reads } from '@understudy/contract'
import { fileNamer } from '../fx/name-files.ts'
import { printFiles } from '../fx/print-files.ts'
import type { Recorder } from '../fx/recorder.ts'
import { secretPieces } from '../model/secret-pieces.ts'
import type { Objects } from '../store/store.ts'

export interface CallOptions {
  readonly objects: Pick<Objects, 'get' | 'put' | 'name' | 'nameKey'>
  readonly recorder: Recorder
  readonly fx: { readonly reads: Reads; readonly effects: Effects }
  /** The resource's own directory in this world. */
  readonly room: string
  readonly progress?: Look['progress']
}

export function lookCall({ objects, recorder, fx, room, progress }: CallOptions): Look {
  return {
    signal: recorder.signal,
    fx: fx.reads,
    room,
    get: (digest) => objects.get(digest),
    put: (bytes) => objects.put(bytes),
    name: (bytes) => objects.name(bytes),
    nameFiles: fileNamer(objects.nameKey),
    prints: printFiles,
    async reveal(secret) {
      const text = Buffer.from(await objects.get(secret.mac)).toString('utf8')
      for (const piece of secretPieces(secret, text)) recorder.hide(piece)
      return text
    },
    progress: progress ?? (() => undefined),
  }
}

/** Like `lookCall`, and may write. The room is made first (0700). */
export function handsCall(options: CallOptions, key: string, epoch: number): Hands {
  options.fx.effects.fs.ensure(options.room, 0o700)
  return { ...lookCall(options), fx: options.fx.effects, key, epoch }
}
