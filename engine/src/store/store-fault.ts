// Owns: every fault that a store of any kind throws: code, class, summary and what to do.
// Never: holds content of an entry or object.
import { Fault } from '@understudy/contract'
import type { FaultClass } from '@understudy/contract'

interface Kind {
  readonly class: FaultClass
  readonly summary: string
  readonly hint: string
}

const kinds = {
  'store.conflict': {
    class: 'conflict',
    summary: 'Somebody else has written to this log.',
    hint: 'Nothing was written. Read the stack again and start over.',
  },
  'store.missing': {
    class: 'invalid',
    summary: 'The store does not hold this object.',
    hint: 'It was dropped by retention, or belongs to another store. `understudy verify-store` names what is lost.',
  },
  'store.damaged': {
    class: 'invalid',
    summary: 'The store is damaged.',
    hint: 'Nothing was changed. `understudy verify-store` says what can still be gone back to; what is lost is in a backup.',
  },
  'store.key-missing': {
    class: 'invalid',
    summary: 'The key of the store is gone.',
    hint: 'Put the file `key` back beside `store.db` from a backup: without it nothing in the store can be read. A new key is never made for an existing store.',
  },
  'store.key-wrong': {
    class: 'invalid',
    summary: 'The key does not belong to this store.',
    hint: 'Put the file `key` that was made with this `store.db` back beside it.',
  },
  'store.newer-version': {
    class: 'invalid',
    summary: 'The store was made by a newer version.',
    hint: 'Use that version or a newer one. Nothing was written.',
  },
  'store.no-wal': {
    class: 'invalid',
    summary: 'This file system cannot hold a store.',
    hint: 'Keep the store on a local disk: SQLite needs shared memory beside its file (write-ahead log).',
  },
  'store.elsewhere': {
    class: 'invalid',
    summary: 'The store belongs to another folder.',
    hint: 'Move the folder back. For a stack of its own here, remove `.understudy` from the copy: what the original manages stays.',
  },
  'store.too-big': {
    class: 'invalid',
    summary: 'This is too big for one entry.',
    hint: 'Keep the content as an object and write its digest.',
  },
  'store.bad-name': {
    class: 'invalid',
    summary: 'The store cannot use this name.',
    hint: 'A name has 1 to 512 bytes of UTF-8 without control characters; a stack has no slash in it.',
  },
  'store.not-json': {
    class: 'bug',
    summary: 'An entry holds what JSON cannot say.',
    hint: 'This is a bug: report it with the command that led here.',
  },
  'store.busy': {
    class: 'transient',
    summary: 'Another process is keeping the store locked.',
    hint: 'Try again. If it stays so, look for a process that is stopped in the middle of writing.',
  },
  'store.forbidden': {
    class: 'forbidden',
    summary: 'The store cannot be opened or written with these rights.',
    hint: 'Give this user the right to read and write the folder of the store and everything in it.',
  },
  'store.io': {
    class: 'outcome-unknown',
    summary: 'The disk failed under the store.',
    hint: 'Look at the disk and the kernel log, then run the command again: it begins by reading what was really written.',
  },
  'store.closed': {
    class: 'bug',
    summary: 'The store was used after it was closed.',
    hint: 'This is a bug: report it with the command that led here.',
  },
  'fs.no-space': {
    class: 'transient',
    summary: 'The disk is full.',
    hint: 'Nothing was lost. Make room and run the command again.',
  },
} as const satisfies Readonly<Record<string, Kind>>

export type StoreFaultCode = keyof typeof kinds

export function storeFault(code: StoreFaultCode, detail: string): Fault {
  return new Fault({ code, ...kinds[code], detail })
}
