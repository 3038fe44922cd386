import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findDrift, headRevision, loadStack } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
  await applyTo(stack, tree('1'))
  await applyTo(stack, tree('2'))
})
afterEach(() => stack.close())

const tree = (a: string): Wishes => ({ tree: { kind: 'files.tree', spec: { path: 'live/t', files: { a, same: 's' } } } })
const at = (name: string): string => join(stack.dir, 'live/t', name)
const live = () => ['a', 'same', 'user'].map((name) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : null))
const drifted = async () => {
  const head = await headRevision(stack.store, await loadStack(stack.store, 'test'))
  return head === null ? [] : (await findDrift(stack.ports, head)).filter((row) => row.drifted)
}

describe('files that the change did not touch, written to after it', () => {
  beforeEach(() => {
    writeFileSync(at('same'), 'theirs')
    writeFileSync(at('user'), 'new')
  })

  test('are kept aside and named by a flip; a redo goes to the revision, not to the side that holds them', async () => {
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip', undoing: { late: [{ resource: 'tree' }] } })
    expect(live()).toEqual(['1', 's', null])
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
    expect([live(), await drifted()]).toEqual([['2', 's', null], []])
  })

  test.each(['ours', 'theirs'] as const)('stay with --resolve %s: nothing of it is in conflict', async (resolve) => {
    expect(await rollBackOn(stack, { resolve })).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(live().slice(1)).toEqual(['theirs', 'new'])
  })

  test('the last revision is not said to be what is live', async () => {
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({
      outcome: 'nothing',
      why: expect.stringMatching(/tree is another by now.*drift --revert/),
    })
  })
})

test('what was put back by hand is recorded as that', async () => {
  writeFileSync(at('a'), '1')
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'recorded' })
  expect([live(), await drifted()]).toEqual([['1', 's', null], []])
  const { revisions } = await loadStack(stack.store, 'test')
  expect(revisions.at(-1)).toMatchObject({ n: 3, how: 'undone' })
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
})

test('what an undo to a revision kept of others’ writes, the same undo once more does not go over', async () => {
  await rollBackOn(stack)
  writeFileSync(at('same'), 'theirs')
  expect(await rollBackOn(stack, { to: 2, resolve: 'ours' })).toMatchObject({ outcome: 'undone' })
  expect(live()).toEqual(['2', 'theirs', null])
  expect(await rollBackOn(stack, { to: 2, resolve: 'ours' })).toMatchObject({
    outcome: 'nothing',
    why: expect.stringMatching(/tree stays as that left it.*--to 2 --only tree goes over that/),
  })
  expect(await rollBackOn(stack, { to: 2, only: [{ resource: 'tree', pointer: null }] })).toMatchObject({ outcome: 'undone' })
  expect(live()).toEqual(['2', 's', null])
})
