import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { DirWrites, FaultData, Hands, Json } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import { filesTree } from './provider.ts'

let stage: Awaited<ReturnType<typeof openStage>>
let dir: string

beforeEach(async () => {
  stage = await openStage()
  dir = stage.dir
})
afterEach(() => stage.close())

const at = (path = 'config') => ({ world: 'primary', id: 'config', part: { path: join(dir, path) } })
const look = () => stage.look('primary', 'config')
const hands = (key = 'step') => stage.hands('primary', 'config', key)
const live = (...names: string[]): string => join(dir, 'config', ...names)

async function freeze(spec: Readonly<Record<string, Json>>, call: Hands = hands('freeze')): Promise<Json> {
  return (await filesTree.source?.freeze({ path: 'config', ...spec }, dir, call)) ?? null
}

async function stateFor(spec: Readonly<Record<string, Json>>) {
  const parsed = filesTree.schema.spec.safeParse(await freeze(spec))
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  return (await filesTree.want(at(), parsed.data, look())).state
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

/** Hands whose directories are changed as they are opened. */
function withDirs(call: Hands, change: (opened: DirWrites) => Partial<DirWrites>): Hands {
  const open = (path: string): DirWrites => {
    const opened = call.fx.fs.open(path)
    return Object.assign(opened, change({ ...opened }))
  }
  return { ...call, fx: { ...call.fx, fs: { ...call.fx.fs, open } } }
}

test('a live path that is a link, a file, or no path of a tree is refused with a hint', async () => {
  const to = await stateFor({ files: { a: 'a' } })
  mkdirSync(join(dir, 'real'))
  symlinkSync('real', live())
  expect(await faultOf(filesTree.prepare(at(), null, to, hands()))).toMatchObject({ code: 'files.path-is-link', class: 'invalid' })
  expect((await faultOf(filesTree.read(at(), null, look()))).hint).toContain('real')
  renameSync(live(), join(dir, 'link'))
  writeFileSync(live(), 'file')
  expect(await faultOf(filesTree.prepare(at(), null, to, hands()))).toMatchObject({ code: 'files.path-not-directory', class: 'conflict' })
  expect(readdirSync(dir).filter((name) => name.endsWith('.understudy'))).toEqual([])
  for (const path of ['/', 'relative', '/a/..', '']) {
    const refused = filesTree.prepare({ ...at(), part: { path } }, null, to, hands())
    expect(await faultOf(refused)).toMatchObject({ code: 'files.bad-path' })
  }
})

test('what was not planned is a conflict before anything is made', async () => {
  const to = await stateFor({ files: { a: 'a' } })
  expect(await faultOf(filesTree.prepare(at(), to, to, hands()))).toMatchObject({ code: 'files.changed-outside' })
  mkdirSync(live())
  expect(await faultOf(filesTree.prepare(at(), null, to, hands()))).toMatchObject({ code: 'files.changed-outside' })
  writeFileSync(live('other'), 'x')
  expect((await faultOf(filesTree.prepare(at(), to, null, hands()))).detail).toContain('other')
})

test('something else under the name of the slots is left alone', async () => {
  writeFileSync(join(dir, '.config.understudy'), 'mine')
  const to = await stateFor({ files: { a: 'a' } })
  expect(await faultOf(filesTree.prepare(at(), null, to, hands()))).toMatchObject({ code: 'files.slots-taken' })
  expect(readFileSync(join(dir, '.config.understudy'), 'utf8')).toBe('mine')
})

test('names that lead out of the tree, missing sources, bad modes and late values are named', async () => {
  writeFileSync(join(dir, 'file'), 'x')
  const code = async (spec: Readonly<Record<string, Json>>): Promise<string> => (await faultOf(stateFor(spec))).code
  for (const name of ['../a', '/a', 'a//b', 'a/', './a', 'a/../b']) expect(await code({ files: { [name]: 'x' } })).toBe('files.bad-name')
  expect(await code({ files: { '../a': { source: 'file' } } })).toBe('files.bad-name')
  expect(await code({ source: 'nowhere' })).toBe('files.no-source')
  expect(await code({ files: { a: { source: 'nowhere' } } })).toBe('files.no-source')
  expect(await code({ files: { a: { source: '.' } } })).toBe('files.source-not-file')
  expect(await code({ files: { a: { source: 'file', mode: '888' } } })).toBe('files.bad-mode')
  expect(await code({ source: { $ref: 'web', output: 'path' } })).toBe('plan.known-too-late')
  expect(await code({ files: { a: 'x', 'a/b': 'y' } })).toBe('files.not-a-directory')
  expect(filesTree.schema.spec.safeParse({ path: 'config' }).success).toBe(false)
  expect(filesTree.schema.spec.safeParse({ path: 'config', source: 's', sorce: 's' }).success).toBe(false)
})

test('a live directory and its source that contain one another are refused, also by a link', async () => {
  mkdirSync(join(dir, 'src/below'), { recursive: true })
  symlinkSync('src', join(dir, 'alias'))
  for (const [path, source] of [
    ['src', 'src'],
    ['src/live', 'src'],
    ['src', 'src/below'],
    ['alias/live', 'src'],
    ['src', './alias/'],
  ] as const) {
    expect(await faultOf(freeze({ path, source })), `${path} ${source}`).toMatchObject({ code: 'files.source-overlaps', class: 'invalid' })
  }
  expect(await freeze({ path: 'src-live', source: 'src' })).toMatchObject({ path: join(dir, 'src-live') })
})

test('a source is taken as it is: links not followed, excludes left out, sockets refused, modes as asked', async () => {
  mkdirSync(join(dir, 'source', 'drafts', 'old'), { recursive: true })
  mkdirSync(join(dir, 'source', '.git'))
  for (const name of ['a', '.git/config', 'drafts/b', 'drafts/old/c', 'drafts/a~']) writeFileSync(join(dir, 'source', name), name)
  symlinkSync('/etc', join(dir, 'source', 'etc'))
  chmodSync(join(dir, 'source', 'a'), 0o755)
  const state = await stateFor({ source: 'source', exclude: ['.git', 'drafts/old'], files: { a: 'written over', 'new/dir/n': 'n' } })
  const pointers = (await filesTree.components?.list(state, look())) ?? []
  const names = ['.~1', 'a', 'drafts~1', 'drafts~1a~0', 'drafts~1b', 'etc', 'new~1', 'new~1dir~1', 'new~1dir~1n']
  expect(pointers).toEqual(names.map((name) => `/files/${name}`))
  const strict = await stateFor({ source: 'source', modes: { files: '0640', dirs: '0750' } })
  expect(await filesTree.components?.get(strict, '/files/a', look())).toMatchObject({ mode: '0640' })
  expect(await filesTree.components?.get(strict, '/files/drafts~1', look())).toMatchObject({ mode: '0750' })
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(dir, 'source', 's'), resolve))
  expect((await faultOf(freeze({ source: 'source' }))).code).toBe('files.socket-in-source')
  await new Promise((resolve) => server.close(resolve))
})

test('references and secrets in texts stay in the frozen spec, and freezing again changes nothing', async () => {
  mkdirSync(join(dir, 'source'))
  const mac = await look().put(Buffer.from('hunter2'))
  const files = {
    site: { content: { $join: ['listen ', { $ref: 'web', output: 'port' }] } },
    key: { content: { secret: 'tls', mac } },
    plain: 'x',
  }
  const frozen = await freeze({ source: 'source', files })
  expect(frozen).toMatchObject({ files, tree: expect.stringMatching(/^h:/) })
  writeFileSync(join(dir, 'source', 'later'), 'not taken any more')
  expect(await filesTree.source?.freeze(frozen, join(dir, 'elsewhere'), hands())).toEqual(frozen)
  const state = await stateFor({ files: { key: { content: { secret: 'tls', mac }, mode: '0600' } } })
  const key = await filesTree.components?.get(state, '/files/key', look())
  expect(key).toMatchObject({ content: look().name(Buffer.from('hunter2')), mode: '0600' })
})

test('a file that never holds still is a conflict, once it does it is read', async () => {
  mkdirSync(join(dir, 'source'))
  writeFileSync(join(dir, 'source', 'log'), '')
  let writes = 0
  const busy = (times: number): Hands =>
    withDirs(hands('freeze'), (opened) => ({
      read(name) {
        const bytes = opened.read(name)
        if (writes < times) writeFileSync(join(dir, 'source', 'log'), 'x'.repeat((writes += 1)))
        return bytes
      },
    }))
  expect(await freeze({ source: 'source' }, busy(1))).toMatchObject({ counts: { bytes: 1 } })
  writes = 0
  expect(await faultOf(freeze({ source: 'source' }, busy(99)))).toMatchObject({ code: 'files.changed-while-read', class: 'conflict' })
})

test('a tree that changes while it is copied is noticed before it is turned', async () => {
  mkdirSync(live())
  for (const name of ['a', 'b']) writeFileSync(live(name), name)
  const from = (await filesTree.read(at(), null, look()))?.state ?? null
  const to = await stateFor({ files: { a: 'a', b: 'changed', c: 'c' } })
  const call = withDirs(hands(), (opened) => ({
    copyFrom(source, sourceName, name, mode) {
      writeFileSync(live('a'), 'edited while copying')
      opened.copyFrom(source, sourceName, name, mode)
    },
  }))
  const made = await filesTree.prepare(at(), from, to, call)
  // What was copied is not what was wanted, so it was taken from the store; the edit is seen when it is turned.
  expect(await faultOf(filesTree.turn(at(), made.memento, 'after', hands()))).toMatchObject({ code: 'files.changed-outside' })
  expect(readFileSync(live('a'), 'utf8')).toBe('edited while copying')
})

test('without an exchange it is renames, says so, and an interrupted turn is ended either way', async () => {
  for (const [at0, dies] of [0, 1, 2, 3].entries()) {
    for (const onward of ['after', 'before'] as const) {
      const key = `step-${at0}-${onward}`
      const path = `tree-${key}`
      const where = at(path)
      mkdirSync(join(dir, path))
      writeFileSync(join(dir, path, 'f'), 'old')
      const plain = withDirs(hands(key), () => ({ exchange: () => false }))
      const from = (await filesTree.read(where, null, look()))?.state ?? null
      const { memento } = await filesTree.prepare(where, from, await stateFor({ files: { f: 'new' } }), plain)
      expect(memento).toMatchObject({ atomic: false })
      let renames = 0
      const mortal = withDirs(hands(key), (opened) => ({
        exchange: () => false,
        rename(name, to, toName, how) {
          if (!name.includes('/i') && (renames += 1) > dies) throw new Error('killed')
          opened.rename(name, to, toName, how)
        },
      }))
      const died = await filesTree.turn(where, memento, 'after', mortal).then(
        () => false,
        () => true,
      )
      expect(died).toBe(dies < 3)
      const seen = await filesTree.look(where, memento, 'quick', look())
      expect(seen.side).toBe(['before', 'mixed', 'mixed', 'after'][dies])
      expect(await filesTree.turn(where, memento, onward, plain)).toMatchObject({ side: onward })
      expect(readFileSync(join(dir, path, 'f'), 'utf8')).toBe(onward === 'after' ? 'new' : 'old')
      expect((await filesTree.look(where, memento, 'full', look())).side).toBe(onward)
    }
  }
})

test('a step that is cancelled while preparing stops, and leaves nothing that is seen', async () => {
  const files = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`f${index}`, 'x']))
  const to = await stateFor({ files })
  const abort = new AbortController()
  let made = 0
  const base = hands()
  const call = withDirs({ ...base, signal: abort.signal }, (opened) => ({
    create(name, bytes, mode) {
      if ((made += 1) === 100) abort.abort()
      opened.create(name, bytes, mode)
    },
  }))
  expect(await faultOf(filesTree.prepare(at(), null, to, call))).toMatchObject({ code: 'files.cancelled' })
  expect(made).toBeLessThan(200)
  expect(existsSync(live())).toBe(false)
  await filesTree.release(at(), null, hands())
  expect(existsSync(join(dir, '.config.understudy'))).toBe(false)
  expect(statSync(dir).isDirectory()).toBe(true)
})
