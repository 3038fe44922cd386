import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { headRevision, kindOf, loadStack, recover, undoAhead } from '@understudy/engine'
import { filesFile } from '@understudy/providers'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

/** A file whose change cannot be taken back, as a mail that was sent cannot. */
const mail = kindOf({
  ...filesFile,
  kind: 'toy.mail',
  prepare: async (...given) => ({ ...(await filesFile.prepare(...given)), reversal: 'none' }),
})

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack({ kinds: [mail] })
  mkdirSync(join(stack.dir, 'live'))
  await applyTo(stack, both('one', null))
})
afterEach(() => stack.close())

const both = (note: string, sent: string | null): Wishes => ({
  note: { kind: 'files.file', spec: { path: 'live/note', content: note } },
  ...(sent === null ? {} : { sent: { kind: 'toy.mail', spec: { path: 'live/sent', content: sent } } }),
})
const read = (name: string): string | null => {
  const path = join(stack.dir, 'live', name)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}
const live = () => [read('note'), read('sent')]
const accepted = { consent: { irreversible: ['sent'], loss: [], yes: true } }
const refused = { outcome: 'refused', code: 'rollback.irreversible', names: ['sent'] }
const left = { outcome: 'undone', undoing: { restored: ['note'], left: ['sent'], verified: true } }
const state = () => loadStack(stack.store, 'test')

describe('L1, L10: what has no way back is not called undone', () => {
  test('the last change: refused; accepted by name the rest flips, and it is left, named and looked after', async () => {
    await applyTo(stack, both('two', 'hello'), accepted)
    expect(await undoAhead(stack.ports, await state())).toMatchObject({ how: 'flip', oneWay: ['sent'] })
    expect(await rollBackOn(stack)).toMatchObject(refused)
    expect(live()).toEqual(['two', 'hello'])
    expect(await rollBackOn(stack, { acceptIrreversible: ['sent'] })).toMatchObject({ ...left, how: 'flip' })
    expect(live()).toEqual(['one', 'hello'])
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' }) // what was left is not tried again
    expect(Object.keys((await headRevision(stack.store, await state()))?.resources ?? {}).toSorted()).toEqual(['note', 'sent'])
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect(live()).toEqual(['two', 'hello'])
  })

  test('a later change on top, and to nothing at all: the same', async () => {
    await applyTo(stack, both('two', 'hello'), accepted)
    await applyTo(stack, both('three', 'hello'))
    expect(await rollBackOn(stack, { to: 1 })).toMatchObject(refused)
    expect(await rollBackOn(stack, { to: 0 })).toMatchObject(refused)
    expect(live()).toEqual(['three', 'hello'])
    expect(await rollBackOn(stack, { to: 1, acceptIrreversible: ['sent'] })).toMatchObject({ ...left, how: 'compiled' })
    expect(live()).toEqual(['one', 'hello'])
  })

  test('the change on top of it is undone without a question', async () => {
    await applyTo(stack, both('two', 'hello'), accepted)
    await applyTo(stack, both('three', 'hello'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', undoing: { restored: ['note'], left: [] } })
  })

  test('nothing else changed: there is nothing to undo, and nobody promised a flip', async () => {
    await applyTo(stack, both('one', 'hello'), accepted)
    expect(await undoAhead(stack.ports, await state())).toMatchObject({ how: 'none', oneWay: ['sent'], forecastMs: null })
    expect(await rollBackOn(stack, { acceptIrreversible: ['sent'] })).toMatchObject({ outcome: 'nothing' })
    expect(live()).toEqual(['one', 'hello'])
  })

  test('a deadline takes back what can be', async () => {
    await applyTo(stack, both('two', 'hello'), accepted, { confirmWithinMs: 1 })
    const { clock } = stack.ports
    const later = { ...stack.ports, clock: { ...clock, now: () => clock.now() + 60_000 } }
    expect(await recover(later)).toMatchObject([{ outcome: 'undone', why: 'overdue' }])
    expect(live()).toEqual(['one', 'hello'])
  })
})
