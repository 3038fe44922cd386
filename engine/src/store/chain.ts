// Owns: the hash that makes a stream a chain, and the text of a body as it is kept.
// Never: reads or writes anything.
import { hash } from 'node:crypto'
import { canonical } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import type { Entry } from './store.ts'
import { storeFault } from './store-fault.ts'

/** `prev` of the first entry. */
export const FIRST = '0'.repeat(64)

const BODY_BYTES_MAX = 1 << 20 // 1 MiB: an entry is read whole and stays in memory; what is bigger is an object

/** Canonical text of a body. Faults `store.too-big` and `store.not-json`. */
export function bodyText(body: Json): string {
  const text = textOf(body)
  const bytes = Buffer.byteLength(text)
  if (bytes > BODY_BYTES_MAX) throw storeFault('store.too-big', `${bytes} bytes; at most ${BODY_BYTES_MAX}`)
  return text
}

function textOf(body: Json): string {
  try {
    return canonical(body)
  } catch (error) {
    throw storeFault('store.not-json', error instanceof Error ? error.message : String(error))
  }
}

/**
 * SHA-256 over the canonical JSON of an entry without its hash. `text` is the body as it is kept: it is hashed byte
 * for byte, so any change of it is seen, also one that would parse to the same value.
 */
export function entryHash({ stream, seq, epoch, at, prev }: Omit<Entry, 'hash' | 'body'>, text: string): string {
  const head = `"at":${at},"body":${text},"epoch":${epoch},"prev":"${prev}","seq":${seq},"stream":${JSON.stringify(stream)}`
  return hash('sha256', `understudy entry 1\n{${head}}`)
}

/** The same for a message of an inbox, which is not part of a chain. */
export function messageHash(stack: string, seq: number, at: number, text: string): string {
  return hash('sha256', `understudy message 1\n{"at":${at},"body":${text},"seq":${seq},"stack":${JSON.stringify(stack)}}`)
}

/** The body of a kept text whose hash has been verified. */
export function bodyOf(text: string): Json {
  const body: Json = JSON.parse(text)
  return body
}
