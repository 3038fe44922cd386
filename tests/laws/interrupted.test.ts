import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isObject } from '@understudy/contract'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
})
afterEach(() => stack.close())

const file = (content: string): Wishes => ({ note: { kind: 'files.file', spec: { path: 'live/note', content } } })
const note = (): string => readFileSync(join(stack.dir, 'live/note'), 'utf8')

/** From the first turn of the primary on nothing more reaches the log: what a kill leaves. */
function killedAtTurning(): Pick<TestStack, 'ports' | 'dir'> {
  const { store } = stack
  let dead = false
  const append: typeof store.append = async (stream, epoch, seq, entries) => {
    if (dead) throw new Error('killed')
    const written = await store.append(stream, epoch, seq, entries)
    dead = stream === 'test' && entries.some((entry) => isObject(entry) && entry['type'] === 'turning')
    return written
  }
  return { dir: stack.dir, ports: { ...stack.ports, store: Object.assign(Object.create(store), { append }) } }
}

test('rollback after an apply that was killed settles that one, and leaves the good one before it', async () => {
  await applyTo(stack, file('one'))
  await applyTo(stack, file('two'))
  await applyTo(killedAtTurning(), file('three')).catch(() => undefined)
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'settled', settled: [{ outcome: 'undone', why: 'interrupted' }] })
  expect(note()).toBe('two')
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
  expect(note()).toBe('one')
})

test('a rollback that says where it wants to goes on from what was settled', async () => {
  await applyTo(stack, file('one'))
  await applyTo(stack, file('two'))
  await applyTo(killedAtTurning(), file('three')).catch(() => undefined)
  expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ outcome: 'undone' })
  expect(note()).toBe('one')
})
