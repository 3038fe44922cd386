import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData, Json } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import { filesTree } from './provider.ts'
import type { TreeSpec, TreeState } from './tree-schemas.ts'

type Stage = Awaited<ReturnType<typeof openStage>>

let stage: Stage
let dir: string
const isRoot = process.getuid?.() === 0

beforeEach(async () => {
  stage = await openStage()
  dir = stage.dir
})
afterEach(() => stage.close())

const at = () => ({ world: 'primary', id: 'config', part: { path: join(dir, 'config') } })
const look = () => stage.look('primary', 'config')
const hands = (key = 'step') => stage.hands('primary', 'config', key)
const live = (...names: string[]): string => join(dir, 'config', ...names)
const slots = (...names: string[]): string => join(dir, '.config.understudy', ...names)

type Tree = Readonly<Record<string, string>>

function fill(folder: string, files: Tree): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

async function specOf(extra: Readonly<Record<string, Json>> = { source: 'source' }): Promise<TreeSpec> {
  const frozen = (await filesTree.source?.freeze({ path: 'config', ...extra }, dir, hands('freeze'))) ?? null
  const parsed = filesTree.schema.spec.safeParse(frozen)
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  return parsed.data
}

async function wanted(files: Tree): Promise<TreeState> {
  fill(join(dir, 'source'), files)
  return (await filesTree.want(at(), await specOf(), look())).state
}

const read = () => filesTree.read(at(), null, look())
const stateNow = async (): Promise<TreeState | null> => (await read())?.state ?? null

async function prepared(to: TreeState | null, key = 'step') {
  return filesTree.prepare(at(), await stateNow(), to, hands(key))
}
const turn = (memento: Parameters<typeof filesTree.turn>[1], to: 'before' | 'after') => filesTree.turn(at(), memento, to, hands())
const lookAt = (memento: Parameters<typeof filesTree.turn>[1], depth: 'quick' | 'full') => filesTree.look(at(), memento, depth, look())
const release = (memento: Parameters<typeof filesTree.release>[1], key = 'step') => filesTree.release(at(), memento, hands(key))

async function commit(to: TreeState | null, key: string): Promise<void> {
  const { memento } = await prepared(to, key)
  await turn(memento, 'after')
  await release(memento, key)
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

/** All there is to see of a folder but ctime, by path. Names are kept byte for byte. */
function seen(folder: string): Readonly<Record<string, string>> {
  const rows: Record<string, string> = {}
  const groups = new Map<bigint, string>()
  const visit = (path: Buffer): void => {
    const stat = lstatSync(path, { bigint: true })
    const name = path.toString('latin1').slice(folder.length)
    const first = groups.get(stat.ino) ?? name
    groups.set(stat.ino, first)
    const content = stat.isFile() ? readFileSync(path).toString('base64') : stat.isSymbolicLink() ? readlinkSync(path, 'latin1') : ''
    rows[name] = [stat.mode, stat.uid, stat.gid, stat.mtimeNs, stat.rdev, content, stat.isDirectory() ? '' : first].join(' ')
    if (!stat.isDirectory()) return
    for (const below of readdirSync(path, { encoding: 'buffer' })) visit(Buffer.concat([path, Buffer.from('/'), below]))
  }
  visit(Buffer.from(folder))
  return rows
}

function contents(folder: string): Tree {
  const rows: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) rows[path.slice(folder.length + 1)] = readFileSync(path, 'utf8')
  }
  return rows
}

test('a tree is created, changed and deleted, each turned there and back', async () => {
  const first = await wanted({ 'nginx.conf': 'one', 'conf.d/a.conf': 'a' })
  const creating = await prepared(first, 'create')
  expect(creating.out).toMatchObject({ path: live() })
  expect(existsSync(live())).toBe(false)
  expect(await turn(creating.memento, 'after')).toEqual({ side: 'after', standby: 'fit' })
  expect(contents(live())).toEqual({ 'nginx.conf': 'one', 'conf.d/a.conf': 'a' })
  expect(await turn(creating.memento, 'before')).toEqual({ side: 'before', standby: 'fit' })
  expect(existsSync(live())).toBe(false)
  await turn(creating.memento, 'after')
  await release(creating.memento, 'create')

  const second = await wanted({ 'nginx.conf': 'two', 'conf.d/b.conf': 'b' })
  const changing = await prepared(second, 'change')
  expect(changing.reversal).toBe('switch')
  await turn(changing.memento, 'after')
  expect(contents(live())).toEqual({ 'nginx.conf': 'two', 'conf.d/b.conf': 'b' })
  expect(await stateNow()).toEqual(second)
  await turn(changing.memento, 'before')
  expect(await stateNow()).toEqual(first)
  await turn(changing.memento, 'after')
  await release(changing.memento, 'change')

  const deleting = await prepared(null, 'delete')
  expect(deleting.out).toBeNull()
  await turn(deleting.memento, 'after')
  expect(existsSync(live())).toBe(false)
  await turn(deleting.memento, 'before')
  expect(await stateNow()).toEqual(second)
  await turn(deleting.memento, 'after')
  await release(deleting.memento, 'delete')
  expect(existsSync(slots())).toBe(false)
})

const random = fc.dictionary(fc.constantFrom('a', 'b', 'c/a', 'c/b', 'd/e/f', 'd/x', 'c'), fc.constantFrom('one', 'two', ''), {
  maxKeys: 6,
})
const noClash = (files: Tree): boolean => !('c' in files && ('c/a' in files || 'c/b' in files))

test('any tree turned to any other reads as wanted, and back is exactly what was there, times too', { timeout: 120_000 }, async () => {
  let round = 0
  await fc.assert(
    fc.asyncProperty(random.filter(noClash), random.filter(noClash), async (a, b) => {
      round += 1
      await commit(await wanted(a), `a${round}`)
      const before = seen(live())
      const view = await read()
      const to = await wanted(b)
      const { memento } = await prepared(to, `b${round}`)
      for (const side of ['after', 'after', 'before', 'before', 'after', 'before'] as const) {
        expect(await turn(memento, side)).toMatchObject({ side, standby: 'fit' })
        expect(await lookAt(memento, 'full')).toEqual({ side, standby: 'fit', late: [] })
        if (side === 'after') expect(await stateNow()).toEqual(to)
        else expect([seen(live()), await read()]).toEqual([before, view])
      }
      await turn(memento, 'after')
      await release(memento, `b${round}`)
      expect(contents(live())).toEqual(b)
      expect(readdirSync(slots()).filter((name) => !/^(i\d+|known\.json|clock|spare)$/.test(name))).toEqual([])
    }),
    { numRuns: 25 },
  )
})

test('what a tree is made of is kept: modes, times, links in and out, hard links, holes, odd names', async () => {
  fill(live(), { plain: 'x', 'sub/read-only': 'y', first: 'linked' })
  chmodSync(live('plain'), 0o4751)
  linkSync(live('first'), live('sub', 'second'))
  symlinkSync('/etc/passwd', live('outside'))
  linkSync(live('outside'), live('sub', 'also-outside'))
  symlinkSync('sub', live('inside'))
  symlinkSync('nowhere', live('dangling'))
  writeFileSync(Buffer.concat([Buffer.from(`${live()}/`), Buffer.from([0x62, 0xff, 0x0a, 0x2e])]), 'odd')
  execFileSync('mkfifo', [live('pipe')])
  const hole = openSync(live('sparse'), 'w')
  writeSync(hole, 'end', 8 * 1024 * 1024)
  ftruncateSync(hole, 16 * 1024 * 1024)
  closeSync(hole)
  utimesSync(live('plain'), 1, 12345.678)
  utimesSync(live('sub'), 1, 54321)
  chmodSync(live('sub'), 0o550)
  const before = seen(live())
  const view = await read()
  const edited = await filesTree.components?.set(view?.state ?? never(), '/files/new.conf', await someFile('new'), look())
  const { memento } = await prepared(edited ?? never())
  await turn(memento, 'after')
  const after = { ...seen(live()) }
  expect(after['/new.conf']).toContain(Buffer.from('new').toString('base64'))
  // Every name but the new one is as it was; the directory it came into is younger.
  delete after['/new.conf']
  expect({ ...after, '': '' }).toEqual({ ...before, '': '' })
  expect(lstatSync(live('sparse')).blocks).toBeLessThan(1000)
  expect(lstatSync(live('first')).ino).toBe(lstatSync(live('sub', 'second')).ino)
  expect(lstatSync(live('outside')).ino).toBe(lstatSync(live('sub', 'also-outside')).ino)
  await turn(memento, 'before')
  expect(seen(live())).toEqual(before)
  expect(await read()).toMatchObject({ state: view?.state, unmanaged: view?.unmanaged })
  chmodSync(live('sub'), 0o755)
})

test('holes and names of one link come back where a tree is made from the store alone', async () => {
  fill(live(), { plain: 'x', 'sub/y': 'y' })
  const hole = openSync(live('sparse'), 'w')
  writeSync(hole, 'end', 8 * 1024 * 1024)
  ftruncateSync(hole, 16 * 1024 * 1024)
  closeSync(hole)
  symlinkSync('nowhere', live('first'))
  linkSync(live('first'), live('sub', 'second'))
  execFileSync('mkfifo', [live('sub', 'pipe')])
  linkSync(live('sub', 'pipe'), live('tube'))
  const before = await stateNow()
  const { memento } = await prepared(null, 'gone')
  await turn(memento, 'after')
  await release(memento, 'gone')
  expect(existsSync(slots())).toBe(false)
  const again = await prepared(before, 'again')
  await turn(again.memento, 'after')
  expect(await stateNow()).toEqual(before)
  expect([lstatSync(live('sparse')).size, lstatSync(live('sparse')).blocks < 100]).toEqual([16 * 1024 * 1024, true])
  for (const [one, other] of [
    ['first', 'sub/second'],
    ['tube', 'sub/pipe'],
  ] as const)
    expect(lstatSync(live(one)).ino).toBe(lstatSync(live(other)).ino)
})

function never(): never {
  throw new Error('missing')
}

async function someFile(text: string): Promise<Json> {
  const { uid, gid } = lstatSync(dir)
  return { type: 'file', mode: '0644', uid, gid, content: await look().put(Buffer.from(text)), size: Buffer.byteLength(text) }
}

test('extended attributes and access lists are part of the tree', async () => {
  fill(live(), { a: 'a', 'd/b': 'b' })
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', live('a')])
  execFileSync('setfacl', ['-m', 'u:1234:r', live('d', 'b')])
  execFileSync('setfacl', ['-d', '-m', 'u:4321:rx', live('d')])
  const shownBy = (): string => execFileSync('sh', ['-c', 'getfacl -Rpn .; getfattr -Rd -m - .'], { cwd: live(), encoding: 'utf8' })
  const before = shownBy()
  const state = (await stateNow()) ?? never()
  const edited = (await filesTree.components?.set(state, '/files/d/new', await someFile('new'), look())) ?? never()
  const { memento } = await prepared(edited)
  await turn(memento, 'after')
  expect(await stateNow()).toEqual(edited)
  rmSync(live('d', 'new'))
  expect(shownBy()).toBe(before)
  execFileSync('setfattr', ['-x', 'user.note', live('a')])
  expect((await stateNow())?.root).not.toBe(state.root)
})

test('sockets belong to who listens: they are named, not copied', async () => {
  fill(live(), { a: 'a' })
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(live('s'), resolve))
  const view = await read()
  expect(view?.unmanaged).toMatchObject({ sockets: ['s'] })
  expect(view?.state.files).toBe(1)
  await new Promise((resolve) => server.close(resolve))
})

test.skipIf(!isRoot)('owners are kept; what is new is owned as its directory is, or as the spec says', async () => {
  fill(live(), { 'd/old': 'x' })
  chownSync(live('d'), 1234, 1235)
  chownSync(live('d', 'old'), 77, 78)
  const kept = await wanted({ 'd/old': 'y', 'd/new': 'z' })
  await commit(kept, 'keep')
  const owner = (path: string): number[] => [lstatSync(live(path)).uid, lstatSync(live(path)).gid]
  expect([owner('d'), owner('d/old'), owner('d/new')]).toEqual([
    [1234, 1235],
    [77, 78],
    [1234, 1235],
  ])
  const spec = await specOf({ source: 'source', owner: { uid: 5, gid: 6 } })
  await commit((await filesTree.want(at(), spec, look())).state, 'set')
  expect([owner(''), owner('d/old')]).toEqual([
    [5, 6],
    [5, 6],
  ])
})

test('the slot of a side leads to its directory whatever its name is now', async () => {
  await commit(await wanted({ a: 'one' }), 'one')
  const before = (await read())?.out.slot ?? ''
  const { memento, out } = await prepared(await wanted({ a: 'two' }))
  const after = out?.slot ?? ''
  const text = (slot: string): string => readFileSync(join(slot, 'a'), 'utf8')
  expect([text(before), text(after)]).toEqual(['one', 'two'])
  for (const side of ['after', 'before', 'after'] as const) {
    await turn(memento, side)
    expect([text(before), text(after)]).toEqual(['one', 'two'])
    expect(realpathSync(side === 'after' ? after : before)).toBe(realpathSync(live()))
  }
  expect((await read())?.out.slot).toBe(after)
})

test('a kill between the exchange and its links shows as mixed, and turning mends it', async () => {
  await commit(await wanted({ a: 'one' }), 'one')
  const { memento, out } = await prepared(await wanted({ a: 'two' }))
  await turn(memento, 'after')
  const link = out?.slot ?? ''
  rmSync(link)
  symlinkSync('n-somewhere', link)
  expect((await lookAt(memento, 'quick')).side).toBe('mixed')
  await turn(memento, 'after')
  expect((await lookAt(memento, 'quick')).side).toBe('after')
  expect(readFileSync(join(link, 'a'), 'utf8')).toBe('two')
})

test('an edit between plan and turn is a conflict and stays, wherever in the tree it is', async () => {
  await commit(await wanted({ a: 'one', 'far/away': 'x', 'gone/too': 'y' }), 'one')
  const to = await wanted({ a: 'two', 'far/away': 'x', 'gone/too': 'y' })
  const edits: readonly (() => void)[] = [
    () => writeFileSync(live('a'), 'mine'),
    () => writeFileSync(live('far', 'away'), 'mine'),
    () => writeFileSync(live('far', 'new'), 'mine'),
    () => rmSync(live('gone'), { recursive: true }),
    () => chmodSync(live('far', 'away'), 0o600),
    () => {
      mkdirSync(join(dir, 'elsewhere'))
      writeFileSync(join(dir, 'elsewhere', 'away'), 'moved here whole')
      rmSync(live('far'), { recursive: true })
      renameSync(join(dir, 'elsewhere'), live('far'))
    },
  ]
  for (const [index, edit] of edits.entries()) {
    const { memento } = await prepared(to, `edit-${index}`)
    edit()
    const mine = seen(live())
    expect(await faultOf(turn(memento, 'after'))).toMatchObject({ class: 'conflict', code: 'files.changed-outside' })
    expect(seen(live())).toEqual(mine)
    await release(memento, `edit-${index}`)
  }
})

test('an edit after the turn of what the change changed makes going back a conflict', async () => {
  await commit(await wanted({ a: 'one', b: 'x' }), 'one')
  const { memento } = await prepared(await wanted({ a: 'two', b: 'x' }))
  await turn(memento, 'after')
  writeFileSync(live('a'), 'hotfix')
  expect(await faultOf(turn(memento, 'before'))).toMatchObject({ class: 'conflict', code: 'files.changed-outside' })
  expect(readFileSync(live('a'), 'utf8')).toBe('hotfix')
  expect((await lookAt(memento, 'full')).side).toBe('other')
})

test('another directory under the live name is other, and is left alone', async () => {
  await commit(await wanted({ a: 'one' }), 'one')
  const { memento } = await prepared(await wanted({ a: 'two' }))
  renameSync(live(), join(dir, 'moved'))
  fill(live(), { foreign: 'f' })
  expect((await lookAt(memento, 'quick')).side).toBe('other')
  expect(await faultOf(turn(memento, 'after'))).toMatchObject({ class: 'conflict' })
  expect(contents(live())).toEqual({ foreign: 'f' })
})

test('L17: writes to the side that was turned away from are named, and kept when it is released', async () => {
  await commit(await wanted({ a: 'one', log: '' }), 'one')
  const writer = openSync(live('log'), 'a')
  const { memento } = await prepared(await wanted({ a: 'two', log: '' }))
  await turn(memento, 'after')
  expect(await lookAt(memento, 'full')).toEqual({ side: 'after', standby: 'fit', late: [] })
  writeSync(writer, 'late line')
  closeSync(writer)
  expect(await lookAt(memento, 'full')).toEqual({ side: 'after', standby: 'stale', late: ['log'] })
  await release(memento)
  const kept = readdirSync(slots()).find((name) => name.startsWith('kept-')) ?? ''
  expect(readFileSync(slots(kept, 'log'), 'utf8')).toBe('late line')
})

test('a standby that somebody changed does not become live', async () => {
  await commit(await wanted({ a: 'one' }), 'one')
  const { memento, out } = await prepared(await wanted({ a: 'two' }))
  writeFileSync(join(out?.slot ?? '', 'a'), 'tampered')
  expect(await faultOf(turn(memento, 'after'))).toMatchObject({ class: 'conflict', code: 'files.standby-changed' })
  expect(readFileSync(live('a'), 'utf8')).toBe('one')
  expect((await lookAt(memento, 'quick')).side).toBe('before')
  rmSync(out?.slot ?? '')
  rmSync(slots(readdirSync(slots()).find((name) => name.startsWith('n-')) ?? ''), { recursive: true })
  expect(await faultOf(turn(memento, 'after'))).toMatchObject({ class: 'conflict', code: 'files.standby-gone' })
})

test('the spare makes the next change cost what it changes', async () => {
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`d${index % 10}/f${index}`, `text ${index}`]))
  await commit(await wanted(many), 'one')
  await commit(await wanted({ ...many, 'd1/f1': 'changed' }), 'two')
  const to = await wanted({ ...many, 'd1/f1': 'changed again', 'd2/f2': 'changed' })
  const from = await stateNow()
  stage.records()
  await filesTree.prepare(at(), from, to, hands('three'))
  const rows = stage.records().filter(({ verb }) => verb === 'create' || verb === 'copyFrom' || verb === 'mkdir')
  expect(rows.filter(({ target }) => target.includes('/d')).reduce((sum, { count }) => sum + count, 0)).toBe(2)
})

test('turning takes as many effects for a big tree as for a small one', async () => {
  const effects: number[] = []
  for (const size of [1, 400]) {
    const files = Object.fromEntries(Array.from({ length: size }, (_, index) => [`d${index % 7}/f${index}`, `${size}`]))
    await commit(await wanted(files), `from${size}`)
    const { memento } = await prepared(await wanted(Object.fromEntries(Object.keys(files).map((name) => [name, 'new']))), `to${size}`)
    for (const side of ['after', 'before'] as const) {
      stage.records()
      await turn(memento, side)
      effects.push(stage.records().reduce((sum, { count }) => sum + count, 0))
    }
    await release(memento, `to${size}`)
  }
  expect(effects.slice(2)).toEqual(effects.slice(0, 2))
})

test('content that was there before us comes back from the store after it was released', async () => {
  fill(live(), { a: 'never put anywhere', b: 'x' })
  const first = (await stateNow()) ?? never()
  await commit(await wanted({ a: 'two', b: 'x' }), 'two')
  await commit(await wanted({ b: 'x' }), 'three')
  await commit(first, 'back')
  expect(contents(live())).toEqual({ a: 'never put anywhere', b: 'x' })
  expect(await stateNow()).toEqual(first)
})

test('going to what stands in a side that is not released finds its content there', async () => {
  fill(live(), { a: 'only on disk', b: 'x' })
  const first = (await stateNow()) ?? never()
  const one = await prepared(await wanted({ a: 'two', b: 'x' }), 'one')
  await turn(one.memento, 'after')
  const two = await prepared(first, 'two')
  await turn(two.memento, 'after')
  expect(contents(live())).toEqual({ a: 'only on disk', b: 'x' })
  await release(two.memento, 'two')
  await release(one.memento, 'one')
  expect(contents(live())).toEqual({ a: 'only on disk', b: 'x' })
})

test('release without a memento removes what a killed prepare left, and nothing else', async () => {
  await commit(await wanted({ a: 'one' }), 'one')
  const before = seen(live())
  await prepared(await wanted({ a: 'two' }), 'killed')
  expect(readdirSync(slots()).some((name) => name.startsWith('n-'))).toBe(true)
  await release(null, 'killed')
  await release(null, 'killed')
  await release(null, 'never prepared')
  expect(readdirSync(slots()).filter((name) => !/^(i\d+|known\.json|clock|spare)$/.test(name))).toEqual([])
  expect(seen(live())).toEqual(before)
})

test('a damaged record beside the slots is as good as none', async () => {
  await commit(await wanted({ a: 'one' }), 'one')
  await commit(await wanted({ a: 'two' }), 'two')
  for (const damage of ['', '{', '{"v":1,"dev":"1","sides":{}}', '[]', '{"v":1,"sides":{"1":{"root":1}}}']) {
    writeFileSync(slots('known.json'), damage)
    const state = await stateNow()
    writeFileSync(slots('known.json'), damage)
    await commit(await wanted({ a: `after ${damage}` }), `damaged ${damage}`)
    expect(await stateNow()).not.toEqual(state)
    expect(contents(live())).toEqual({ a: `after ${damage}` })
  }
})

test('reading again reads what is young, also when it is as long and as old as before', async () => {
  await commit(await wanted({ a: 'one', b: 'x' }), 'one')
  const stat = lstatSync(live('a'))
  writeFileSync(live('a'), 'uno')
  utimesSync(live('a'), stat.atime, stat.mtime)
  const changed = await stateNow()
  writeFileSync(live('a'), 'one')
  expect(changed).not.toEqual(await stateNow())
})

test('a fork is the same tree elsewhere, with slots of its own, and goes without a trace', async () => {
  fill(live(), { a: 'one', 'd/b': 'x' })
  symlinkSync('a', live('l'))
  const view = (await read()) ?? never()
  const call = stage.hands('shadow', 'config', 'fork')
  const spec = await specOf({ files: { a: 'other' } })
  const forked = await filesTree.fork(at(), { world: 'shadow', id: 'config', part: null }, view.state, spec, call)
  expect(forked).toMatchObject({ fidelity: 'exact', because: '' })
  const there = { world: 'shadow', id: 'config', part: forked.part }
  expect(await filesTree.read(there, null, call)).toMatchObject({ state: view.state, unmanaged: view.unmanaged, out: forked.out ?? {} })
  writeFileSync(join(forked.part.path, 'a'), 'written in the shadow')
  expect(await read()).toEqual(view)
  await filesTree.close({ ...there, part: null }, call)
  await filesTree.close(there, call)
  expect(readdirSync(call.room)).toEqual([])
  const none = await filesTree.fork(at(), { world: 'shadow', id: 'config', part: null }, null, spec, call)
  expect([none.out, await filesTree.read({ ...there, part: none.part }, null, call)]).toEqual([null, null])
})
