import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findDrift, headRevision, loadStack } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
  await applyTo(stack, both('1'))
})
afterEach(() => stack.close())

const both = (content: string): Wishes => ({
  one: { kind: 'files.file', spec: { path: 'live/one', content } },
  tree: { kind: 'files.tree', spec: { path: 'live/tree', files: { f: content } } },
})
const path = (name: string): string => join(stack.dir, 'live', name)
const live = (): string => ['one', 'tree/f'].map((name) => readFileSync(path(name), 'utf8')).join()
const drifted = async () => {
  const head = await headRevision(stack.store, await loadStack(stack.store, 'test'))
  return head === null ? null : (await findDrift(stack.ports, head)).filter((row) => row.drifted).map(({ resource }) => resource)
}

describe('a change made over a drift', () => {
  test('--to N is what the revision says, not what the change found', async () => {
    writeFileSync(path('one'), 'by hand')
    rmSync(path('tree'), { recursive: true })
    await applyTo(stack, both('2'))
    expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ outcome: 'undone', how: 'compiled' })
    expect([live(), await drifted()]).toEqual(['1,1', []])
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone' })
    expect([live(), await drifted()]).toEqual(['2,2', []])
  })

  test('without --to it is what was there before the change, and still a drift', async () => {
    writeFileSync(path('one'), 'by hand')
    await applyTo(stack, both('2'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect([live(), await drifted()]).toEqual(['by hand,1', ['one']])
  })
})
