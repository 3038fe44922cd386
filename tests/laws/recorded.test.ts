import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { faultOf } from '@understudy/contract'
import { headRevision, importResource, loadStack, plan, withLease } from '@understudy/engine'
import { applyTo, openTestStack, requestFor, rollBackOn } from '../kit.ts'
import type { ChangeRequest } from '@understudy/engine'
import type { TestStack, TestWish, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
})
afterEach(() => stack.close())

const file = (name: string, more: Partial<TestWish> = {}): Wishes => ({
  [name]: { kind: 'files.file', spec: { path: `live/${name}`, content: name }, ...more },
})
const there = (name: string): boolean => existsSync(join(stack.dir, 'live', name))
const facts = async () => {
  const state = await loadStack(stack.store, 'test')
  return { state, head: await headRevision(stack.store, state) }
}
const steps = async (wishes: Wishes, more: Partial<ChangeRequest> = {}) => {
  const { steps: made } = (await plan(stack.ports, requestFor(stack, wishes, more))).plan
  return made.map(({ action, name }) => `${action} ${name}`)
}
const terms = async (name: string) => (await facts()).head?.resources[name]?.terms

describe('what changes nothing live and is recorded all the same', () => {
  test('protect added alone protects; taken away alone, it no longer does', async () => {
    await applyTo(stack, { ...file('a'), ...file('b') })
    expect(await applyTo(stack, { ...file('a', { protect: true }), ...file('b') })).toMatchObject({ outcome: 'recorded', n: 2 })
    expect(await terms('a')).toMatchObject({ protect: true })
    expect(await applyTo(stack, file('b')).catch(faultOf)).toMatchObject({ code: 'plan.protected', resource: 'a' })
    expect(there('a')).toBe(true)
    expect(await applyTo(stack, { ...file('a'), ...file('b') })).toMatchObject({ outcome: 'recorded', n: 3 })
    expect(await steps(file('b'))).toEqual(['delete a'])
  })

  test('the same once more is nothing', async () => {
    await applyTo(stack, file('a'))
    await applyTo(stack, file('a', { labels: { team: 'shop' }, timeoutMs: 5_000, guard: true }))
    expect(await applyTo(stack, file('a', { labels: { team: 'shop' }, timeoutMs: 5_000, guard: true }))).toMatchObject({
      outcome: 'nothing',
    })
    expect(await terms('a')).toMatchObject({ labels: { team: 'shop' }, timeoutMs: 5_000, guard: true })
  })

  test('onRemove: keep written alone keeps; what was kept is no longer looked after', async () => {
    await applyTo(stack, { ...file('a'), ...file('b') })
    await applyTo(stack, { ...file('a', { onRemove: 'keep' }), ...file('b') })
    expect(await applyTo(stack, file('b'))).toMatchObject({ outcome: 'recorded' })
    expect(there('a')).toBe(true)
    expect(Object.keys((await facts()).head?.resources ?? {})).toEqual(['b'])
    expect(await applyTo(stack, file('b'))).toMatchObject({ outcome: 'nothing' })
  })

  test('destroy heeds what is recorded and what the stack file says now', async () => {
    await applyTo(stack, { ...file('a', { protect: true }), ...file('b') })
    const gone = (wishes: Wishes) => applyTo(stack, wishes, { destroy: true }).catch(faultOf)
    expect(await gone({ ...file('a'), ...file('b') })).toMatchObject({ code: 'plan.protected' })
    await applyTo(stack, { ...file('a'), ...file('b') })
    expect(await gone({ ...file('a'), ...file('b', { protect: true }) })).toMatchObject({ code: 'plan.protected', resource: 'b' })
    expect(await steps({ ...file('a', { onRemove: 'keep' }), ...file('b') }, { destroy: true })).toEqual(['delete b'])
  })

  test('it is undone once, and redone, without anything being turned', async () => {
    await applyTo(stack, file('a'))
    await applyTo(stack, file('a', { protect: true }))
    stack.events.length = 0
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'recorded', n: 3, undoing: { restored: ['a'] } })
    expect(await terms('a')).toMatchObject({ protect: false })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone', how: 'recorded', n: 4 })
    expect(await terms('a')).toMatchObject({ protect: true })
    expect(stack.events.filter(({ type }) => type.startsWith('shadow.'))).toEqual([])
    expect((await facts()).state.tombstones).toEqual({})
  })

  test('the change below it can still be flipped back', async () => {
    await applyTo(stack, file('a'))
    await applyTo(stack, { ...file('a'), ...file('b') })
    await applyTo(stack, { ...file('a', { labels: { team: 'shop' } }), ...file('b') })
    expect(await rollBackOn(stack, { to: 1 })).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect([there('a'), there('b')]).toEqual([true, false])
  })

  test('a former name alone is a rename: the thing stays, later changes find it', async () => {
    await applyTo(stack, file('a'))
    const renamed: Wishes = { b: { kind: 'files.file', spec: { path: 'live/a', content: 'a' } } }
    expect(await applyTo(stack, { b: { ...renamed['b'], movedFrom: 'a' } as TestWish })).toMatchObject({ outcome: 'recorded' })
    expect(await applyTo(stack, renamed)).toMatchObject({ outcome: 'nothing' })
    expect(there('a')).toBe(true)
  })

  test('an import is undone by no longer looking after it: the thing stays', async () => {
    await applyTo(stack, file('a'))
    writeFileSync(join(stack.dir, 'live/b'), 'was here')
    const keep = { dependsOn: [], labels: {}, protect: false, onRemove: 'delete', retries: 1, timeoutMs: 5_000, guard: false } as const
    const spec = { path: join(stack.dir, 'live/b'), content: 'was here' }
    const want = { kind: 'files.file', asked: spec, spec, terms: keep, movedFrom: null, target: null, still: false }
    await withLease(stack.ports, 'import', (writable) => importResource(writable, 'b', want))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'recorded' })
    expect(readFileSync(join(stack.dir, 'live/b'), 'utf8')).toBe('was here')
    expect(Object.keys((await facts()).head?.resources ?? {})).toEqual(['a'])
  })
})
