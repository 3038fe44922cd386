import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData, Json } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import { filesTree } from './provider.ts'
import type { TreeState } from './tree-schemas.ts'

let stage: Awaited<ReturnType<typeof openStage>>
let dir: string

beforeEach(async () => {
  stage = await openStage()
  dir = stage.dir
})
afterEach(() => stage.close())

const at = () => ({ world: 'primary', id: 'config', part: { path: join(dir, 'config') } })
const look = () => stage.look('primary', 'config')
const hands = (key = 'part') => stage.hands('primary', 'config', key)
const live = (...names: string[]): string => join(dir, 'config', ...names)
const { components, merging, inPlaceParts } = filesTree
if (components === undefined || merging === undefined || inPlaceParts === undefined) throw new Error('a tree has these powers')
const powers = { ...components, ...merging, ...inPlaceParts }

function fill(files: Readonly<Record<string, string>>): void {
  rmSync(live(), { recursive: true, force: true })
  mkdirSync(live())
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(live(path, '..'), { recursive: true })
    writeFileSync(live(path), text)
  }
}

/** The state of a live tree with these files; their content goes into the store. */
async function stateOf(files: Readonly<Record<string, string>>): Promise<TreeState> {
  fill(files)
  for (const text of Object.values(files)) await look().put(Buffer.from(text))
  return stateNow()
}

async function stateNow(): Promise<TreeState> {
  const view = await filesTree.read(at(), null, look())
  if (view === null) throw new Error('there is no tree')
  return view.state
}

async function faultOf(work: Promise<unknown>): Promise<FaultData> {
  try {
    await work
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.fault
    throw thrown
  }
  throw new Error('it did not fault')
}

const inodes = (): string[] =>
  readdirSync(live(), { recursive: true, encoding: 'utf8' }).map((name) => `${name} ${lstatSync(live(name)).ino}`)

test('chosen parts are turned under the live name, the tree and all others stay what they are', async () => {
  const old = await stateOf({ a: 'old a', 'd/b': 'old b', 'd/gone': 'g', keep: 'k' })
  const now = await stateOf({ a: 'new a', 'd/b': 'new b', keep: 'k', 'new/deep/file': 'n' })
  const tree = statSync(live()).ino
  const times = (): bigint[] => ['', 'd'].map((name) => statSync(live(name), { bigint: true }).mtimeNs)
  const before = { inodes: inodes(), times: times() }
  const view = await filesTree.read(at(), null, look())
  const { memento, out, reversal } = await powers.prepareParts(
    at(),
    now,
    old,
    ['/files/a', '/files/d~1gone', '/files/new~1', '/files/new~1deep~1file', '/files/new~1deep~1'],
    hands(),
  )
  expect([reversal, out?.path]).toEqual(['switch', live()])
  expect(await filesTree.read(at(), null, look())).toMatchObject({ state: view?.state, unmanaged: view?.unmanaged })
  for (let round = 0; round < 2; round += 1) {
    for (const _twice of [1, 2]) expect(await filesTree.turn(at(), memento, 'after', hands())).toEqual({ side: 'after', standby: 'fit' })
    expect(await filesTree.look(at(), memento, 'full', look())).toEqual({ side: 'after', standby: 'fit', late: [] })
    expect(readFileSync(live('a'), 'utf8') + readFileSync(live('d/b'), 'utf8') + readFileSync(live('d/gone'), 'utf8')).toBe('old anew bg')
    expect(readdirSync(live())).toEqual(['a', 'd', 'keep'])
    expect(statSync(live()).ino).toBe(tree)
    for (const _twice of [1, 2]) expect(await filesTree.turn(at(), memento, 'before', hands())).toEqual({ side: 'before', standby: 'fit' })
    expect(await filesTree.look(at(), memento, 'full', look())).toEqual({ side: 'before', standby: 'fit', late: [] })
    expect({ inodes: inodes(), times: times() }).toEqual(before)
    expect(await stateNow()).toEqual(now)
  }
  await filesTree.release(at(), memento, hands())
  await filesTree.release(at(), memento, hands())
  expect(readdirSync(join(dir, '.config.understudy')).filter((name) => name.startsWith('p-'))).toEqual([])
})

test('one part takes as many effects in a big tree as in a small one', async () => {
  const effects: number[] = []
  for (const size of [1, 300]) {
    const others = Object.fromEntries(Array.from({ length: size }, (_, index) => [`d/f${index}`, `${index}`]))
    const old = await stateOf({ ...others, a: 'old' })
    const now = await stateOf({ ...others, a: 'new' })
    const { memento } = await powers.prepareParts(at(), now, old, ['/files/a'], hands(`part${size}`))
    stage.records()
    await filesTree.turn(at(), memento, 'after', hands(`part${size}`))
    effects.push(stage.records().reduce((sum, { count }) => sum + count, 0))
  }
  expect(effects[0]).toBe(effects[1])
  expect(effects[0]).toBeLessThanOrEqual(4)
})

test('modes of directories are parts, too, and links, and what changes its kind', async () => {
  const old = await stateOf({ 'd/a': 'a', was: 'file' })
  fill({ 'd/a': 'a', 'was/below': 'dir' })
  chmodSync(live('d'), 0o700)
  symlinkSync('d', live('link'))
  const now = await stateNow()
  const pointers = await powers.differ(now, old, look())
  const { memento } = await powers.prepareParts(at(), now, old, pointers, hands())
  await filesTree.turn(at(), memento, 'after', hands())
  expect(await stateNow()).toEqual(old)
  expect(await filesTree.look(at(), memento, 'full', look())).toMatchObject({ side: 'after', standby: 'fit' })
  await filesTree.turn(at(), memento, 'before', hands())
  expect(await stateNow()).toEqual(now)
})

test('an edit of a part is a conflict, also one of the same length and time; an edit of another file is none', async () => {
  const old = await stateOf({ a: 'old', b: 'x' })
  const now = await stateOf({ a: 'new', b: 'x' })
  const { memento } = await powers.prepareParts(at(), now, old, ['/files/a'], hands())
  const { mtimeNs } = statSync(live('a'), { bigint: true })
  writeFileSync(live('a'), 'wen')
  const call = hands()
  const folder = call.fx.fs.open(live())
  folder.setMtime('a', mtimeNs)
  folder.close()
  expect(await faultOf(filesTree.turn(at(), memento, 'after', hands()))).toMatchObject({ class: 'conflict', code: 'files.changed-outside' })
  expect(readFileSync(live('a'), 'utf8')).toBe('wen')
  writeFileSync(live('a'), 'new')
  const again = hands().fx.fs.open(live())
  again.setMtime('a', mtimeNs)
  again.close()
  writeFileSync(live('b'), 'edited meanwhile')
  expect(await filesTree.turn(at(), memento, 'after', hands())).toMatchObject({ side: 'after' })
  expect(readFileSync(live('a'), 'utf8') + readFileSync(live('b'), 'utf8')).toBe('oldedited meanwhile')
})

test('one name of a file that has several in the tree is refused', async () => {
  const old = await stateOf({ a: 'old' })
  fill({ a: 'new' })
  linkSync(live('a'), live('b'))
  const now = await stateNow()
  expect(await faultOf(powers.prepareParts(at(), now, old, ['/files/a'], hands()))).toMatchObject({ code: 'files.part-is-linked' })
})

test('content of a part that stands only in an unreleased side is found there, with its time', async () => {
  fill({ a: 'only on disk', b: 'x' })
  const old = await stateNow()
  const time = statSync(live('a'), { bigint: true }).mtimeNs
  const entry: Json = { type: 'file', mode: '0644', uid: 0, gid: 0, content: await look().put(Buffer.from('two')), size: 3 }
  const { uid, gid } = statSync(dir)
  const now = await powers.set(old, '/files/a', { ...entry, uid, gid }, look())
  const whole = await filesTree.prepare(at(), old, now, hands('whole'))
  await filesTree.turn(at(), whole.memento, 'after', hands('whole'))
  const { memento } = await powers.prepareParts(at(), now, old, ['/files/a'], hands())
  await filesTree.turn(at(), memento, 'after', hands())
  expect(readFileSync(live('a'), 'utf8')).toBe('only on disk')
  expect(statSync(live('a'), { bigint: true }).mtimeNs).toBe(time)
  expect(await stateNow()).toEqual(old)
})

test('components: text of what is text, null of what is not', async () => {
  const state = await stateOf({ text: 'Grüße\n', binary: 'a\0b', 'sub/c': 'x' })
  expect(await powers.list(state, look())).toEqual(['/files/.~1', '/files/binary', '/files/sub~1', '/files/sub~1c', '/files/text'])
  const get = async (pointer: string) => (await powers.get(state, pointer, look())) ?? null
  expect(await powers.text(await get('/files/text'), look())).toBe('Grüße\n')
  expect(await powers.text(await get('/files/binary'), look())).toBeNull()
  expect(await powers.text(await get('/files/sub~1'), look())).toBeNull()
  expect(await get('/files/sub/c')).toEqual(await get('/files/sub~1c'))
  expect(await powers.get(state, '/files/none', look())).toBeUndefined()
})

test('merging takes both sides file by file, and names what both changed', async () => {
  const base = await stateOf({ a: '1', b: '1', c: '1', 'd/x': '1' })
  const ours = await stateOf({ a: '2', b: '1', c: '1', 'd/x': '1', mine: 'm' })
  const theirs = await stateOf({ a: '1', b: '2', 'd/x': '1', 'd/new': 'n' })
  const both = await stateOf({ a: '2', b: '2', mine: 'm', 'd/x': '1', 'd/new': 'n' })
  expect(await powers.merge(base, ours, theirs, look())).toEqual({ merged: both })
  expect(await powers.merge(base, base, theirs, look())).toEqual({ merged: theirs })
  expect(await powers.merge(base, ours, base, look())).toEqual({ merged: ours })
  expect(await powers.merge(base, null, null, look())).toEqual({ merged: null })
  const clash = await powers.merge(base, await stateOf({ a: '3', b: '1', c: '1', 'd/x': '1' }), ours, look())
  expect('conflicts' in clash && clash.conflicts.map(({ pointer }) => pointer)).toEqual(['/files/a'])
  const without = await stateOf({ a: '1', b: '1', c: '1' })
  const orphan = await powers.merge(base, without, theirs, look())
  expect('conflicts' in orphan && orphan.conflicts.map(({ pointer }) => pointer)).toContain('/files/d~1new')
  const gone = await powers.merge(base, null, theirs, look())
  expect('conflicts' in gone && gone.conflicts).toHaveLength(1)
})
