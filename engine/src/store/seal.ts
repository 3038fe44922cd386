// Owns: how content is named, compressed and sealed, under keys derived from the store's one key.
// Never: keeps anything; never uses a nonce twice but by a chance of 2^-32 after four billion objects.
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomFillSync } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { isDigest } from '@understudy/contract'
import type { KeyObject } from 'node:crypto'
import type { Digest } from '@understudy/contract'

export interface Sealer {
  /** `h:` and HMAC-SHA-256, hexadecimal. */
  name(bytes: Uint8Array): Digest
  readonly nameKey: KeyObject
  /** Compressed where that makes it smaller, then AES-256-GCM. `place` says where it belongs; it opens nowhere else. */
  seal(bytes: Uint8Array, place: string): Uint8Array
  /** Null for anything that `seal` did not make for that place under this key. */
  open(sealed: Uint8Array, place: string): Uint8Array | null
  /** Proves that a store and a key belong together. */
  readonly check: string
}

const NONCE = 12 // bytes, as GCM wants them
const TAG = 16
const PLAIN = 0 // first byte: how the content was packed
const ZSTD = 1
const PACK_FROM = 128 // bytes; below that zstd's own frame eats what it saves
const PACK_TO = 64 << 20 // bytes; the most that one sealed piece may unpack to

export function createSealer(key: Uint8Array): Sealer {
  const derive = (use: string) => createSecretKey(Buffer.from(hkdfSync('sha256', key, '', `understudy 1 ${use}`, 32)))
  const naming = derive('name')
  const sealing = derive('seal')
  const nonces = new Nonces()
  return {
    nameKey: naming,
    name: (bytes) => digestOf(createHmac('sha256', naming).update(bytes).digest('hex')),
    seal(bytes, place) {
      const packed = bytes.length < PACK_FROM ? null : pack(bytes)
      const nonce = nonces.next()
      const kind = Buffer.from([packed === null ? PLAIN : ZSTD])
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce, { authTagLength: TAG })
      cipher.setAAD(Buffer.concat([kind, Buffer.from(place)]))
      const body = cipher.update(packed ?? bytes)
      cipher.final() // GCM holds nothing back
      return Buffer.concat([kind, nonce, cipher.getAuthTag(), body])
    },
    open(sealed, place) {
      const from = 1 + NONCE + TAG
      if (sealed.length < from) return null
      const decipher = createDecipheriv('aes-256-gcm', sealing, sealed.subarray(1, 1 + NONCE), { authTagLength: TAG })
      decipher.setAuthTag(sealed.subarray(1 + NONCE, from))
      decipher.setAAD(Buffer.concat([sealed.subarray(0, 1), Buffer.from(place)]))
      const packed = decipher.update(sealed.subarray(from))
      try {
        decipher.final()
      } catch {
        return null // not authentic: that is the answer
      }
      return sealed[0] === ZSTD ? zstdDecompressSync(packed, { maxOutputLength: PACK_TO }) : packed
    },
    check: createHmac('sha256', naming).update('understudy key check').digest('hex'),
  }
}

/** Null when it would not be smaller. The window fits the content: making a bigger one costs more than the work itself. */
function pack(bytes: Uint8Array): Uint8Array | null {
  const windowLog = Math.min(21, Math.max(10, Math.ceil(Math.log2(bytes.length))))
  const level = bytes.length < 1 << 14 ? 1 : 3 // small: set-up dominates
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: windowLog }
  const chunkSize = Math.max(64, bytes.length) // what it allocates for the result; its default is 16 KiB however small the content
  const packed = zstdCompressSync(bytes, { params, chunkSize })
  return packed.length < bytes.length ? packed : null
}

function digestOf(hex: string): Digest {
  const digest = `h:${hex}`
  if (!isDigest(digest)) throw new TypeError('an HMAC has 64 hexadecimal digits')
  return digest
}

/** Random nonces, drawn many at a time: one call of the generator each costs as much as sealing. */
class Nonces {
  readonly #pool = Buffer.alloc(NONCE * 256)
  #at = this.#pool.length
  next(): Uint8Array {
    if (this.#at === this.#pool.length) {
      randomFillSync(this.#pool)
      this.#at = 0
    }
    const nonce = Buffer.from(this.#pool.subarray(this.#at, this.#at + NONCE))
    this.#at += NONCE
    return nonce
  }
}
