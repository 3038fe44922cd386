import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decideHeld, guardCount, keepOnce, kindOf, loadStack, withLease } from '@understudy/engine'
import { filesFile } from '@understudy/providers'
import { applyTo, openTestStack, requestFor, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

/** A file that can be asked; it answers until `sick`. */
let sick = false
const asked = kindOf({
  ...filesFile,
  kind: 'toy.asked',
  probing: { probe: () => Promise.resolve({ fit: !sick, detail: sick ? 'it says 500' : 'well' }) },
})

let stack: TestStack
beforeEach(async () => {
  sick = false
  stack = await openTestStack({ kinds: [asked] })
  mkdirSync(join(stack.dir, 'live'))
})
afterEach(() => stack.close())

const file = (content: string): Wishes => ({ api: { kind: 'toy.asked', spec: { path: 'live/api', content }, guard: true } })
const live = (): string => readFileSync(join(stack.dir, 'live/api'), 'utf8')
const last = async () => {
  const { changes, order } = await loadStack(stack.store, 'test')
  return changes[order.at(-1) ?? '']
}

/** Two releases; then the second falls sick, and the keeper looks until the guard has failed often enough. */
async function fallsSick(onGuard: 'keep' | 'hold' | 'undo'): Promise<void> {
  const { intent } = requestFor(stack, file('two'))
  const policy = { ...intent.policy, onGuard, guardForMs: 600_000, guardFailures: 2 }
  await applyTo(stack, file('one'))
  await applyTo(stack, {}, { intent: { ...intent, policy } })
  const count = guardCount()
  await keepOnce(stack.ports, count)
  expect(await last()).toMatchObject({ phase: 'committed', watch: { on: onGuard } })
  sick = true
  await keepOnce(stack.ports, count)
  expect(await last()).toMatchObject({ phase: 'committed' })
  await keepOnce(stack.ports, count)
  sick = false
}

describe('what a guard does', () => {
  test('undo: the change is undone', async () => {
    await fallsSick('undo')
    expect([live(), await last()]).toEqual(['one', expect.objectContaining({ phase: 'undone', why: 'guard api: it says 500' })])
  })

  test('keep: the change stays, is watched no longer, and says why', async () => {
    await fallsSick('keep')
    const why = 'guard api: it says 500; it stays (policy: keep)'
    expect([live(), await last()]).toEqual(['two', expect.objectContaining({ phase: 'committed', watch: null, why })])
    expect(stack.events.filter(({ type }) => type === 'guard.kept').length).toBe(1)
  })

  describe('hold', () => {
    beforeEach(() => fallsSick('hold'))
    const decide = (more: Partial<Parameters<typeof decideHeld>[1]>) =>
      withLease(stack.ports, 'recover', (writable) => decideHeld(writable, { resume: false, skip: [], force: [], abandon: false, ...more }))

    test('the change stands held until a person decides, and nothing is applied over it', async () => {
      expect([live(), await last()]).toEqual(['two', expect.objectContaining({ phase: 'held', why: 'guard api: it says 500' })])
      expect(await keepOnce(stack.ports, guardCount())).toEqual({ againMs: null, undid: null })
      expect(await applyTo(stack, file('three'))).toMatchObject({ outcome: 'refused', fault: { code: 'apply.held' } })
    })

    test('resumed, it is undone', async () => {
      expect(await decide({ resume: true })).toMatchObject({ outcome: 'undone' })
      expect(live()).toBe('one')
    })

    test('a rollback undoes it as well', async () => {
      expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip' })
      expect(live()).toBe('one')
    })

    test('abandoned, it stays as a whole, and life goes on', async () => {
      expect(await decide({ abandon: true })).toEqual({ outcome: 'kept', change: (await last())?.change, left: [] })
      expect([live(), await last()]).toEqual(['two', expect.objectContaining({ phase: 'committed' })])
      expect(await applyTo(stack, file('three'))).toMatchObject({ result: { outcome: 'committed' } })
    })
  })
})
