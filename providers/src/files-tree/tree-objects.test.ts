import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import { dirEntry, entryOf, fileEntry, linkEntry, noCounts, rowOf } from './entry.ts'
import type { Entry } from './entry.ts'
import { editTree } from './edit-tree.ts'
import { pathOfPointer, pointerOf } from './pointer.ts'
import { differenceOf, eachPath } from './tree-difference.ts'
import { openTrees, saveDirectory, saveRoot } from './tree-objects.ts'
import { shown } from './tree-fault.ts'

function memory() {
  const objects = new Map<Digest, Uint8Array>()
  const name = (bytes: Uint8Array): Digest => `h:${createHash('sha256').update(bytes).digest('hex')}`
  let reads = 0
  return {
    objects,
    reads: () => reads,
    name,
    keep: (bytes: Uint8Array): Digest => {
      objects.set(name(bytes), Buffer.from(bytes))
      return name(bytes)
    },
    async get(digest: Digest): Promise<Uint8Array> {
      reads += 1
      const bytes = objects.get(digest)
      if (bytes === undefined) throw new Error(`missing ${digest}`)
      return bytes
    },
  }
}
type Memory = ReturnType<typeof memory>

const owner = { uid: 1, gid: 2 }
const file = (store: Memory, text: string): Entry => fileEntry({ mode: 0o644, ...owner }, store.name(Buffer.from(text)), text.length)

/** A tree of files by path, as digests of text. */
async function treeOf(store: Memory, files: Readonly<Record<string, string>>): Promise<Digest> {
  const empty = await saveDirectory(new Map(), store.keep)
  const root = await saveRoot(dirEntry({ mode: 0o755, ...owner }, empty, noCounts), store.keep)
  const edits = new Map(Object.entries(files).map(([path, text]) => [path, file(store, text)]))
  return edits.size === 0 ? root : (await editTree(root, edits, openTrees(store), store.keep)).root
}

const filesArbitrary = fc.dictionary(
  fc.constantFrom('a', 'b', 'c/a', 'c/b', 'd/e/f', 'd/e/g', 'z\udc80', 'Ä', '\u{10000}'),
  fc.constantFrom('one', 'two', 'three'),
)

test('the difference of two trees, applied to the first, gives the second', async () => {
  await fc.assert(
    fc.asyncProperty(filesArbitrary, filesArbitrary, async (from, to) => {
      const store = memory()
      const trees = openTrees(store)
      const [a, b] = [await treeOf(store, from), await treeOf(store, to)]
      const differences = await eachPath(await differenceOf(a, b, trees), trees)
      const edits = new Map(differences.map(({ path, after }) => [path, after?.type === 'dir' ? { ...after, content: null } : after]))
      const changed = new Map([...edits].filter(([, entry]) => entry?.type !== 'dir'))
      const edited = changed.size === 0 ? a : (await editTree(a, changed, trees, store.keep)).root
      expect(edited).toBe(b)
      expect(await differenceOf(a, a, trees)).toEqual([])
      const paths = differences.map(({ path }) => path)
      expect(new Set(paths).size).toBe(paths.length)
    }),
  )
})

test('equal trees have equal roots however they came about', async () => {
  const store = memory()
  const direct = await treeOf(store, { 'a/b': 'x', c: 'y' })
  const detour = await treeOf(store, { 'a/b': 'x', 'a/q': 'z', c: 'n' })
  const trees = openTrees(store)
  const edits = new Map<string, Entry | null>([
    ['a/q', null],
    ['c', file(store, 'y')],
  ])
  expect((await editTree(detour, edits, trees, store.keep)).root).toBe(direct)
})

test('counts follow edits', async () => {
  const store = memory()
  const trees = openTrees(store)
  const root = await treeOf(store, { 'a/b': 'four', c: 'xx' })
  const { entry } = await editTree(root, new Map([['a/l', linkEntry(owner, 'b')]]), trees, store.keep)
  expect(entry.counts).toEqual({ files: 2, dirs: 1, links: 1, other: 0, bytes: 6 })
})

test('one change in a directory of 100,000 names writes two small objects and reads no more', async () => {
  const store = memory()
  const entry = file(store, 'same')
  const entries = new Map(Array.from({ length: 100_000 }, (_, index) => [`file-${index}.conf`, entry]))
  const first = await saveDirectory(entries, store.keep)
  const before = store.objects.size
  entries.set('file-5000.conf', file(store, 'other'))
  entries.set('file-new.conf', entry)
  const second = await saveDirectory(entries, store.keep)
  expect(store.objects.size - before).toBeLessThanOrEqual(3)
  const trees = openTrees(store)
  const start = store.reads()
  const [left, right] = await trees.loadDifferent(first, second)
  expect(store.reads() - start).toBeLessThanOrEqual(6)
  expect(right.has('file-new.conf')).toBe(true)
  expect(left.has('file-new.conf')).toBe(false)
  expect((await trees.load(second)).size).toBe(100_001)
})

test('every entry survives being written down', () => {
  const digest: Digest = `h:${'0'.repeat(64)}`
  const plain = { ...fileEntry({ mode: 0o4755, uid: 0, gid: -1 }, digest, 7, { 'user.a': 'AA==' }), group: 'first/name' }
  for (const entry of [
    plain,
    linkEntry(owner, '../\udcff'),
    { ...linkEntry(owner, ''), type: 'char' as const, target: null, rdev: '1281' },
  ]) {
    expect(entryOf(JSON.parse(JSON.stringify(rowOf('n', entry))))).toEqual(['n', entry])
  }
  for (const row of [null, [], ['n', 'x', 1, 1, 1, 0, 0, 0], ['n', 'f', 1, 1, 1, ['h:1', 1], 0, 0], ['n', 'd', 1, 1, 1, 0, 0, 0]]) {
    expect(() => entryOf(row)).toThrow(Fault)
  }
})

test('paths become pointers and come back, escaped or not', () => {
  for (const path of ['a', 'conf.d/a.conf', 'a~b/~1', '\udc80']) expect(pathOfPointer(pointerOf(path, false))).toBe(path)
  expect(pointerOf('conf.d/a.conf', false)).toBe('/files/conf.d~1a.conf')
  expect(pointerOf('conf.d', true)).toBe('/files/conf.d~1')
  expect(pathOfPointer('/files/conf.d/a.conf')).toBe('conf.d/a.conf')
  expect(pathOfPointer(pointerOf('', true))).toBe('')
  for (const bad of ['', '/files/', '/files', '/other/a', '/files/../a', '/files/a//b', '/files/~1etc', '/files/a~1..']) {
    expect(() => pathOfPointer(bad)).toThrow(Fault)
  }
})

test('names that are no text are shown as what they are', () => {
  expect(shown('a\udcff\n\u{1F600}')).toBe('a\\xff\\u000a\u{1F600}')
})
