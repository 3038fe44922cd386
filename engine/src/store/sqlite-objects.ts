// Owns: objects as sealed rows, big ones in pieces.
// Never: writes content in the clear; never answers with content that does not verify.
import type { DatabaseSync } from 'node:sqlite'
import { createHmac } from 'node:crypto'
import { isDigest } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { Sealer } from './seal.ts'
import { blob, hex, int } from './sqlite-row.ts'
import type { Row } from './sqlite-row.ts'
import type { Objects } from './store.ts'
import { storeFault } from './store-fault.ts'
import type { WriteQueue } from './write-queue.ts'

const PIECE = 4 << 20 // bytes: what is sealed and written at once, whatever the size of the whole
const DROP_AT_ONCE = 500 // keeps the transaction short for others
const PUT_TRIES = 3 // a piece vanishes only if the same content is dropped at the same moment
const PROVED_MAX = 50_000 // digests remembered as read and verified: about 6 MB
const RECENT_BYTES = 16 << 20 // content kept in memory, twice that: what was put while planning is read while rehearsing and preparing
const RECENT_MAX = 64 << 10 // bytes of one object that is kept so

export function sqliteObjects(db: DatabaseSync, queue: WriteQueue, sealer: Sealer): Objects {
  const one = db.prepare('select pieces, sealed from objects where digest = ? and piece = ?')
  const known = db.prepare('select 1 from objects where digest = ? and piece = 0')
  const rest = db.prepare('select count(*) as n from objects where digest = ? and piece > 0 and pieces = ?')
  const remove = db.prepare('delete from objects where digest = ?')
  const names = db.prepare('select distinct digest from objects where digest > ? order by digest limit ?')
  const usage = db.prepare('select count(*) filter (where piece = 0) as objects, coalesce(sum(length(sealed)), 0) as bytes from objects')
  const insert = db.prepare(
    `insert into objects (digest, piece, pieces, sealed) values (?, ?, ?, ?)
     on conflict (digest, piece) do update set pieces = excluded.pieces, sealed = excluded.sealed`,
  )

  /** Kept or verified by this handle: putting them again only asks whether they are still there. */
  const proved = new Set<Digest>()
  const prove = (digest: Digest): void => {
    if (proved.size >= PROVED_MAX) proved.clear()
    proved.add(digest)
  }

  let [recent, older] = [new Map<Digest, Uint8Array>(), new Map<Digest, Uint8Array>()]
  let recentBytes = 0
  /** Copied in and out: who gave or gets the bytes may change them. */
  const remember = (digest: Digest, bytes: Uint8Array): void => {
    if (bytes.length > RECENT_MAX || recent.has(digest)) return
    if (recentBytes + bytes.length > RECENT_BYTES) {
      older = recent
      recent = new Map()
      recentBytes = 0
    }
    recent.set(digest, new Uint8Array(bytes)) // slice() of a Buffer copies nothing
    recentBytes += bytes.length
  }

  /** Null when there is no such object. Faults `store.damaged`. */
  async function find(digest: Digest): Promise<Uint8Array | null> {
    const first = await queue.readOne(() => one.get(keyOf(digest), 0))
    if (first === undefined) return null
    // Pieces of one object are read in one snapshot: others may drop it meanwhile.
    return int(first, 'pieces') === 1 ? whole(digest, first) : queue.read(() => whole(digest, one.get(keyOf(digest), 0)))
  }

  function whole(digest: Digest, first: Row | undefined): Uint8Array | null {
    if (first === undefined) return null
    const key = keyOf(digest)
    const pieces = int(first, 'pieces')
    const parts: Uint8Array[] = []
    for (let piece = 0; piece < pieces; piece++) {
      const row = piece === 0 ? first : one.get(key, piece)
      parts.push(pieceOf(digest, piece, pieces, row))
    }
    const [only, ...others] = parts
    const bytes = only !== undefined && others.length === 0 ? only : Buffer.concat(parts)
    if (sealer.name(bytes) !== digest) throw otherDigest(digest)
    prove(digest)
    return bytes
  }

  function pieceOf(digest: Digest, piece: number, pieces: number, row: Row | undefined): Uint8Array {
    const part = row === undefined ? null : opened(blob(row, 'sealed'), placeOf(digest, piece, pieces))
    if (part === null) throw storeFault('store.damaged', `object ${digest}: piece ${piece} of ${pieces} does not verify`)
    return part
  }

  function opened(sealed: Uint8Array, place: string): Uint8Array | null {
    try {
      return sealer.open(sealed, place)
    } catch {
      return null // authentic, but cannot be unpacked: as good as damaged
    }
  }

  /** Cheap, for the many that are new; an error is left to the careful look that follows. */
  function mayBeThere(digest: Digest): boolean {
    try {
      return known.get(keyOf(digest)) !== undefined
    } catch {
      return true
    }
  }

  /** A damaged object counts as not there, so that putting its content again mends it. */
  async function isWhole(digest: Digest): Promise<boolean> {
    if (proved.has(digest)) return true
    try {
      return (await find(digest)) !== null
    } catch {
      return false
    }
  }

  /** The first piece is written last: an object whose first piece is there is whole. */
  async function keep(digest: Digest, bytes: Uint8Array): Promise<boolean> {
    const key = keyOf(digest)
    const pieces = Math.max(1, Math.ceil(bytes.length / PIECE))
    const sealed = (piece: number): Uint8Array =>
      sealer.seal(bytes.subarray(piece * PIECE, (piece + 1) * PIECE), placeOf(digest, piece, pieces))
    for (let piece = pieces - 1; piece > 0; piece--) {
      const part = sealed(piece)
      await queue.write({ durable: false, bytes: part.length }, () => void insert.run(key, piece, pieces, part))
    }
    const first = sealed(0)
    return queue.write({ durable: false, bytes: first.length }, () => {
      if (pieces > 1 && int(rest.get(key, pieces) ?? {}, 'n') !== pieces - 1) return false
      insert.run(key, 0, pieces, first)
      return true
    })
  }

  return {
    async put(bytes) {
      const digest = sealer.name(bytes)
      if (mayBeThere(digest) && (await isWhole(digest))) {
        queue.soil()
        return digest
      }
      for (let tries = 0; tries < PUT_TRIES; tries++) {
        if (!(await keep(digest, bytes))) continue
        prove(digest)
        remember(digest, bytes)
        return digest
      }
      throw storeFault('store.busy', `object ${digest} is dropped by others while it is kept`)
    },
    async get(digest) {
      const kept = recent.get(digest) ?? older.get(digest)
      if (kept !== undefined) {
        remember(digest, kept)
        return new Uint8Array(kept)
      }
      const bytes = isDigest(digest) ? await find(digest) : null
      if (bytes === null) throw storeFault('store.missing', `object ${digest}`)
      remember(digest, bytes)
      return bytes
    },
    async has(digest) {
      return isDigest(digest) && (await queue.read(() => known.get(keyOf(digest)) !== undefined))
    },
    async check(digest) {
      if (!isDigest(digest)) return null
      const row = await queue.readOne(() => one.get(keyOf(digest), 0))
      if (row === undefined) return null
      const pieces = int(row, 'pieces')
      const first = pieceOf(digest, 0, pieces, row)
      const naming = createHmac('sha256', sealer.nameKey).update(first)
      let bytes = first.length
      for (let piece = 1; piece < pieces; piece++) {
        const next = await queue.readOne(() => one.get(keyOf(digest), piece))
        const part = pieceOf(digest, piece, pieces, next)
        naming.update(part)
        bytes += part.length
      }
      if (`h:${naming.digest('hex')}` !== digest) throw otherDigest(digest)
      return { bytes, first }
    },
    digests: (after, limit) =>
      queue.read(() => names.all(after === null ? new Uint8Array() : keyOf(after), limit).map((row) => digestOf(hex(row, 'digest')))),
    name: (bytes) => sealer.name(bytes),
    nameKey: sealer.nameKey,
    flush: () => queue.flush(),
    async drop(digests) {
      const keys = digests.filter((digest) => isDigest(digest)).map(keyOf)
      for (let at = 0; at < keys.length; at += DROP_AT_ONCE) {
        const some = keys.slice(at, at + DROP_AT_ONCE)
        await queue.write({ durable: false, bytes: 0 }, () => {
          for (const key of some) remove.run(key)
        })
      }
    },
    usage: () =>
      queue.read(() => {
        const row = usage.get() ?? {}
        return { objects: int(row, 'objects'), bytes: int(row, 'bytes') }
      }),
  }
}

function otherDigest(digest: Digest): Error {
  return storeFault('store.damaged', `object ${digest}: its content has another digest`)
}

function digestOf(hexadecimal: string): Digest {
  const digest = `h:${hexadecimal}`
  if (isDigest(digest)) return digest
  throw storeFault('store.damaged', `an object has the name ${hexadecimal}`)
}

function keyOf(digest: Digest): Uint8Array {
  return Buffer.from(digest.slice(2), 'hex')
}

/** What a sealed piece is bound to: it opens nowhere else. */
function placeOf(digest: Digest, piece: number, pieces: number): string {
  return `${digest} ${piece} ${pieces}`
}
