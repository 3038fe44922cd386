import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadStack } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
  await applyTo(stack, both('1', '1'))
  await applyTo(stack, both('2', '2'))
})
afterEach(() => stack.close())

const both = (one: string, two: string): Wishes => ({
  one: { kind: 'files.file', spec: { path: 'live/one', content: one } },
  two: { kind: 'files.file', spec: { path: 'live/two', content: two } },
})
const live = (): string => ['one', 'two'].map((name) => readFileSync(join(stack.dir, 'live', name), 'utf8')).join()
const only = (...names: readonly string[]) => ({ only: names.map((resource) => ({ resource, pointer: null })) })
const buried = async () => Object.values((await loadStack(stack.store, 'test')).tombstones)

describe('L9: undo twice is undo once', () => {
  test('of one resource', async () => {
    expect(await rollBackOn(stack, only('one'))).toMatchObject({ outcome: 'undone', n: 3 })
    for (let n = 0; n < 2; n += 1) {
      expect(await rollBackOn(stack, only('one'))).toMatchObject({ outcome: 'nothing', why: expect.stringMatching(/one.*undone already/) })
      expect(live()).toBe('1,2')
    }
    expect(await rollBackOn(stack, { ...only('one'), to: 2 })).toMatchObject({ outcome: 'undone' })
    expect(live()).toBe('2,2')
    expect(await rollBackOn(stack, only('one'))).toMatchObject({ outcome: 'undone' })
    expect(live()).toBe('1,2')
  })

  test('of one resource, which leads to what was undone before', async () => {
    await rollBackOn(stack, only('one'))
    await applyTo(stack, both('1', '3'))
    await rollBackOn(stack, only('two'))
    expect([live(), (await buried()).length]).toEqual(['1,2', 2])
    await applyTo(stack, both('2', '1'))
    expect(await rollBackOn(stack, only('one'))).toMatchObject({ outcome: 'undone' })
    await applyTo(stack, both('2', '3'))
    const change = (await loadStack(stack.store, 'test')).revisions.at(-1)?.change
    expect(await rollBackOn(stack, only('two'))).toMatchObject({ outcome: 'undone' })
    for (let n = 0; n < 2; n += 1) {
      expect([live(), await buried()]).toEqual(['2,1', expect.arrayContaining([change])])
      expect(await rollBackOn(stack, only('two'))).toMatchObject({ outcome: 'nothing' })
    }
  })

  test('of a resource that the undo deleted', async () => {
    await applyTo(stack, { ...both('2', '2'), more: { kind: 'files.file', spec: { path: 'live/more', content: '' } } })
    expect(await rollBackOn(stack, only('more'))).toMatchObject({ outcome: 'undone' })
    expect(await rollBackOn(stack, only('more'))).toMatchObject({ outcome: 'nothing', why: expect.stringMatching(/more.*undone already/) })
    await expect(rollBackOn(stack, only('mere'))).rejects.toMatchObject({ fault: { code: 'rollback.no-resource' } })
  })

  test('of one resource and then of the whole: the rest of the change goes back too, and then nothing', async () => {
    await rollBackOn(stack, only('one'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
    expect(live()).toBe('1,1')
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(await rollBackOn(stack, only('one'))).toMatchObject({ outcome: 'nothing' })
    expect([live(), (await buried()).length]).toEqual(['1,1', 1])
    expect(await applyTo(stack, both('2', '2'))).toMatchObject({ outcome: 'refused' })
  })

  test('of the whole and then of one resource', async () => {
    const change = (await loadStack(stack.store, 'test')).revisions.at(-1)?.change
    await rollBackOn(stack)
    expect(await rollBackOn(stack, only('two'))).toMatchObject({ outcome: 'nothing' })
    expect([live(), await buried()]).toEqual(['1,1', [change]])
  })

  test('where it had to be planned', async () => {
    await applyTo(stack, both('3', '3'))
    expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ how: 'compiled' })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(live()).toBe('1,1')
  })

  test('of a redo of a part', async () => {
    await rollBackOn(stack, only('one'))
    await rollBackOn(stack, { to: 2 })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
    expect(live()).toBe('1,2')
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(live()).toBe('1,2')
  })

  test('a tombstone names the change that made what is buried, not an undo in between', async () => {
    const change = (await loadStack(stack.store, 'test')).revisions.at(-1)?.change
    await rollBackOn(stack, only('one'))
    await rollBackOn(stack)
    await rollBackOn(stack, { to: 2 })
    await rollBackOn(stack, { to: 1 })
    expect([live(), await buried()]).toEqual(['1,1', [change]])
  })
})
