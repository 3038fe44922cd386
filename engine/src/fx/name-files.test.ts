import { createHmac, createSecretKey } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fsChannel } from './fs-channel.ts'
import { fileNamer } from './name-files.ts'
import { createRecorder } from './recorder.ts'

const key = createSecretKey(Buffer.from('key'))
const nameOf = (text: string): string => `h:${createHmac('sha256', key).update(text).digest('hex')}`

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'name-files-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

const open = () =>
  fsChannel(createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, new AbortController().signal)).reads.open(dir)
/** Whether this thread could do other things before the work was done. */
async function leftFree(work: () => Promise<unknown>): Promise<boolean> {
  let free = false
  setImmediate(() => void (free = true))
  await work()
  return free
}

test('few files are named here, many by another thread, all as the store names them', async () => {
  const texts = Array.from({ length: 2_000 }, (_, index) => `text of ${index}`.repeat(index % 50))
  mkdirSync(join(dir, 'd'))
  texts.forEach((text, index) => writeFileSync(join(dir, 'd', `f${index}`), text))
  const [reads, nameFiles] = [open(), fileNamer(key)]
  const names = texts.map((_, index) => `f${index}`)
  expect(await leftFree(() => nameFiles(reads, 'd', names.slice(0, 100)))).toBe(false)
  expect(await leftFree(() => nameFiles(reads, 'd', names))).toBe(true)
  expect((await fileNamer(key)(reads, 'd', names.slice(0, 100))).map((row) => row?.digest)).toEqual(texts.slice(0, 100).map(nameOf))
  const found = await nameFiles(reads, 'd', names)
  expect(found.map((row) => row?.digest)).toEqual(texts.map(nameOf))
  expect(found.map((row) => row?.size)).toEqual(texts.map((text) => Buffer.byteLength(text)))
  const stat = reads.stat('d/f7')
  expect([found[7]?.ino, found[7]?.ctimeNs]).toEqual([stat?.ino, stat?.ctimeNs])
  reads.close()
})

test('two callers at once get their own answers', async () => {
  for (let index = 0; index < 600; index += 1) writeFileSync(join(dir, `f${index}`), `${index}`)
  const reads = open()
  const names = Array.from({ length: 600 }, (_, index) => `f${index}`)
  const [forward, backward] = await Promise.all([fileNamer(key)(reads, '', names), fileNamer(key)(reads, '', names.toReversed())])
  expect(forward.map((row) => row?.digest)).toEqual(names.map((name) => nameOf(name.slice(1))))
  expect(backward.toReversed()).toEqual(forward)
  reads.close()
})

test('what is no regular file, or is not there, has no name; odd names have one', async () => {
  const odd = Buffer.from([0x66, 0xff, 0x6f])
  writeFileSync(join(dir, 'a'), 'a')
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), odd]), 'odd')
  symlinkSync('a', join(dir, 'link'))
  mkdirSync(join(dir, 'folder'))
  const reads = open()
  const listed = reads.list('').map(({ name }) => name)
  const found = await fileNamer(key)(reads, '', [...listed, 'absent'])
  const named = Object.fromEntries([...listed, 'absent'].map((name, index) => [name, found[index]?.digest ?? null]))
  const oddName = listed.find((name) => !name.isWellFormed()) ?? ''
  expect(named).toEqual({ a: nameOf('a'), [oddName]: nameOf('odd'), link: null, folder: null, absent: null })
  reads.close()
})
