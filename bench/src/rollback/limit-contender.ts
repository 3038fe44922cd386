// Owns: the physical limit of a durable, checked undo: intent flushed, two directories exchanged, their parent synced,
// the changed files looked at by lstat, done flushed. Nothing is planned, compared, remembered or locked.
// Never: does more than that.
import { closeSync, fdatasyncSync, fsyncSync, lstatSync, openSync, writeSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { natives } from '@understudy/engine/testing'
import type { Contender } from './contender.ts'

const JOURNAL_BYTES = 1 << 20 // preallocated, so that a flush is one write and no new block: the fastest log there is
const RECORD = Buffer.alloc(200, 'x') // bytes, about a journal entry

/** @param v1 @param v2 directories with the two versions; hard links to their files are made. */
export interface Limit extends Contender {
  /** The same for one file: intent flushed, exchanged with its other side, its folder synced, looked at, done flushed; ms. */
  undoFile(path: string): number
}

export function limitContender(dir: string, v1: string, v2: string, changed: readonly string[]): Limit {
  const live = join(dir, 'limit-live')
  execFileSync('cp', ['-al', v2, live])
  execFileSync('cp', ['-al', v1, join(dir, 'limit-standby')])
  const parent = openSync(dir, 'r')
  const journal = openSync(join(dir, 'limit-journal'), 'wx', 0o600)
  writeSync(journal, Buffer.alloc(JOURNAL_BYTES))
  fsyncSync(journal)
  fsyncSync(parent)
  let at = 0
  const flush = (): void => {
    writeSync(journal, RECORD, 0, RECORD.length, at)
    at = (at + RECORD.length) % (JOURNAL_BYTES - RECORD.length)
    fdatasyncSync(journal)
  }
  const exchange = (): void => {
    const error = natives().renameAt(parent, 'limit-live', parent, 'limit-standby', 'exchange')
    if (error < 0) throw new Error(`RENAME_EXCHANGE failed with errno ${-error}`)
  }
  const paths = changed.map((path) => `${live}/${path}`)
  return {
    name: 'limit: exchange, fsync, 2 flushes, lstat',
    live,
    async undo() {
      const started = performance.now()
      flush()
      const switching = performance.now()
      exchange()
      fsyncSync(parent)
      const switched = performance.now()
      for (const path of paths) lstatSync(path)
      const checked = performance.now()
      flush()
      return {
        ms: performance.now() - started,
        parts: { switch: switched - switching, lstat: checked - switched },
      }
    },
    async redo() {
      exchange()
      fsyncSync(parent)
    },
    undoFile(path) {
      const started = performance.now()
      flush()
      const error = natives().renameAt(parent, `limit-live/${path}`, parent, `limit-standby/${path}`, 'exchange')
      if (error < 0) throw new Error(`RENAME_EXCHANGE failed with errno ${-error}`)
      const folder = openSync(dirname(`${live}/${path}`), 'r')
      fsyncSync(folder)
      closeSync(folder)
      lstatSync(`${live}/${path}`)
      flush()
      return performance.now() - started
    },
    async close() {
      closeSync(journal)
      closeSync(parent)
    },
  }
}
