// Owns: log streams in SQLite. `heads` says where each stream ends, so that a tail that vanished is seen too.
// Never: chains onto something that does not agree with its head.
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../fx/recorder.ts'
import { chainOn, checkAppend, textsOf } from './append-rule.ts'
import type { Head } from './append-rule.ts'
import { bodyOf, entryHash, FIRST } from './chain.ts'
import { checkName, stackOf } from './names.ts'
import { hex, int, text } from './sqlite-row.ts'
import type { Entry, Store } from './store.ts'
import { storeFault } from './store-fault.ts'
import type { WriteQueue } from './write-queue.ts'

export interface Log extends Pick<Store, 'append' | 'entries' | 'head' | 'streams' | 'dropStream'> {
  /** Epoch of the last entry of a stream; inside a transaction. */
  readonly lastEpoch: (stream: string) => number
}

export function sqliteLog(db: DatabaseSync, queue: WriteQueue, clock: Clock): Log {
  const headRow = db.prepare('select seq, epoch, hash from heads where stream = ?')
  const lastRow = db.prepare('select seq, epoch, hash from entries where stream = ? order by seq desc limit 1')
  const given = db.prepare('select epoch from leases where stack = ?')
  const insert = db.prepare('insert into entries (stream, seq, epoch, at, hash, body) values (?, ?, ?, ?, ?, ?)')
  const hashAt = db.prepare('select hash from entries where stream = ? and seq = ?')
  const page = db.prepare('select seq, epoch, at, hash, body from entries where stream = ? and seq > ? order by seq limit ?')
  // Also those that have only one of head and entries. From name to name: a stream may have a million entries.
  const from = db.prepare(
    `with recursive written(stream) as (
       select min(stream) from entries where stream >= ?1
       union all select (select min(stream) from entries e where e.stream > written.stream) from written where stream is not null)
     select stream from heads where stream >= ?1 union select stream from written where stream is not null order by stream`,
  )
  const removeEntries = db.prepare('delete from entries where stream = ?')
  const removeHead = db.prepare('delete from heads where stream = ?')
  const setHead = db.prepare(
    `insert into heads (stream, seq, epoch, hash) values (?, ?, ?, ?)
     on conflict (stream) do update set seq = excluded.seq, epoch = excluded.epoch, hash = excluded.hash`,
  )

  function headOf(stream: string): Head {
    const said = headRow.get(stream)
    const last = lastRow.get(stream)
    if (said === undefined && last === undefined) return { seq: 0, hash: FIRST, epoch: 0 }
    if (last === undefined) throw damaged(stream, 1, 'it is gone')
    if (said === undefined) throw damaged(stream, int(last, 'seq'), 'the head of its stream is gone')
    const head = { seq: int(said, 'seq'), hash: hex(said, 'hash'), epoch: int(said, 'epoch') }
    const seq = int(last, 'seq')
    if (seq !== head.seq) throw damaged(stream, Math.min(seq, head.seq) + 1, `the stream has ${seq} entries where ${head.seq} were written`)
    if (hex(last, 'hash') !== head.hash || int(last, 'epoch') !== head.epoch) throw damaged(stream, seq, 'it is not what was written')
    return head
  }

  /** The entries, each proved by the hash of the one before and its own. */
  function verified(stream: string, afterSeq: number, limit: number): readonly Entry[] {
    const head = headOf(stream)
    if (afterSeq >= head.seq || limit <= 0) return []
    const entries: Entry[] = []
    let prev = FIRST
    if (afterSeq > 0) {
      const before = hashAt.get(stream, afterSeq)
      if (before === undefined) throw damaged(stream, afterSeq, 'it is gone')
      prev = hex(before, 'hash')
    }
    let next = afterSeq + 1
    for (const row of page.iterate(stream, afterSeq, limit)) {
      const seq = int(row, 'seq')
      if (seq !== next) throw damaged(stream, next, 'it is gone')
      const body = text(row, 'body')
      const open = { stream, seq, epoch: int(row, 'epoch'), at: int(row, 'at'), prev }
      const hash = hex(row, 'hash')
      if (entryHash(open, body) !== hash) throw damaged(stream, seq, 'its hash does not fit')
      entries.push({ ...open, hash, body: bodyOf(body) })
      prev = hash
      next++
    }
    const last = Math.min(afterSeq + limit, head.seq)
    if (next !== last + 1) throw damaged(stream, next, 'it is gone')
    if (last === head.seq && prev !== head.hash) throw damaged(stream, last, 'it is not what was written')
    return entries
  }

  return {
    async append(stream, epoch, expectedSeq, bodies) {
      const stack = stackOf(stream)
      const texts = textsOf(bodies)
      const bytes = texts.reduce((sum, { text: body }) => sum + body.length, 0)
      return queue.write({ durable: true, bytes }, () => {
        const lease = given.get(stack)
        const head = headOf(stream)
        checkAppend(stream, epoch, expectedSeq, head, lease === undefined ? 0 : int(lease, 'epoch'))
        const made = chainOn(stream, epoch, Math.trunc(clock.now()), head, texts)
        for (const { entry, text: body } of made) {
          insert.run(stream, entry.seq, epoch, entry.at, Buffer.from(entry.hash, 'hex'), body)
        }
        const last = made.at(-1)
        // Even an empty append makes durable what was put before.
        if (last !== undefined) setHead.run(stream, last.entry.seq, epoch, Buffer.from(last.entry.hash, 'hex'))
        return made.map(({ entry }) => entry)
      })
    },
    async entries(stream, afterSeq, limit) {
      checkName(stream)
      return queue.read(() => verified(stream, Math.max(0, afterSeq), Math.min(limit, Number.MAX_SAFE_INTEGER)))
    },
    async head(stream) {
      checkName(stream)
      return queue.read(() => {
        const { seq, hash } = headOf(stream)
        return { seq, hash }
      })
    },
    streams: (prefix) =>
      queue.read(() => {
        const names: string[] = []
        for (const row of from.iterate(prefix)) {
          const stream = text(row, 'stream')
          if (!stream.startsWith(prefix)) break
          names.push(stream)
        }
        return names
      }),
    async dropStream(stream) {
      if (stackOf(stream) === stream)
        throw storeFault('store.bad-name', `${JSON.stringify(stream)} is a stack's own log and cannot be dropped`)
      await queue.write({ durable: true, bytes: 0 }, () => {
        removeEntries.run(stream)
        removeHead.run(stream)
      })
    },
    lastEpoch: (stream) => headOf(stream).epoch,
  }
}

function damaged(stream: string, seq: number, why: string): Error {
  return storeFault('store.damaged', `entry ${seq} of ${stream}: ${why}`)
}
