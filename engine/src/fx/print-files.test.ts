import { createSecretKey } from 'node:crypto'
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PRINT_NUMBERS } from '@understudy/contract'
import type { DirReads } from '@understudy/contract'
import { isWorkerFree } from './ask-file-worker.ts'
import { fsChannel } from './fs-channel.ts'
import { fileNamer } from './name-files.ts'
import { printFiles } from './print-files.ts'
import { createRecorder } from './recorder.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'print-files-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = () =>
  fsChannel(createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, new AbortController().signal)).reads.open(dir)

/** As the contract says it, out of `stat`. */
function printOf(reads: DirReads, name: string): readonly bigint[] {
  const stat = reads.stat(name)
  if (stat === null) return [0n, 0n, 0n, 0n]
  const rights = (BigInt(stat.mode) << 48n) ^ (BigInt(stat.uid) << 24n) ^ BigInt(stat.gid)
  const u64 = (number: bigint): bigint => BigInt.asUintN(64, number)
  return stat.type === 'dir'
    ? [stat.ino, rights, u64(stat.mtimeNs), 0n]
    : [stat.ino, BigInt(stat.size), u64(stat.mtimeNs), u64(stat.ctimeNs)]
}

function rowsOf(prints: BigUint64Array): readonly (readonly bigint[])[] {
  return Array.from({ length: prints.length / PRINT_NUMBERS }, (_, row) =>
    Array.from(prints.subarray(row * PRINT_NUMBERS, (row + 1) * PRINT_NUMBERS)),
  )
}

/** Names of every kind, with times before 1970 and far ahead. */
function fill(): string[] {
  mkdirSync(join(dir, 'a/b'), { recursive: true })
  mkdirSync(join(dir, 'c'), { mode: 0o700 })
  const files = Array.from({ length: 300 }, (_, index) => `${['a/b/', 'c/', ''][index % 3]}f${index}`)
  for (const [index, file] of files.entries()) {
    writeFileSync(join(dir, file), 'x'.repeat(index * 7))
    utimesSync(join(dir, file), 0, [-1.25, 0.5, 1e9 + 1e-3 * index, 4_294_967_295.75, 15_000_000_000][index % 5] ?? 0)
  }
  symlinkSync('c', join(dir, 'link'))
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.of(0x66, 0xff)]), 'odd')
  if (process.getuid?.() === 0) lchownSync(join(dir, 'c'), 70_000, 4_000_000_000)
  chmodSync(join(dir, 'a'), 0o1777)
  const odd = open()
    .list('')
    .filter(({ name }) => !name.isWellFormed())
  expect(odd).toHaveLength(1)
  return [...files, 'a', 'a/b', 'c', 'link', 'absent', 'absent/f', 'a/b/f0/under-a-file', ...odd.map(({ name }) => name)]
}

test('prints are what stat says, whichever thread takes them', async () => {
  const names = fill()
  const reads = open()
  const wanted = names.map((name) => printOf(reads, name))
  expect(rowsOf(await printFiles(reads, names))).toEqual(wanted)
  // A worker that runs already gets the first of two lists.
  const many = names.filter((name) => name.startsWith('a/b/f')).map((name) => name.slice('a/b/'.length))
  await fileNamer(createSecretKey(Buffer.from('key')))(reads, 'a/b', [...many, ...many, ...many])
  expect(isWorkerFree()).toBe(true)
  const first = printFiles(reads, names)
  expect(isWorkerFree()).toBe(false)
  const second = printFiles(reads, names.toReversed())
  expect(rowsOf(await first)).toEqual(wanted)
  expect(rowsOf(await second)).toEqual(wanted.toReversed())
  expect(await printFiles(reads, [])).toHaveLength(0)
  reads.close()
})

test('a directory that somebody stands before is asked through it', async () => {
  const names = fill()
  const reads = open()
  const asked: string[] = []
  const before: DirReads = {
    ...reads,
    stat(name) {
      asked.push(name)
      return reads.stat(name)
    },
  }
  expect(rowsOf(await printFiles(before, names))).toEqual(names.map((name) => printOf(reads, name)))
  expect(asked).toEqual(names)
  reads.close()
})

test('what is behind a link is not there, for either thread and through whoever stands before', async () => {
  const names = fill()
  const reads = open()
  const [zeros, through] = [
    [0n, 0n, 0n, 0n],
    ['link/f1', ...names.slice(0, 200), 'link/f1', 'link', 'link/f2/below'],
  ]
  const wanted = through.map((name) => (name.startsWith('link/') ? zeros : printOf(reads, name)))
  expect((await Promise.all([printFiles(reads, through), printFiles(reads, through)])).map(rowsOf)).toEqual([wanted, wanted])
  expect(rowsOf(await printFiles({ ...reads }, through))).toEqual(wanted)
  reads.close()
})
