import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
  expect(await rollBackOn(stack, { resolve: 'ours' })).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
  expect(read('x', 'y', 'same', 'z')).toEqual(['x1', 'y1', 'by hand', 'new by hand'])
})

test('L17: a change over what was written by hand names it before it is made', async () => {
  writeFileSync(live('x'), 'x2 by hand')
  for (let n = 0; n < 6; n += 1) writeFileSync(live(`z${n}`), 'new by hand')
  const { notes } = (await plan(stack.ports, requestFor(stack, tree('3')))).plan
  expect(notes.filter(({ code }) => code === 'drift')).toMatchObject([
    { resource: 'one', text: expect.stringMatching(/\/files\/x, \/files\/z0, \/files\/z1, \/files\/z2, \/files\/z3 and 2 more/) },
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
