// Owns: flushing SQLite's write-ahead log. SQLite as Node builds it flushes with fsync, which also waits for the file's new
// modification time to be journalled: three to five times the cost of the data alone. So a commit of ours leaves that to this.
// Never: reads or writes the log; closes it before the database is closed.
import { closeSync, fdatasyncSync, fstatSync, openSync } from 'node:fs'
import { storeFault } from './store-fault.ts'

export interface WalFile {
  /** Everything that was written to the log, by whomever, is on the disk when this returns. */
  flush(): void
  close(): void
}

/** @param path of the database; its log stands beside it for as long as the database is open. */
export function openWalFile(path: string): WalFile {
  let fd: number | null = null
  return {
    flush() {
      fd ??= openSync(`${path}-wal`, 'r')
      if (fstatSync(fd).nlink === 0) throw storeFault('store.damaged', `${path}-wal was removed while the store was open`)
      fdatasyncSync(fd)
    },
    close() {
      if (fd !== null) closeSync(fd)
      fd = null
    },
  }
}
