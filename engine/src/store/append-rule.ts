// Owns: when an append is refused, and the entries it makes, the same for all stores.
// Never: keeps anything.
import type { Json } from '@understudy/contract'
import { bodyText, entryHash } from './chain.ts'
import type { Entry } from './store.ts'
import { storeFault } from './store-fault.ts'

export interface Head {
  readonly seq: number
  readonly hash: string
  /** Epoch of the last entry; 0 for an empty stream. */
  readonly epoch: number
}

export interface Prepared {
  readonly entry: Entry
  readonly text: string
}

/** Bodies with their texts, made before anything is locked. */
export function textsOf(bodies: readonly Json[]): readonly { readonly body: Json; readonly text: string }[] {
  return bodies.map((body) => ({ body, text: bodyText(body) }))
}

/** Faults `store.conflict`. @param given highest epoch given out for the stack. */
export function checkAppend(stream: string, epoch: number, expectedSeq: number, head: Head, given: number): void {
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw storeFault('store.not-json', `epoch ${epoch}`)
  if (epoch < given) throw storeFault('store.conflict', `${stream}: epoch ${epoch} was taken over by epoch ${given}`)
  if (epoch < head.epoch) throw storeFault('store.conflict', `${stream}: epoch ${epoch}, but epoch ${head.epoch} has written since`)
  if (head.seq !== expectedSeq) throw storeFault('store.conflict', `${stream}: its last entry is ${head.seq}, not ${expectedSeq}`)
}

export function chainOn(
  stream: string,
  epoch: number,
  at: number,
  head: Head,
  texts: readonly { readonly body: Json; readonly text: string }[],
): readonly Prepared[] {
  let { seq, hash: prev } = head
  return texts.map(({ body, text }) => {
    seq += 1
    const open = { stream, seq, epoch, at, prev }
    const hash = entryHash(open, text)
    prev = hash
    return { entry: { ...open, hash, body }, text }
  })
}
