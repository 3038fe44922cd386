// Owns: space on the store's disk that is kept for going back: a full disk must not take the undo away.
// Never: is needed for anything to work; keeps space that is not there several times over.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../fx/system-error.ts'

/** Entries, artefacts and write-ahead log of an undo take some hundred KiB. */
const RESERVE_BYTES = 1 << 20
const ROOM_MIN = 4 * RESERVE_BYTES
const SLICE_BYTES = 256 << 10 // SQLite's shared memory, a few times over

export interface Reserve {
  /** Before anything that goes forward: makes it where it is missing and there is room. */
  keep(): void
  /** Before anything that goes back: lets go of it where the disk is as good as full. */
  free(): void
  /** A slice of it, so that the store can be opened at all; false where there is none left. */
  lend(): boolean
}

/** `dir` is the store's folder. Random bytes, so that no file system compresses or shares them away. */
export function openReserve(dir: string): Reserve {
  const path = join(dir, 'reserve')
  const size = (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const room = (): number => {
    const { bavail, bsize } = statfsSync(dir)
    return bavail * bsize
  }
  return {
    keep() {
      if (size() === RESERVE_BYTES || room() < ROOM_MIN) return
      const draft = `${path}.${process.pid}`
      try {
        const file = openSync(draft, 'w', 0o600)
        try {
          writeSync(file, randomBytes(RESERVE_BYTES))
          fsyncSync(file)
        } finally {
          closeSync(file)
        }
        renameSync(draft, path)
      } catch (thrown) {
        rmSync(draft, { force: true })
        if (codeOf(thrown) !== 'ENOSPC') throw thrown // it filled up meanwhile: what is applied next says so
      }
    },
    free() {
      if (room() < RESERVE_BYTES) rmSync(path, { force: true })
    },
    lend() {
      const left = size() - SLICE_BYTES
      if (left <= 0) return false
      truncateSync(path, left)
      return true
    },
  }
}
