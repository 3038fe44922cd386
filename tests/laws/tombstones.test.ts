import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadStack } from '@understudy/engine'
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
    expect([note(), await buried()]).toEqual(['one', 1])
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect([note(), await buried()]).toEqual(['three', 0])
    await repairs('three')
  })

  test('a compiled undo to what was undone before lifts it as well', async () => {
    await rollBackOn(stack)
    await applyTo(stack, file('three'))
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ how: 'compiled' })
    expect(note()).toBe('two')
    await repairs('two')
  })
})
