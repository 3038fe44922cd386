// Owns: the inbox of each stack in SQLite.
// Never: says the same key twice.
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../fx/recorder.ts'
import { bodyOf, bodyText, messageHash } from './chain.ts'
import { checkName, checkStack } from './names.ts'
import { hex, int, text } from './sqlite-row.ts'
import type { Message, Store } from './store.ts'
import { storeFault } from './store-fault.ts'
import type { WriteQueue } from './write-queue.ts'

export function sqliteInbox(db: DatabaseSync, queue: WriteQueue, clock: Clock): Pick<Store, 'send' | 'inbox'> {
  const said = db.prepare('select 1 from messages where stack = ? and key = ?')
  const last = db.prepare('select coalesce(max(seq), 0) as seq from messages where stack = ?')
  const insert = db.prepare('insert into messages (stack, seq, key, at, hash, body) values (?, ?, ?, ?, ?, ?)')
  const page = db.prepare('select seq, at, hash, body from messages where stack = ? and seq > ? order by seq limit ?')
  return {
    async send(stack, key, body) {
      checkStack(stack)
      checkName(key)
      const kept = bodyText(body)
      await queue.write({ durable: true, bytes: kept.length }, () => {
        if (said.get(stack, key) !== undefined) return
        const seq = int(last.get(stack) ?? {}, 'seq') + 1
        const at = Math.trunc(clock.now())
        insert.run(stack, seq, key, at, Buffer.from(messageHash(stack, seq, at, kept), 'hex'), kept)
      })
    },
    async inbox(stack, after, most) {
      checkStack(stack)
      const afterSeq = Math.max(0, after)
      const limit = Math.min(most, Number.MAX_SAFE_INTEGER)
      return queue.read(() => {
        const messages: Message[] = []
        if (limit <= 0) return messages
        for (const row of page.iterate(stack, afterSeq, limit)) {
          const seq = int(row, 'seq')
          const at = int(row, 'at')
          const kept = text(row, 'body')
          if (seq !== afterSeq + messages.length + 1 || messageHash(stack, seq, at, kept) !== hex(row, 'hash')) {
            throw storeFault('store.damaged', `message ${afterSeq + messages.length + 1} to ${stack} does not verify`)
          }
          messages.push({ seq, at, body: bodyOf(kept) })
        }
        return messages
      })
    },
  }
}
