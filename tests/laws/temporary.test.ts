import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { confirm, decideHeld, guardCount, keepOnce, loadStack, recover, revertDrift, withLease } from '@understudy/engine'
import type { ApplyOptions } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
  await applyTo(stack, file('one'))
})
afterEach(() => stack.close())

const file = (content: string): Wishes => ({ note: { kind: 'files.file', spec: { path: 'live/note', content } } })
const note = (): string | null => (existsSync(join(stack.dir, 'live/note')) ? readFileSync(join(stack.dir, 'live/note'), 'utf8') : null)
const state = () => loadStack(stack.store, 'test')
const buried = async () => Object.keys((await state()).tombstones)
const temporary = (options: Partial<ApplyOptions> = { lasts: { forMs: 60_000 } }) => applyTo(stack, file('two'), {}, options)

const HOUR = 3_600_000
/** The same stack an hour later, or in another boot. */
const later = (wall = HOUR, up = HOUR, boot = stack.ports.self.boot) => {
  const { clock, uptimeMs, self } = stack.ports
  const clocks = { clock: { ...clock, now: () => clock.now() + wall }, uptimeMs: () => uptimeMs() + up, self: { ...self, boot } }
  return { ...stack, ports: { ...stack.ports, ...clocks } }
}
const undone = [{ outcome: 'undone', why: 'over' }]

describe('a temporary change is undone at its time, and the same may be applied again', () => {
  /** Nothing is refused, and the next day goes like the first. */
  const andAgain = async () => {
    expect([note(), await buried()]).toEqual(['one', []])
    const { revisions, changes } = await state()
    const { how, message, change } = revisions.at(-1) ?? { how: '', message: '', change: '' }
    expect([how, message === '' ? changes[change]?.message : message]).toEqual(['undone', 'its time was over'])
    expect(await recover(later().ports)).toEqual([])
    expect(await temporary()).toMatchObject({ outcome: 'ended', result: { outcome: 'committed' } })
    expect(note()).toBe('two')
  }

  test('by whoever comes next', async () => {
    await temporary()
    expect(await recover(stack.ports)).toEqual([])
    expect(await recover(later().ports)).toMatchObject(undone)
    await andAgain()
  })

  test('by the keeper', async () => {
    await temporary()
    expect(await keepOnce(stack.ports, guardCount())).toMatchObject({ undid: null, againMs: expect.any(Number) })
    expect(await keepOnce(later().ports, guardCount())).toMatchObject({ undid: expect.any(String) })
    expect(stack.events.map(({ type }) => type)).toContain('apply.over')
    expect(stack.events.map(({ type }) => type)).not.toContain('confirm.overdue')
    await andAgain()
  })

  test('until a time of the wall clock', async () => {
    await temporary({ lasts: { until: stack.ports.clock.now() + 60_000 } })
    expect(await recover(later(30_000, 30_000).ports)).toEqual([])
    expect(await recover(later().ports)).toMatchObject(undone)
    await andAgain()
  })

  test('in another boot by the wall clock, in this one by the other', async () => {
    await temporary()
    expect(await recover(later(0, HOUR, 'another').ports)).toEqual([])
    expect(await recover(later(HOUR, 0).ports)).toEqual([])
    expect(await recover(later(HOUR, 0, 'another').ports)).toMatchObject(undone)
    await andAgain()
  })

  test('also when it was set back, and the undo has to be planned', async () => {
    await temporary()
    writeFileSync(join(stack.dir, 'live/note'), 'by hand')
    await revertDrift(stack.ports, ['note'])
    expect(await recover(later().ports)).toMatchObject(undone)
    await andAgain()
  })

  test('by a recovery, when whoever undid it was killed', async () => {
    await temporary()
    const change = (await state()).order.at(-1) ?? ''
    const why = 'its time was over'
    await withLease(stack.ports, 'rollback', ({ journal, ports }) =>
      journal.append([{ type: 'change.undoing', change, by: ports.by, why, message: why }]),
    )
    expect(await recover(later().ports)).toMatchObject([{ outcome: 'undone', why: 'interrupted' }])
    await andAgain()
  })

  test('what is there from the first change on goes altogether', async () => {
    await rollBackOn(stack)
    await applyTo(stack, file('three'), {}, { lasts: { forMs: 60_000 } })
    expect(await recover(later().ports)).toMatchObject(undone)
    expect(note()).toBe(null)
  })
})

test('who wrote to it meanwhile loses nothing: it is held, and resumed it is not buried either', async () => {
  await temporary()
  renameSync(join(stack.dir, 'live/note'), join(stack.dir, 'aside'))
  writeFileSync(join(stack.dir, 'live/note'), 'by hand')
  expect(await recover(later().ports)).toMatchObject([{ outcome: 'held', why: 'over' }])
  expect(note()).toBe('by hand')
  renameSync(join(stack.dir, 'aside'), join(stack.dir, 'live/note'))
  const resumed = await withLease(later().ports, 'recover', (writable) =>
    decideHeld(writable, { resume: true, skip: [], force: [], abandon: false }),
  )
  expect(resumed).toMatchObject({ outcome: 'undone' })
  expect([note(), await buried()]).toEqual(['one', []])
})

test('held and left as it is, it is permanent', async () => {
  await temporary()
  writeFileSync(join(stack.dir, 'live/note'), 'by hand')
  await recover(later().ports)
  await withLease(later().ports, 'recover', (writable) => decideHeld(writable, { resume: false, skip: [], force: [], abandon: true }))
  expect(await recover(later().ports)).toEqual([])
  expect(Object.values((await state()).changes).at(-1)).toMatchObject({ phase: 'committed', confirmBy: null, lastsUntil: null })
})

test('confirmed it is permanent, and undone later it is buried like every other', async () => {
  await temporary()
  expect(await confirm(stack.ports)).toMatchObject({ outcome: 'confirmed', n: 2, wasTemporary: true })
  expect([await recover(later().ports), note()]).toEqual([[], 'two'])
  expect(await rollBackOn(later())).toMatchObject({ outcome: 'undone' })
  expect(await buried()).toHaveLength(1)
})

test('confirm comes too late when its time is over', async () => {
  await temporary()
  expect(await confirm(later().ports)).toMatchObject({ outcome: 'settled', settled: undone })
  expect(note()).toBe('one')
})

test('undone before its time by a person, it is buried: that was not planned', async () => {
  await temporary()
  expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
  expect([note(), await recover(later().ports)]).toEqual(['one', []])
  expect(await temporary()).toMatchObject({ outcome: 'refused', by: 'policy' })
})

test('brought back after its time it is permanent', async () => {
  await temporary()
  await recover(later().ports)
  expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone' })
  expect([await recover(later().ports), note()]).toEqual([[], 'two'])
})

describe('another change', () => {
  test('is refused as long as it lasts', async () => {
    await temporary()
    const refused = { outcome: 'refused', by: 'unconfirmed', fault: { code: 'apply.temporary', hint: expect.stringContaining('confirm') } }
    expect(await applyTo(stack, file('three'))).toMatchObject(refused)
    expect(note()).toBe('two')
  })

  test('goes on from where the undo ends, when its time is over', async () => {
    await temporary()
    expect(await applyTo(later(), file('three'))).toMatchObject({ plan: { base: 3 }, result: { outcome: 'committed' } })
    expect(await recover(later().ports)).toEqual([])
    expect(note()).toBe('three')
  })
})

test('what is only recorded cannot be temporary', async () => {
  const wishes = { note: { kind: 'files.file', spec: { path: 'live/note', content: 'one' }, protect: true } }
  const refused = { outcome: 'refused', fault: { code: 'apply.not-temporary' } }
  expect(await applyTo(stack, wishes, {}, { lasts: { forMs: 60_000 } })).toMatchObject(refused)
  expect((await state()).revisions).toHaveLength(1)
})

test('a time that passes before anything is turned leaves the primary as it is', async () => {
  const ended = await temporary({ lasts: { until: stack.ports.clock.now() } })
  expect(ended).toMatchObject({ result: { outcome: 'undone', touched: false, fault: { code: 'apply.too-late' } } })
  expect([note(), (await state()).revisions]).toMatchObject(['one', [{ n: 1 }]])
})
