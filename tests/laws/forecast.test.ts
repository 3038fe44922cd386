import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { artefactOf, loadStack, undoAhead } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
})
afterEach(() => stack.close())

const file = (content: string): Wishes => ({ note: { kind: 'files.file', spec: { path: 'live/note', content } } })

async function applied(content: string) {
  const { rehearsal, assessment } = await applyTo(stack, file(content))
  if (rehearsal === null || assessment === null) throw new Error('it was not rehearsed')
  return { backMs: rehearsal.backMs, forecast: assessment.forecast }
}

async function undone() {
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip' })
  const { changes, order } = await loadStack(stack.store, 'test')
  const digest = changes[order.at(-1) ?? '']?.undoing ?? null
  return digest === null ? null : artefactOf(stack.store, 'undoing', digest)
}

test('L14: the forecast is of all that is waited for, and learns from the undos that were', async () => {
  await applied('one')
  const first = await applied('two')
  expect(first.backMs.length).toBe(2)
  expect(first.forecast.basis).toContain('no undo of this stack was measured yet')
  const took = await undone()
  expect(took?.totalMs).toBeGreaterThanOrEqual(took?.switchMs ?? Infinity)
  const second = await applied('three')
  expect(second.forecast.basis).toContain('measured in 1 undo of this stack')
  const around = (took?.totalMs ?? 0) - Math.min(...first.backMs)
  expect(second.forecast.undoMs.high).toBeGreaterThanOrEqual(Math.max(...second.backMs) + around)
  expect(second.forecast.undoMs.low).toBeLessThanOrEqual(second.forecast.undoMs.mid)
  expect(second.forecast.undoMs.mid).toBeLessThanOrEqual(second.forecast.undoMs.high)
})

test('once it can only be compiled, the forecast is of that', async () => {
  await applied('one')
  const { forecast } = await applied('two')
  const flip = await undoAhead(stack.ports, await loadStack(stack.store, 'test'))
  expect(flip).toMatchObject({ how: 'flip', forecastMs: forecast.undoMs, basis: forecast.basis })
  expect(forecast.compiledMs?.high).toBeGreaterThan(forecast.undoMs.high)
})
