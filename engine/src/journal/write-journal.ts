// Owns: the writing end of one log stream: entries in order, each batch one durable append, expecting nobody else's.
// Never: retries a conflict; whoever gets one is no longer the writer.
import { jsonOf } from '../model/json-of.ts'
import type { JournalEntry } from '../model/journal.ts'
import type { Store } from '../store/store.ts'

export interface Journal {
  readonly epoch: number
  /** Durable when it resolves. Calls queue; after one failed, all later ones fail the same way. */
  readonly append: (entries: readonly JournalEntry[]) => Promise<void>
}

/** @param seq last seq of the stream as the writer knows it; anything else there is `store.conflict`. */
export function writeJournal(store: Store, stream: string, epoch: number, seq: number): Journal {
  let last = seq
  let queue: Promise<void> = Promise.resolve()
  return {
    epoch,
    append(entries) {
      queue = queue.then(async () => {
        await store.append(
          stream,
          epoch,
          last,
          entries.map((entry) => jsonOf(entry)),
        )
        last += entries.length
      })
      return queue
    },
  }
}
