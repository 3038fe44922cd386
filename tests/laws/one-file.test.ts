import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { faultOf } from '@understudy/contract'
import { loadStack } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
})
afterEach(() => stack.close())

const live = (...names: string[]): string => join(stack.dir, 'live', ...names)
const read = (name: string): string => readFileSync(live(name), 'utf8')
const only = (...names: string[]) => ({
  only: names.map((name) => ({ resource: 'tree', pointer: `/files/${name.replaceAll('/', '~1')}` })),
})

/** Name to content; `-> x` makes a link. */
type Release = Readonly<Record<string, string>>
const v1: Release = { a: 'old a', 'd/b': 'old b', 'd/gone': 'was here', link: '-> a', keep: 'same' }
const v2: Release = { a: 'new a', 'd/b': 'new b', 'd/came': 'is new', link: '-> keep', keep: 'same' }

async function release(files: Release): Promise<void> {
  const source = join(stack.dir, 'src')
  rmSync(source, { recursive: true, force: true })
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(source, name, '..'), { recursive: true })
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(source, name))
    else writeFileSync(join(source, name), text)
  }
  const wishes = { tree: { kind: 'files.tree', spec: { path: 'live', source: 'src' } } }
  expect(await applyTo(stack, wishes)).toMatchObject({ outcome: 'ended', result: { outcome: 'committed' } })
}

/** What is live, as a release. */
function now(): Release {
  const names = readdirSync(live(), { recursive: true, encoding: 'utf8' }).filter((name) => !lstatSync(live(name)).isDirectory())
  return Object.fromEntries(
    names.toSorted().map((name) => [name, lstatSync(live(name)).isSymbolicLink() ? `-> ${readlinkSync(live(name))}` : read(name)]),
  )
}
const sorted = (release: Release): Release => Object.fromEntries(Object.entries(release).toSorted(([a], [b]) => (a < b ? -1 : 1)))

test('one file of the last change only turns: no rehearsal, two appends, everything else untouched', async () => {
  await release(v1)
  await release(v2)
  const [tree, other] = [lstatSync(live()).ino, lstatSync(live('d/b')).ino]
  const append = vi.spyOn(stack.store, 'append')
  stack.events.length = 0
  expect(await rollBackOn(stack, only('a'))).toMatchObject({ outcome: 'undone', how: 'flip', n: 3, undoing: { verified: true } })
  expect(now()).toEqual(sorted({ ...v2, a: 'old a' }))
  expect([lstatSync(live()).ino, lstatSync(live('d/b')).ino]).toEqual([tree, other])
  expect(append).toHaveBeenCalledTimes(2)
  expect(stack.events.filter(({ type }) => type.startsWith('shadow.'))).toEqual([])
})

test('files that changed, came and went, and links, several at once; undone, redone, and one after the other', async () => {
  await release(v1)
  await release(v2)
  expect(await rollBackOn(stack, only('d/b', 'd/gone', 'd/came', 'link'))).toMatchObject({ how: 'flip' })
  const { 'd/came': _came, ...rest } = v2
  const mixed = sorted({ ...rest, 'd/b': 'old b', 'd/gone': 'was here', link: '-> a' })
  expect(now()).toEqual(mixed)
  expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone', how: 'flip', undoing: { verified: true } })
  expect(now()).toEqual(sorted(v2))
  expect(await rollBackOn(stack, { to: 3 })).toMatchObject({ outcome: 'undone', how: 'flip', undoing: { verified: true } })
  expect(now()).toEqual(mixed)
  expect(await rollBackOn(stack, { ...only('a'), to: 1 })).toMatchObject({ how: 'flip' })
  expect(now()).toEqual(sorted(v1))
})

test('every revision can be had afterwards, from the store alone', async () => {
  await release(v1)
  await release(v2)
  await rollBackOn(stack, only('a', 'd/came'))
  const mixed = now()
  await rollBackOn(stack, { ...only('link'), to: 1 })
  await release({ z: 'something else' })
  await release({ z: 'and again', a: 'third a' })
  rmSync(join(stack.dir, 'src'), { recursive: true })
  for (const [to, wanted] of [
    [3, mixed],
    [1, v1],
    [2, v2],
  ] as const) {
    expect(await rollBackOn(stack, { to })).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(now()).toEqual(sorted(wanted))
  }
  const slots = readdirSync(join(stack.dir, '.live.understudy')).filter((name) => /^(p|x|kept)-/.test(name))
  expect(slots).toEqual([])
})

test('an edit of that file since is a conflict and stays; an edit of another is nobody’s business', async () => {
  await release(v1)
  await release(v2)
  writeFileSync(live('a'), 'by hand')
  writeFileSync(live('keep'), 'also by hand')
  const fault = await rollBackOn(stack, only('a')).catch(faultOf)
  expect([fault, read('a'), read('keep')]).toEqual([expect.objectContaining({ code: 'rollback.conflict' }), 'by hand', 'also by hand'])
  expect(await rollBackOn(stack, only('d/b'))).toMatchObject({ outcome: 'undone', how: 'flip' })
  expect([read('d/b'), read('a'), read('keep')]).toEqual(['old b', 'by hand', 'also by hand'])
  expect(await rollBackOn(stack, { ...only('a'), to: 1, resolve: 'theirs' })).toMatchObject({ outcome: 'nothing' })
  expect(await rollBackOn(stack, { ...only('a'), to: 1, resolve: 'ours' })).toMatchObject({ outcome: 'undone', how: 'compiled' })
  expect([read('d/b'), read('a'), read('keep')]).toEqual(['old b', 'old a', 'also by hand'])
})

test('a write to the file that was turned away from is kept and named when its slot is let go of', async () => {
  await release(v1)
  await release(v2)
  await rollBackOn(stack, only('a'))
  const slots = join(stack.dir, '.live.understudy')
  const standby = readdirSync(slots).find((name) => name.startsWith('n-')) ?? ''
  writeFileSync(join(slots, standby, 'a'), 'late')
  await release({ ...v2, a: 'third a' })
  const kept = readdirSync(slots).find((name) => name.startsWith('kept-')) ?? ''
  expect(readFileSync(join(slots, kept, 'a'), 'utf8')).toBe('late')
})

test('what the last change did not change is compiled, as ever', async () => {
  await release(v1)
  await release({ ...v1, a: 'new a' })
  await release({ ...v1, a: 'new a', 'd/b': 'new b' })
  expect(await rollBackOn(stack, { ...only('a'), to: 1 })).toMatchObject({ outcome: 'undone', how: 'compiled' })
  expect(now()).toEqual(sorted({ ...v1, 'd/b': 'new b' }))
})

test('the change that lent its side says from then on that it is compiled', async () => {
  await release(v1)
  await release(v2)
  const id = (await loadStack(stack.store, 'test')).order.at(-1) ?? ''
  await rollBackOn(stack, only('a'))
  expect((await loadStack(stack.store, 'test')).changes[id]).toMatchObject({ phase: 'committed', downgraded: true, released: false })
  expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
  expect(now()).toEqual(sorted(v1))
  expect(existsSync(live('d/came'))).toBe(false)
})
