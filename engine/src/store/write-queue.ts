// Owns: all writing of one handle: what is asked for in one turn of the event loop goes into one transaction, so that
// many appends share one flush of the disk, and objects are never flushed one by one.
// Never: blocks the event loop for long because another process writes; never uses a handle after the disk failed.
import type { DatabaseSync } from 'node:sqlite'
import { Fault } from '@understudy/contract'
import { isBroken, isBusy, sqliteFault } from './sqlite-fault.ts'
import { storeFault } from './store-fault.ts'
import { openWalFile } from './wal-file.ts'

export interface WriteQueue {
  /**
   * Runs `work` inside a transaction with others. A Fault that it throws, which it must do before its first write, is its own; any other
   * error takes the whole transaction back. `durable`: resolves only after the log is flushed.
   */
  write<T>(how: { readonly durable: boolean; readonly bytes: number }, work: () => T): Promise<T>
  /** Reads in one snapshot. */
  read<T>(work: () => T): Promise<T>
  /** Reads with one statement, which is a snapshot by itself. */
  readOne<T>(work: () => T): Promise<T>
  /** Something is in the log that was perhaps not flushed yet. */
  soil(): void
  /** Flushes if there is anything to. */
  flush(): Promise<void>
  close(): Promise<void>
}

interface Job {
  readonly durable: boolean
  readonly bytes: number
  /** Runs it; what it returns settles the promise. */
  readonly attempt: () => () => void
  readonly reject: (error: unknown) => void
}

const BATCH_BYTES = 8 << 20 // what one transaction and the waiting may hold in memory
const BATCH_JOBS = 2_000 // about 20 ms: others wait no longer for the lock
const CHECKPOINT_BYTES = 8 << 20 // written since the last one; costs some ms, paid after the answers have been given
const COMMIT_BYTES = 16 << 10 // about four pages for the smallest transaction
const BUSY_TRIES = 1_000 // times 20 ms (busy timeout) + 5 ms on average: about 25 s, more than any transaction of ours takes
const BUSY_WAIT_MS = 10

const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, Math.random() * BUSY_WAIT_MS))

/** Tries again while another process holds the lock. */
export async function whileBusy<T>(attempt: () => T): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || tries >= BUSY_TRIES) throw error
    }
    await pause()
  }
}

/** @param guard runs first in each transaction; a fault it throws refuses the whole. */
export function createWriteQueue(db: DatabaseSync, where: string, guard: () => void): WriteQueue {
  const begin = db.prepare('begin immediate')
  const openRead = db.prepare('begin')
  const commit = db.prepare('commit')
  const changes = db.prepare('select total_changes() as n')
  const log = openWalFile(where)
  let jobs: Job[] = []
  let bytes = 0
  let tries = 0
  let scheduled = false
  let soiled = true // what an earlier process wrote and did not flush
  let broken: Error | null = null
  let closed = false
  let sinceCheckpoint = 0

  const refusal = (): Error | null => (closed ? storeFault('store.closed', where) : broken)

  const schedule = (): void => {
    if (scheduled) return
    scheduled = true
    setImmediate(turn)
  }

  function turn(): void {
    scheduled = false
    if (jobs.length === 0) return
    const batch = nextBatch(jobs)
    const durable = batch.some((job) => job.durable)
    try {
      begin.run()
    } catch (error) {
      if (isBusy(error) && tries < BUSY_TRIES) {
        tries++
        scheduled = true
        setTimeout(turn, Math.random() * BUSY_WAIT_MS)
        return
      }
      drop(batch)
      fail(batch, error)
      if (jobs.length > 0) schedule()
      return
    }
    drop(batch)
    run(batch, durable)
    if (jobs.length > 0) schedule()
  }

  function drop(batch: readonly Job[]): void {
    tries = 0
    jobs = jobs.slice(batch.length)
    for (const job of batch) bytes -= job.bytes
  }

  function run(batch: readonly Job[], durable: boolean): void {
    let settle: readonly (() => void)[]
    try {
      guard()
      const before = changes.get()?.['n']
      settle = batch.map((job) => job.attempt())
      const wrote = changes.get()?.['n'] !== before
      commit.run()
      if (wrote) soiled = true
    } catch (error) {
      takeBack(error)
      fail(batch, error)
      return
    }
    if (durable && soiled && !flushLog(batch)) return
    for (const answer of settle) answer()
    sinceCheckpoint += batch.reduce((sum, job) => sum + job.bytes, COMMIT_BYTES)
    if (sinceCheckpoint >= CHECKPOINT_BYTES) {
      sinceCheckpoint = 0
      setImmediate(checkpoint)
    }
  }

  /** All of the log: what this batch wrote, and all earlier ones, also those of other processes. False: nobody knows what is on the disk. */
  function flushLog(batch: readonly Job[]): boolean {
    try {
      log.flush()
      soiled = false
      return true
    } catch (error) {
      broken ??= sqliteFault(error, where)
      fail(batch, error)
      return false
    }
  }

  function takeBack(error: unknown): void {
    try {
      if (db.isTransaction) db.exec('rollback')
    } catch (second) {
      broken ??= sqliteFault(second, where)
    }
    if (isBroken(error)) broken ??= sqliteFault(error, where)
  }

  function fail(batch: readonly Job[], error: unknown): void {
    const fault = sqliteFault(error, where)
    for (const job of batch) job.reject(fault)
    if (broken === null) return
    for (const job of jobs) job.reject(broken)
    jobs = []
    bytes = 0
  }

  function checkpoint(): void {
    if (closed || broken !== null) return
    try {
      db.exec('pragma wal_checkpoint(passive)')
    } catch (error) {
      // Busy or full: the log stays as it is, which is safe, and the next one tries again.
      if (isBroken(error)) broken ??= sqliteFault(error, where)
    }
  }

  function write<T>(how: { readonly durable: boolean; readonly bytes: number }, work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const refused = refusal()
      if (refused !== null) {
        reject(refused)
        return
      }
      const attempt = (): (() => void) => {
        try {
          const value = work()
          return () => resolve(value)
        } catch (error) {
          if (!(error instanceof Fault)) throw error
          return () => reject(error)
        }
      }
      jobs.push({ ...how, attempt, reject })
      bytes += how.bytes
      if (bytes >= BATCH_BYTES && tries === 0) turn()
      else schedule()
    })
  }

  async function readOne<T>(work: () => T): Promise<T> {
    const refused = refusal()
    if (refused !== null) throw refused
    try {
      return await whileBusy(work)
    } catch (error) {
      throw sqliteFault(error, where)
    }
  }

  return {
    write,
    readOne,
    read: (work) =>
      readOne(() => {
        openRead.run()
        try {
          return work()
        } finally {
          if (db.isTransaction) commit.run()
        }
      }),
    soil() {
      soiled = true
    },
    async flush() {
      await write({ durable: true, bytes: 0 }, () => undefined)
    },
    async close() {
      if (closed) return
      while (jobs.length > 0) await pause()
      closed = true
      db.close()
      log.close()
    },
  }
}

function nextBatch(jobs: readonly Job[]): readonly Job[] {
  let bytes = 0
  let count = 0
  for (const job of jobs) {
    if (count === BATCH_JOBS || (count > 0 && bytes + job.bytes > BATCH_BYTES)) break
    bytes += job.bytes
    count++
  }
  return jobs.slice(0, count)
}
