import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { confirm, loadStack, recover, revertDrift, withLease } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
})
afterEach(() => stack.close())

const file = (content: string): Wishes => ({ note: { kind: 'files.file', spec: { path: 'live/note', content } } })
const note = (): string | null => (existsSync(join(stack.dir, 'live/note')) ? readFileSync(join(stack.dir, 'live/note'), 'utf8') : null)
const revisions = async () => (await loadStack(stack.store, 'test')).revisions.map(({ how }) => how)

const HOUR = 3_600_000
/** The same stack when the clocks say something else, and nobody but the caller is there: no keeper runs in these tests. */
const at = ({ wall, up, boot = stack.ports.self.boot }: { wall: number; up: number; boot?: string }) => {
  const { clock, uptimeMs, self } = stack.ports
  const clocks = { clock: { ...clock, now: () => clock.now() + wall }, uptimeMs: () => uptimeMs() + up, self: { ...self, boot } }
  return { ...stack, ports: { ...stack.ports, ...clocks } }
}
const later = () => at({ wall: HOUR, up: HOUR })
const unconfirmed = async () => {
  await applyTo(stack, file('one'))
  await applyTo(stack, file('two'), {}, { confirmWithinMs: 60_000 })
  expect(note()).toBe('two')
}

describe('L8: a change that was not confirmed in time is undone by whoever comes next, keeper or not', () => {
  beforeEach(unconfirmed)

  test('in time it is confirmed, and stays', async () => {
    expect(await confirm(stack.ports)).toMatchObject({ outcome: 'confirmed', n: 2 })
    expect(await recover(later().ports)).toEqual([])
    expect(note()).toBe('two')
  })

  test('recover undoes it', async () => {
    expect(await recover(later().ports)).toMatchObject([{ outcome: 'undone', why: 'overdue' }])
    expect([note(), await revisions()]).toEqual(['one', ['applied', 'applied', 'undone']])
  })

  test('confirm comes too late: refused, and it is undone', async () => {
    expect(await confirm(later().ports)).toMatchObject({ outcome: 'settled', settled: [{ outcome: 'undone', why: 'overdue' }] })
    expect(note()).toBe('one')
    expect(await confirm(later().ports)).toEqual({ outcome: 'nothing' })
  })

  test('rollback undoes it, and not also the one before', async () => {
    expect(await rollBackOn(later())).toMatchObject({ outcome: 'settled', settled: [{ outcome: 'undone', why: 'overdue' }] })
    expect(note()).toBe('one')
  })

  test('apply undoes it first, and goes on from there', async () => {
    expect(await applyTo(later(), file('three'))).toMatchObject({ plan: { base: 3 }, result: { outcome: 'committed' } })
    expect([note(), await revisions()]).toEqual(['three', ['applied', 'applied', 'undone', 'applied']])
  })

  test('what cannot be undone without a person is held, and nobody’s write is lost', async () => {
    writeFileSync(join(stack.dir, 'live/note'), 'by hand')
    expect(await recover(later().ports)).toMatchObject([{ outcome: 'held', why: 'overdue' }])
    expect(note()).toBe('by hand')
    const { changes, order } = await loadStack(stack.store, 'test')
    expect(changes[order.at(-1) ?? '']).toMatchObject({ phase: 'held', why: expect.stringContaining('it was not confirmed in time') })
  })
})

describe('R8: neither clock is trusted alone', () => {
  beforeEach(unconfirmed)
  const settledAt = async (clocks: Parameters<typeof at>[0]) => [await recover(at(clocks).ports), note()]
  const over = [[expect.objectContaining({ outcome: 'undone', why: 'overdue' })], 'one']

  test('a wall clock that is set forward undoes nothing early', async () => {
    expect(await settledAt({ wall: 30 * 24 * HOUR, up: 0 })).toEqual([[], 'two'])
    expect(await confirm(at({ wall: 30 * 24 * HOUR, up: 0 }).ports)).toMatchObject({ outcome: 'confirmed' })
  })

  test('one that is set back makes nothing last longer', async () => {
    expect(await settledAt({ wall: -HOUR, up: HOUR })).toEqual(over)
  })

  test('after a reboot the wall clock says it: the other one starts anew', async () => {
    expect(await settledAt({ wall: 0, up: HOUR, boot: 'another' })).toEqual([[], 'two'])
    expect(await settledAt({ wall: HOUR, up: 0, boot: 'another' })).toEqual(over)
  })

  test('so it does in a container that was started again within one boot', async () => {
    expect(await settledAt({ wall: HOUR, up: -stack.ports.uptimeMs() })).toEqual(over)
  })
})

describe('what is done meanwhile does not end the deadline', () => {
  const two = (a: string, b: string): Wishes => ({
    a: { kind: 'files.file', spec: { path: 'live/a', content: a } },
    b: { kind: 'files.file', spec: { path: 'live/b', content: b } },
  })
  const live = () => ['a', 'b'].map((name) => readFileSync(join(stack.dir, 'live', name), 'utf8'))
  const only = (resource: string) => rollBackOn(stack, { only: [{ resource, pointer: null }] })
  beforeEach(async () => {
    await applyTo(stack, two('a1', 'b1'))
    await applyTo(stack, two('a2', 'b2'), {}, { confirmWithinMs: 60_000 })
  })
  /** At its time, and then the stack is free again. */
  const overdue = async () => {
    expect(await recover(later().ports)).toMatchObject([{ outcome: 'undone', why: 'overdue' }])
    expect(live()).toEqual(['a1', 'b1'])
    expect(await recover(later().ports)).toEqual([])
    expect(await applyTo(later(), two('a3', 'b3'))).toMatchObject({ outcome: 'ended' })
  }

  test('drift that was put back', async () => {
    writeFileSync(join(stack.dir, 'live/a'), 'by hand')
    expect(await revertDrift(stack.ports, ['a'])).toMatchObject({ outcome: 'undone' })
    await overdue()
  })

  test('an undo of a part', async () => {
    expect(await only('a')).toMatchObject({ outcome: 'undone' })
    expect(live()).toEqual(['a1', 'b2'])
    expect(await applyTo(stack, two('a3', 'b3'))).toMatchObject({ outcome: 'refused', fault: { code: 'apply.unconfirmed' } })
    await overdue()
  })

  test('an undo of all of it in parts leaves nothing to undo', async () => {
    for (const resource of ['a', 'b']) expect(await only(resource)).toMatchObject({ outcome: 'undone' })
    await overdue()
  })

  test('an undo that was begun and could not be made', async () => {
    const change = (await loadStack(stack.store, 'test')).order.at(-1) ?? ''
    await withLease(stack.ports, 'rollback', ({ journal, ports }) =>
      journal.append([
        { type: 'change.undoing', change, by: ports.by, why: 'asked for' },
        { type: 'change.kept', change, why: 'a: written to since' },
      ]),
    )
    expect(await applyTo(stack, two('a3', 'b3'))).toMatchObject({ outcome: 'refused', fault: { code: 'apply.unconfirmed' } })
    await overdue()
  })

  test('confirm still keeps what stands', async () => {
    await only('a')
    expect(await confirm(stack.ports)).toMatchObject({ outcome: 'confirmed' })
    expect(await recover(later().ports)).toEqual([])
    expect(live()).toEqual(['a1', 'b2'])
  })

  test('going back past it as a whole does', async () => {
    writeFileSync(join(stack.dir, 'live/a'), 'by hand')
    await revertDrift(stack.ports, ['a'])
    expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ outcome: 'undone', how: 'compiled' })
    expect(live()).toEqual(['a1', 'b1'])
    expect([await recover(later().ports), await confirm(stack.ports)]).toEqual([[], { outcome: 'nothing' }])
    expect(await applyTo(stack, two('a3', 'b3'))).toMatchObject({ outcome: 'ended' })
  })
})
