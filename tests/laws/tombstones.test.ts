import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { acceptDrift, findDrift, headRevision, loadStack, withLease } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
  await applyTo(stack, file('one'))
  await applyTo(stack, file('two'))
})
afterEach(() => stack.close())

const file = (content: string): Wishes => ({ note: { kind: 'files.file', spec: { path: 'live/note', content } } })
const note = (): string => readFileSync(join(stack.dir, 'live/note'), 'utf8')
const buried = async () => Object.keys((await loadStack(stack.store, 'test')).tombstones).length

/** Somebody writes over it; the stack file still says the same. */
async function repairs(content: string) {
  writeFileSync(join(stack.dir, 'live/note'), 'by hand')
  expect(await applyTo(stack, file(content))).toMatchObject({ result: { outcome: 'committed' } })
  expect(note()).toBe(content)
}

describe('L11: a tombstone lies on what was undone, and on nothing that is live again', () => {
  test('a redo lifts it', async () => {
    await rollBackOn(stack)
    expect(await buried()).toBe(1)
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ how: 'flip' })
    expect([note(), await buried()]).toEqual(['two', 0])
    await repairs('two')
  })

  test('undone again it is back', async () => {
    await rollBackOn(stack)
    await rollBackOn(stack, { to: 2 })
    await rollBackOn(stack)
    expect([note(), await buried()]).toEqual(['one', 1])
    expect(await applyTo(stack, file('two'))).toMatchObject({ outcome: 'refused' })
  })

  test('the undo of a compiled undo lifts it, and buries nothing else', async () => {
    await applyTo(stack, file('three'))
    expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ how: 'compiled' })
    expect([note(), await buried()]).toEqual(['one', 2])
    for (const content of ['two', 'three']) expect(await applyTo(stack, file(content))).toMatchObject({ outcome: 'refused' })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(await rollBackOn(stack, { to: 3 })).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect([note(), await buried()]).toEqual(['three', 0])
    await repairs('three')
  })

  test('the undo of a redo buries it again', async () => {
    await applyTo(stack, file('three'))
    await rollBackOn(stack, { to: 1 })
    await rollBackOn(stack, { to: 3 })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
    expect([note(), await buried()]).toEqual(['one', 2])
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
  })

  test('the undo of an accepted drift buries nothing: what was asked for is live', async () => {
    writeFileSync(join(stack.dir, 'live/note'), 'by hand')
    const head = await headRevision(stack.store, await loadStack(stack.store, 'test'))
    const rows = head === null ? [] : await findDrift(stack.ports, head)
    expect(await withLease(stack.ports, 'drift', (writable) => acceptDrift(writable, rows))).toBe(3)
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
    expect([note(), await buried()]).toEqual(['two', 0])
    await repairs('two')
  })

  test('a compiled undo to what was undone before lifts it as well', async () => {
    await rollBackOn(stack)
    await applyTo(stack, file('three'))
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ how: 'compiled' })
    expect(note()).toBe('two')
    await repairs('two')
  })
})

test('what was undone does not come back in parts either', async () => {
  const two = (content: string): Wishes => ({ ...file(content), more: { kind: 'files.file', spec: { path: 'live/more', content } } })
  await applyTo(stack, two('three'))
  await applyTo(stack, two('four'))
  await rollBackOn(stack)
  for (const only of [['more'], ['note']])
    expect(await applyTo(stack, two('four'), { only })).toMatchObject({ outcome: 'refused', by: 'policy' })
  expect(await applyTo(stack, two('five'), { only: ['more'] })).toMatchObject({ outcome: 'ended' })
})
