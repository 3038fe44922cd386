import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import { filesTree } from './provider.ts'
import type { TreeState } from './tree-schemas.ts'

let stage: Awaited<ReturnType<typeof openStage>>
let dir: string
let mounts: string[]

beforeEach(async () => {
  stage = await openStage()
  dir = stage.dir
  mounts = []
})
afterEach(async () => {
  for (const mount of mounts.toReversed()) execFileSync('umount', [mount])
  await stage.close()
})

const at = (path = 'config') => ({ world: 'primary', id: 'config', part: { path: join(dir, path) } })
const look = () => stage.look('primary', 'config')
const hands = (key = 'step') => stage.hands('primary', 'config', key)

function mount(path: string, ...options: string[]): void {
  mkdirSync(path, { recursive: true })
  execFileSync('mount', [...options, path])
  mounts.push(path)
}

async function wanted(files: Readonly<Record<string, string>>, where = at()): Promise<TreeState> {
  const frozen = (await filesTree.source?.freeze({ path: where.part.path, files }, dir, hands('freeze'))) ?? null
  const spec = filesTree.schema.spec.safeParse(frozen)
  if (!spec.success) throw new Error(JSON.stringify(spec.error.issues))
  return (await filesTree.want(where, spec.data, look())).state
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

test('a mount in the tree, on it, or bound into it from the same file system is refused', async () => {
  for (const [name, make] of [
    ['inside', (path: string) => mount(join(path, 'sub'), '-t', 'tmpfs', 'none')],
    ['on', (path: string) => mount(path, '-t', 'tmpfs', 'none')],
    ['bound', (path: string) => mount(join(path, 'a b', 'deep'), '--bind', dir)],
  ] as const) {
    const where = at(name)
    mkdirSync(where.part.path)
    const from = (await filesTree.read(where, null, look()))?.state ?? null
    make(where.part.path)
    expect(await faultOf(filesTree.read(where, null, look()))).toMatchObject({ code: 'files.mount-inside' })
    expect(await faultOf(filesTree.prepare(where, from, null, hands()))).toMatchObject({ code: 'files.mount-inside' })
    expect(await faultOf(filesTree.fork(where, { ...where, part: null }, from, await specOf(), hands()))).toMatchObject({
      code: 'files.mount-inside',
    })
  }
})

async function specOf() {
  const spec = filesTree.schema.spec.safeParse({ path: join(dir, 'config'), files: {} })
  if (!spec.success) throw new Error('spec')
  return spec.data
}

test('a full disk is found while preparing; the half slot goes, the live tree stays', async () => {
  mount(join(dir, 'small'), '-t', 'tmpfs', '-o', 'size=2m', 'none')
  const where = at('small/config')
  mkdirSync(where.part.path)
  writeFileSync(join(where.part.path, 'live'), 'stays')
  const from = (await filesTree.read(where, null, look()))?.state ?? null
  const big = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`f${index}`, `${index}`.repeat(40_000)]))
  const to = await wanted(big, where)
  expect(await faultOf(filesTree.prepare(where, from, to, hands()))).toMatchObject({ code: 'fs.no-space', class: 'transient' })
  expect(readFileSync(join(where.part.path, 'live'), 'utf8')).toBe('stays')
  const slots = join(dir, 'small', '.config.understudy')
  expect(readdirSync(slots).filter((name) => name.startsWith('n-'))).toEqual([])
})

test('devices are kept', async () => {
  mkdirSync(join(dir, 'config'))
  execFileSync('mknod', [join(dir, 'config', 'null'), 'c', '1', '3'])
  execFileSync('mknod', [join(dir, 'config', 'loop'), 'b', '7', '200'])
  const from = (await filesTree.read(at(), null, look()))?.state ?? null
  expect(from).toMatchObject({ other: 2 })
  const forked = await filesTree.fork(at(), { ...at(), part: null }, from, await specOf(), hands())
  expect((await filesTree.read({ ...at(), part: forked.part }, null, look()))?.state).toEqual(from)
})

test('trusted attributes, also those of links, are kept by copies, by turns and by what is made from the store', async () => {
  const live = join(dir, 'config')
  mkdirSync(join(live, 'd'), { recursive: true })
  writeFileSync(join(live, 'f'), 'f')
  symlinkSync('f', join(live, 'd', 'l'))
  for (const [name, value] of Object.entries({ '.': 'top', d: 'dir', f: 'file', 'd/l': 'link' }))
    execFileSync('setfattr', ['-h', '-n', 'trusted.note', '-v', value, join(live, name)])
  const shownIn = (path: string): string => execFileSync('getfattr', ['-hPRd', '-m', '^trusted', '.'], { cwd: path, encoding: 'utf8' })
  const wished = shownIn(live)
  expect(wished.match(/trusted\.note/g)).toHaveLength(4)
  const state = async () => (await filesTree.read(at(), null, look()))?.state ?? null
  const before = await state()
  const forked = await filesTree.fork(at(), { ...at(), part: null }, before, await specOf(), hands())
  expect(shownIn(forked.part.path)).toBe(wished)
  const gone = await filesTree.prepare(at(), before, null, hands('gone'))
  await filesTree.turn(at(), gone.memento, 'after', hands('gone'))
  await filesTree.release(at(), gone.memento, hands('gone'))
  const again = await filesTree.prepare(at(), null, before, hands('again'))
  await filesTree.turn(at(), again.memento, 'after', hands('again'))
  expect([shownIn(live), await state()]).toEqual([wished, before])
  execFileSync('setfattr', ['-h', '-x', 'trusted.note', join(live, 'd', 'l')])
  expect((await state())?.root).not.toBe(before?.root)
})

/** Runs a piece of program on a stage as another user; it gets `path` and prints what `run` gives. */
function asNobody(path: string, run: string): string {
  const program = `
    import { openStage } from ${JSON.stringify(join(import.meta.dirname, '../../../engine/src/testing/index.ts'))}
    import { filesTree } from ${JSON.stringify(join(import.meta.dirname, 'provider.ts'))}
    process.setgid(65534); process.setgroups([]); process.setuid(65534)
    const stage = await openStage()
    const at = { world: 'w', id: 'i', part: { path: ${JSON.stringify(path)} } }
    const hands = stage.hands('w', 'i', 'k')
    const spec = filesTree.schema.spec.safeParse(await filesTree.source.freeze({ path: at.part.path, files: { a: 'new' } }, '/', hands)).data
    try { console.log(JSON.stringify(await (async () => { ${run} })())) }
    catch (thrown) { console.log(JSON.stringify({ code: thrown.fault?.code, class: thrown.fault?.class, message: thrown.message })) }
    await stage.close()`
  const child = spawnSync(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], {
    encoding: 'utf8',
  })
  if (child.status !== 0) throw new Error(child.stderr)
  return child.stdout
}

test('missing rights are forbidden at preparing, before anything is visible; absent is another answer', async () => {
  chmodSync(dir, 0o755)
  const path = join(dir, 'closed', 'config')
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'a'), 'old')
  const prepare =
    'const from = (await filesTree.read(at, null, hands))?.state ?? null; return filesTree.prepare(at, from, (await filesTree.want(at, spec, hands)).state, hands)'
  expect(JSON.parse(asNobody(path, prepare))).toMatchObject({ class: 'forbidden' })
  expect(readdirSync(join(dir, 'closed'))).toEqual(['config'])
  chmodSync(join(path, 'a'), 0)
  expect(JSON.parse(asNobody(path, 'return filesTree.read(at, null, hands)'))).toMatchObject({ class: 'forbidden' })
  chmodSync(join(dir, 'closed'), 0o700)
  expect(JSON.parse(asNobody(path, 'return filesTree.read(at, null, hands)'))).toMatchObject({ class: 'forbidden' })
  expect(JSON.parse(asNobody(join(dir, 'none'), 'return filesTree.read(at, null, hands)'))).toBeNull()
})

test('without root, a copy of what others own is partial and says why; the change itself is refused where it needs root', async () => {
  chmodSync(dir, 0o755)
  const parent = join(dir, 'theirs')
  mkdirSync(join(parent, 'config'), { recursive: true })
  writeFileSync(join(parent, 'config', 'a'), 'old')
  for (const path of [parent, join(parent, 'config')]) chownSync(path, 65534, 65534)
  const fork =
    'const live = (await filesTree.read(at, null, hands)).state; return filesTree.fork(at, { ...at, part: null }, live, spec, hands)'
  expect(JSON.parse(asNobody(join(parent, 'config'), fork))).toMatchObject({ fidelity: 'partial', because: expect.stringContaining('a') })
  const change =
    'const from = (await filesTree.read(at, null, hands)).state; return filesTree.prepare(at, from, (await filesTree.want(at, spec, hands)).state, hands)'
  expect(JSON.parse(asNobody(join(parent, 'config'), change))).toMatchObject({ class: 'forbidden' })
  expect(existsSync(join(parent, 'config', 'a'))).toBe(true)
})

test('without root, a tree of one’s own with directories that may not be written to is changed and restored', () => {
  chmodSync(dir, 0o755)
  const parent = join(dir, 'mine')
  mkdirSync(join(parent, 'config', 'd'), { recursive: true })
  writeFileSync(join(parent, 'config', 'd', 'f'), 'old')
  execFileSync('chown', ['-R', '65534:65534', parent])
  chmodSync(join(parent, 'config', 'd'), 0o555)
  const run = `
    const before = await filesTree.read(at, null, hands)
    const { memento } = await filesTree.prepare(at, before.state, (await filesTree.want(at, spec, hands)).state, hands)
    const stands = []
    for (const side of ['after', 'before', 'after']) stands.push((await filesTree.turn(at, memento, side, hands)).side)
    await filesTree.release(at, memento, hands)
    const again = await filesTree.prepare(at, (await filesTree.read(at, null, hands)).state, before.state, { ...hands, key: 'k2' })
    await filesTree.turn(at, again.memento, 'after', hands)
    await filesTree.release(at, again.memento, hands)
    return [stands, (await filesTree.read(at, null, hands)).state.root === before.state.root]`
  expect(JSON.parse(asNobody(join(parent, 'config'), run))).toEqual([['after', 'before', 'after'], true])

  // The tree's own directory is moved, which takes the right to write to it: said before anything is turned.
  chmodSync(join(parent, 'config'), 0o555)
  expect(JSON.parse(asNobody(join(parent, 'config'), run))).toMatchObject({ code: 'files.not-movable', class: 'forbidden' })
})
