import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { faultOf } from '@understudy/contract'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack()
  mkdirSync(join(stack.dir, 'live'))
  for (const release of ['v1', 'v2']) {
    mkdirSync(join(stack.dir, 'src', release), { recursive: true })
    writeFileSync(join(stack.dir, 'src', release, 'index'), release)
  }
})
afterEach(() => stack.close())

/** A tree, and a file whose content refers to an output of it: one that lasts, or one that moves with every release. */
const release = (name: string, output: 'path' | 'slot', more: Wishes = {}): Wishes => ({
  tree: { kind: 'files.tree', spec: { path: 'live/tree', source: `src/${name}` } },
  conf: {
    kind: 'files.file',
    spec: { path: 'live/conf', content: { $join: [`release ${name}\nroot `, { $ref: 'tree', output }, '\n'] } },
    dependsOn: ['tree'],
  },
  ...more,
})
const at = (name: string): string => join(stack.dir, 'live', name)
const conf = (): string => readFileSync(at('conf'), 'utf8')
const edit = 'edited by hand\n'

describe.each(['path', 'slot'] as const)('L17: a hand edit of what refers to ${tree.%s}', (output) => {
  beforeEach(async () => {
    await applyTo(stack, release('v1', output))
    await applyTo(stack, release('v2', output))
    writeFileSync(at('conf'), edit)
  })

  test('is a conflict where nobody decided, and nothing is touched', async () => {
    expect(await rollBackOn(stack).catch(faultOf)).toMatchObject({ code: 'rollback.conflict', detail: 'conf' })
    expect([conf(), readFileSync(at('tree/index'), 'utf8')]).toEqual([edit, 'v2'])
  })

  test('theirs: it stays and is named, the rest goes back', async () => {
    expect(await rollBackOn(stack, { resolve: 'theirs' })).toMatchObject({
      outcome: 'undone',
      undoing: { restored: ['tree'], left: ['conf'] },
    })
    expect([conf(), readFileSync(at('tree/index'), 'utf8')]).toEqual([edit, 'v1'])
  })

  test('ours: the undo takes its place', async () => {
    expect(await rollBackOn(stack, { resolve: 'ours' })).toMatchObject({ outcome: 'undone' })
    expect(conf()).toMatch(/^release v1\nroot /)
    expect(conf()).toContain(stack.dir)
  })

  test('theirs, and nothing else to undo: nothing', async () => {
    expect(await rollBackOn(stack, { to: 1, only: [{ resource: 'conf', pointer: null }], resolve: 'theirs' })).toMatchObject({
      outcome: 'nothing',
    })
    expect(conf()).toBe(edit)
  })
})

test('L17: who follows what goes back is not written over either', async () => {
  await applyTo(stack, release('v1', 'slot'))
  await applyTo(stack, release('v2', 'slot'))
  writeFileSync(at('conf'), edit)
  const only = [{ resource: 'tree', pointer: null }]
  expect(await rollBackOn(stack, { only, withClosure: true }).catch(faultOf)).toMatchObject({ code: 'rollback.conflict' })
  expect(conf()).toBe(edit)
  expect(await rollBackOn(stack, { only, withClosure: true, resolve: 'theirs' })).toMatchObject({ undoing: { left: ['conf'] } })
  expect(conf()).toBe(edit)
})

test('L17: what was edited since is not removed by the undo of its creation, unless that is asked for', async () => {
  const extra: Wishes = { extra: { kind: 'files.file', spec: { path: 'live/extra', content: 'new' } } }
  await applyTo(stack, release('v1', 'path'))
  await applyTo(stack, release('v1', 'path', extra))
  writeFileSync(at('extra'), edit)
  expect(await rollBackOn(stack).catch(faultOf)).toMatchObject({ code: 'rollback.conflict', resource: 'extra' })
  expect(readFileSync(at('extra'), 'utf8')).toBe(edit)
  expect(await rollBackOn(stack, { resolve: 'theirs' })).toMatchObject({ outcome: 'undone' })
  expect(existsSync(at('extra'))).toBe(true)
})

test('one line of what refers goes back alone while what it refers to is the same', async () => {
  await applyTo(stack, release('v1', 'path'))
  await applyTo(stack, release('v2', 'path'))
  const before = conf()
  const only = [{ resource: 'conf', pointer: '/content' }]
  const undone = await rollBackOn(stack, { only }).catch(faultOf)
  expect([undone, conf()]).toEqual([expect.objectContaining({ outcome: 'undone' }), before.replace('v2', 'v1')])
})

test('what only follows cannot go back alone: it is refused with the name of what it follows', async () => {
  const following = (name: string): Wishes => {
    const { tree, conf: file } = release(name, 'slot')
    if (tree === undefined || file === undefined) throw new Error('no such wishes')
    return { tree, conf: { ...file, spec: { path: 'live/conf', content: { $join: ['root ', { $ref: 'tree', output: 'slot' }, '\n'] } } } }
  }
  await applyTo(stack, following('v1'))
  await applyTo(stack, following('v2'))
  const was = conf()
  const only = (...names: readonly string[]) => ({ only: names.map((resource) => ({ resource, pointer: null })) })
  expect(await rollBackOn(stack, only('conf'))).toMatchObject({ outcome: 'refused', code: 'rollback.refers', names: ['tree'] })
  expect(conf()).toBe(was)
  expect(await rollBackOn(stack, only('conf', 'tree'))).toMatchObject({ outcome: 'undone' })
  expect(readFileSync(at('tree/index'), 'utf8')).toBe('v1')
})
