import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData, Json } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import type { Stage } from '@understudy/engine/testing'
import { filesFile } from './provider.ts'
import { specSchema } from './spec.ts'
import type { FileSpec } from './spec.ts'

let stage: Stage
let path: string

beforeEach(async () => {
  stage = await openStage()
  path = join(stage.dir, 'app.conf')
})

afterEach(() => stage.close())

const place = () => ({ world: 'primary', id: 'file', part: { path } })
const look = () => stage.look('primary', 'file')
const outOf = async () => (await filesFile.read(place(), null, look()))?.out ?? null

function specOf(value: { readonly [key: string]: Json }): FileSpec {
  const parsed = specSchema.safeParse({ path, ...value })
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  return parsed.data
}

async function change(spec: FileSpec | null, key = 'k') {
  const from = (await filesFile.read(place(), null, look()))?.state ?? null
  const to = spec === null ? null : (await filesFile.want(place(), spec, look())).state
  const hands = () => stage.hands('primary', 'file', key)
  const { memento, out } = await filesFile.prepare(place(), from, to, hands())
  return {
    memento,
    out,
    turn: (side: 'before' | 'after') => filesFile.turn(place(), memento, side, hands()),
    look: (depth: 'quick' | 'full') => filesFile.look(place(), memento, depth, look()),
    release: () => filesFile.release(place(), memento, hands()),
    slot: join(stage.dir, '.app.conf.understudy', key),
  }
}

async function faultOf(work: Promise<unknown>): Promise<FaultData> {
  try {
    await work
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.fault
    throw thrown
  }
  throw new Error('it succeeded')
}

test('undo brings back the very file: inode, mode, time, other names', async () => {
  writeFileSync(path, 'old')
  chmodSync(path, 0o640)
  utimesSync(path, 1_000_000_000, 1_000_000_000)
  linkSync(path, join(stage.dir, 'other-name'))
  const before = lstatSync(path)
  const { turn, release } = await change(specOf({ content: 'new', mode: '0600' }))
  await turn('after')
  expect([readFileSync(path, 'utf8'), lstatSync(path).mode & 0o7777]).toEqual(['new', 0o600])
  expect(readFileSync(join(stage.dir, 'other-name'), 'utf8')).toBe('old')
  await turn('before')
  await release()
  const back = lstatSync(path)
  expect([back.ino, back.mode, back.mtimeMs, back.nlink]).toEqual([before.ino, before.mode, before.mtimeMs, 2])
  expect(readdirSync(stage.dir).toSorted()).toEqual(['.app.conf.understudy', 'app.conf', 'other-name', 'rooms'])
  expect(readdirSync(join(stage.dir, '.app.conf.understudy'))).toEqual([`i${before.ino}`])
})

test('a slot leads to its own side whatever name that has, and goes with it', async () => {
  writeFileSync(path, 'one')
  expect(await outOf()).toEqual({ path, slot: path })
  const two = await change(specOf({ content: 'two' }), 'k2')
  const [first, second] = [(await outOf())?.slot ?? '', two.out?.slot ?? '']
  const held = (): readonly string[] => [first, second].map((slot) => readFileSync(slot, 'utf8'))
  expect([held(), second === first]).toEqual([['one', 'two'], false])
  for (const side of ['after', 'before', 'after'] as const) {
    await two.turn(side)
    expect([held(), (await outOf())?.slot]).toEqual([['one', 'two'], side === 'after' ? second : first])
  }
  await two.release()
  expect([existsSync(first), readFileSync(second, 'utf8')]).toEqual([false, 'two'])
  const gone = await change(null, 'k3')
  await gone.turn('after')
  expect([existsSync(path), readFileSync(second, 'utf8')]).toEqual([false, 'two'])
  await gone.release()
  expect(readdirSync(stage.dir).toSorted()).toEqual(['rooms'])
})

test('killed between the exchange and its links it is mixed, and the next turn ends it, either way', async () => {
  writeFileSync(path, 'one')
  for (const [to, content] of [
    ['after', 'two'],
    ['before', 'one'],
  ] as const) {
    const step = await change(specOf({ content: 'two' }), `k-${to}`)
    const slots = [(await outOf())?.slot ?? '', step.out?.slot ?? '']
    const aside = join(stage.dir, 'aside') // what the exchange of two names does, and no more
    renameSync(path, aside)
    renameSync(step.slot, path)
    renameSync(aside, step.slot)
    expect(await step.look('quick')).toMatchObject({ side: 'mixed' })
    await step.turn(to)
    expect([readFileSync(path, 'utf8'), ...slots.map((slot) => readFileSync(slot, 'utf8'))]).toEqual([content, 'one', 'two'])
    expect(await step.look('full')).toEqual({ side: to, standby: 'fit' })
    await step.turn('before')
    await step.release()
  }
})

test('a step of an earlier version, without links, is turned and looked at as ever', async () => {
  writeFileSync(path, 'one')
  const { turn, look: stand } = await change(specOf({ content: 'two' }))
  const holder = join(stage.dir, '.app.conf.understudy')
  for (const name of readdirSync(holder).filter((found) => found !== 'k')) unlinkSync(join(holder, name))
  expect(await stand('quick')).toEqual({ side: 'before', standby: 'fit' })
  await turn('after')
  await turn('before')
  expect([await stand('full'), readFileSync(path, 'utf8')]).toEqual([{ side: 'before', standby: 'fit' }, 'one'])
})

test('what the spec does not say stays: mode and owner of the file that is there', async () => {
  writeFileSync(path, 'old')
  chmodSync(path, 0o751)
  const { turn } = await change(specOf({ content: 'new' }))
  await turn('after')
  expect(lstatSync(path).mode & 0o7777).toBe(0o751)
})

test('an edit in place that keeps size and time is still seen', async () => {
  writeFileSync(path, 'old')
  const { turn } = await change(specOf({ content: 'new' }))
  const { atime, mtime } = lstatSync(path)
  writeFileSync(path, 'odd')
  utimesSync(path, atime, mtime)
  expect(await faultOf(turn('after'))).toMatchObject({ code: 'file.changed-outside', class: 'conflict' })
  expect(readFileSync(path, 'utf8')).toBe('odd')
})

test('a file put in its place by rename is not overwritten, neither way', async () => {
  writeFileSync(path, 'old')
  const { turn, look: stand } = await change(specOf({ content: 'new' }))
  await turn('after')
  writeFileSync(join(stage.dir, 'foreign'), 'foreign')
  renameSync(join(stage.dir, 'foreign'), path)
  expect((await stand('quick')).side).toBe('other')
  expect((await faultOf(turn('before'))).class).toBe('conflict')
  expect(readFileSync(path, 'utf8')).toBe('foreign')
})

test('L17: what is written to the old file after the turn is named, and not gone back to silently', async () => {
  writeFileSync(path, 'old')
  const { turn, look: stand, slot } = await change(specOf({ content: 'new' }))
  await turn('after')
  expect(await stand('full')).toEqual({ side: 'after', standby: 'fit' })
  appendFileSync(slot, ' and late')
  expect(await stand('quick')).toEqual({ side: 'after', standby: 'stale' })
  expect(await stand('full')).toEqual({ side: 'after', standby: 'stale', late: [path] })
  expect((await faultOf(turn('before'))).code).toBe('file.standby-stale')
})

test('a touch of the same owner, mode and time is no change', async () => {
  writeFileSync(path, 'old')
  const { turn } = await change(specOf({ content: 'new' }))
  chmodSync(path, lstatSync(path).mode & 0o7777) // a new change time, nothing else
  expect((await turn('after')).side).toBe('after')
})

test('links, directories and what is no regular file are refused, with what to do', async () => {
  symlinkSync('elsewhere.conf', path)
  const link = await faultOf(filesFile.read(place(), null, look()))
  expect(link).toMatchObject({ code: 'file.is-a-link', class: 'invalid' })
  expect(link.hint).toContain('elsewhere.conf')
  renameSync(path, `${path}.link`)
  mkdirSync(path)
  expect((await faultOf(filesFile.read(place(), null, look()))).code).toBe('file.is-a-directory')
})

test('names that are not UTF-8, and names near the longest, work', async () => {
  for (const name of ['caf\udce9.conf', 'n'.repeat(250), 'a b\n"c']) {
    path = join(stage.dir, name)
    const raw = Buffer.from(`${stage.dir}/${name}`.replace('\udce9', '\u00e9'), name.isWellFormed() ? 'utf8' : 'latin1')
    const { turn, release } = await change(specOf({ content: name.isWellFormed() ? name : 'x' }))
    await turn('after')
    expect(existsSync(raw)).toBe(true)
    await turn('before')
    expect(existsSync(raw)).toBe(false)
    await release()
  }
})

test('directories above that are not there are made while preparing; one that went away with the file is said', async () => {
  path = join(stage.dir, 'no', 'where', 'app.conf')
  expect(await filesFile.read(place(), null, look())).toBe(null)
  const { turn, release } = await change(specOf({ content: 'x' }))
  expect(lstatSync(join(stage.dir, 'no')).mode & 0o7777).toBe(0o755)
  await turn('after')
  expect(readFileSync(path, 'utf8')).toBe('x')
  await release()
  rmSync(join(stage.dir, 'no'), { recursive: true })
  const state = await filesFile.want(place(), specOf({ content: 'x' }), look())
  const gone = filesFile.prepare(place(), state.state, { ...state.state, mode: 0o600 }, stage.hands('primary', 'file', 'k2'))
  expect(await faultOf(gone)).toMatchObject({ code: 'file.no-directory', class: 'conflict' })
})

test('a secret is neither shown as text nor world-readable', async () => {
  const mac = await stage.objects.put(Buffer.from('hunter2'))
  const { turn } = await change(specOf({ content: { $join: ['password = ', { secret: 'db', mac }, '\n'] } }))
  await turn('after')
  expect(readFileSync(path, 'utf8')).toBe('password = hunter2\n')
  expect(lstatSync(path).mode & 0o7777).toBe(0o600)
  const seen = await filesFile.read(place(), null, look())
  expect(seen?.state.secret).toBe(true)
  const component = seen === null ? null : await filesFile.components?.get(seen.state, '/content', look())
  expect(await filesFile.components?.text(component ?? null, look())).toBe(null)
})

test('a mode that two readers of YAML read differently is refused with the way to write it', () => {
  const parsed = specSchema.safeParse({ path, content: '', mode: 420 })
  expect(parsed.success ? '' : parsed.error.issues[0]?.message).toContain('"0644"')
})

test('a source is read once, while planning', async () => {
  writeFileSync(join(stage.dir, 'source'), Buffer.from([0, 255, 10]))
  const frozen = await filesFile.source?.freeze({ path: 'app.conf', source: 'source' }, stage.dir, stage.hands('primary', 'file', 'f'))
  writeFileSync(join(stage.dir, 'source'), 'changed since')
  const parsed = specSchema.safeParse(frozen)
  if (!parsed.success) throw new Error('does not parse')
  const { turn } = await change(parsed.data)
  await turn('after')
  expect([...readFileSync(path)]).toEqual([0, 255, 10])
})

test('merging: parts that only one side changed come together; the same part changed twice is a conflict', async () => {
  const state = async (content: string, mode: string) => (await filesFile.want(place(), specOf({ content, mode }), look())).state
  const [base, ours, theirs, other] = [
    await state('a', '0644'),
    await state('b', '0644'),
    await state('a', '0600'),
    await state('c', '0644'),
  ]
  const merging = filesFile.merging
  expect(await merging?.merge(base, ours, theirs, look())).toEqual({ merged: { ...ours, mode: 0o600 } })
  expect(await merging?.merge(base, ours, other, look())).toMatchObject({ conflicts: [{ pointer: '/content' }] })
  expect(await merging?.merge(base, ours, null, look())).toMatchObject({ conflicts: [{ pointer: '' }] })
})
