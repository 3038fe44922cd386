import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { faultOf } from '@understudy/contract'
import { plan } from '@understudy/engine'
import { applyTo, openTestStack, requestFor, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  for (const release of ['1', '2', '3']) {
    mkdirSync(join(stack.dir, 'src', release), { recursive: true })
    for (const name of ['x', 'y']) writeFileSync(join(stack.dir, 'src', release, name), `${name}${release}`)
    writeFileSync(join(stack.dir, 'src', release, 'same'), 'same')
  }
  await applyTo(stack, tree('1'))
  await applyTo(stack, tree('2'))
})
afterEach(() => stack.close())

const tree = (release: string): Wishes => ({ one: { kind: 'files.tree', spec: { path: 'live/one', source: `src/${release}` } } })
const live = (name: string): string => join(stack.dir, 'live/one', name)
const read = (...names: readonly string[]) => names.map((name) => (existsSync(live(name)) ? readFileSync(live(name), 'utf8') : null))

test('L17: --resolve ours decides what is in conflict; what else was written since stays', async () => {
  writeFileSync(live('x'), 'x2 by hand')
  writeFileSync(live('same'), 'by hand')
  writeFileSync(live('z'), 'new by hand')
  expect(await rollBackOn(stack).catch(faultOf)).toMatchObject({ code: 'rollback.conflict', detail: 'one#/files/x' })
  expect(await rollBackOn(stack, { resolve: 'ours' })).toMatchObject({
    outcome: 'undone',
    undoing: { verified: true },
    plan: { notes: expect.arrayContaining([expect.objectContaining({ code: 'written-over', resource: 'one', components: ['/files/x'] })]) },
  })
  expect(read('x', 'y', 'same', 'z')).toEqual(['x1', 'y1', 'by hand', 'new by hand'])
})

test('L17: a directory that somebody removed comes back with the file in it, and with its own mode', async () => {
  for (const [release, x] of [
    ['a', '1'],
    ['b', '2'],
  ] as const) {
    mkdirSync(join(stack.dir, 'src', release, 'in/deep'), { recursive: true, mode: 0o755 })
    chmodSync(join(stack.dir, 'src', release, 'in'), 0o750)
    chmodSync(join(stack.dir, 'src', release, 'in/deep'), 0o700)
    writeFileSync(join(stack.dir, 'src', release, 'in/deep/x'), x)
    await applyTo(stack, tree(release))
  }
  rmSync(live('in'), { recursive: true })
  expect(await rollBackOn(stack).catch(faultOf)).toMatchObject({
    code: 'rollback.conflict',
    detail: expect.stringContaining('one#/files/in~1,'),
  })
  expect(await rollBackOn(stack, { resolve: 'ours' })).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
  expect(read('in/deep/x')).toEqual(['1'])
  expect(['in', 'in/deep'].map((name) => statSync(live(name)).mode & 0o777)).toEqual([0o750, 0o700])
})

test('L17: a change over what was written by hand names it before it is made', async () => {
  writeFileSync(live('x'), 'x2 by hand')
  for (let n = 0; n < 6; n += 1) writeFileSync(live(`z${n}`), 'new by hand')
  const { notes } = (await plan(stack.ports, requestFor(stack, tree('3')))).plan
  expect(notes.filter(({ code }) => code === 'drift')).toMatchObject([
    {
      resource: 'one',
      text: expect.stringMatching(/\/files\/x, \/files\/z0, \/files\/z1, \/files\/z2, \/files\/z3 and 2 more/),
      components: ['x', 'z0', 'z1', 'z2', 'z3', 'z4', 'z5'].map((name) => `/files/${name}`),
    },
  ])
  const gone = (await plan(stack.ports, requestFor(stack, {}))).plan
  expect(gone.notes.filter(({ code }) => code === 'drift')).toMatchObject([
    { resource: 'one', components: expect.arrayContaining(['/files/x']) },
  ])
  await applyTo(stack, tree('3'))
  expect(read('x', 'z0')).toEqual(['x3', null])
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
  expect(read('x', 'z0')).toEqual(['x2 by hand', 'new by hand'])
})

test('a file and a tree in a directory that nobody made yet: rehearsed and applied alike', async () => {
  const wishes: Wishes = {
    ...tree('2'),
    two: { kind: 'files.tree', spec: { path: 'new/one', source: 'src/1' } },
    three: { kind: 'files.file', spec: { path: 'new/three', content: 'x' } },
    four: { kind: 'files.file', spec: { path: 'other/four', content: 'x' } },
  }
  expect(await applyTo(stack, wishes)).toMatchObject({ result: { outcome: 'committed' }, rehearsal: { certificate: { grade: 'exact' } } })
  expect(readFileSync(join(stack.dir, 'other/four'), 'utf8')).toBe('x')
})
