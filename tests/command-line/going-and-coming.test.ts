import { rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
})
afterEach(() => folder.close())

const stack = (...resources: readonly string[]): void =>
  folder.write(
    'understudy.yaml',
    `stack: t\npolicy: { askAt: 100, refuseAt: 100 }\nresources:\n${resources.map((text) => `  ${text}\n`).join('')}`,
  )
const file = (name: string, path: string, content: string, more = ''): string =>
  `${name}: { kind: files.file, ${more}spec: { path: ${path}, content: "${content}" } }`
const run = (...args: readonly string[]) => folder.run('-y', ...args)

describe('a name, a path and who uses it', () => {
  test('another name for the same thing is refused without movedFrom: nothing is deleted', async () => {
    stack(file('a', 'live', 'one'))
    await run('apply')
    stack(file('b', 'live', 'one'))
    expect(await run('apply')).toMatchObject({ code: 3, stderr: expect.stringMatching(/plan\.claimed-by-leaving[^]*movedFrom: a/) })
    expect(folder.read('live')).toBe('one')
    stack(file('b', 'live', 'two', 'movedFrom: a, '))
    expect(await run('apply')).toMatchObject({ code: 0 })
    for (const name of ['a', 'b']) {
      expect(await run('rollback', '--to', '1', '--only', name)).toMatchObject({ code: 0 })
      expect(folder.read('live')).toBe('one')
      expect(await run('rollback', '--to', '2')).toMatchObject({ code: 0 })
      expect(folder.read('live')).toBe('two')
    }
  })

  test('two that change places are refused before anything is turned', async () => {
    stack(file('a', 'x', '1'), file('b', 'y', '2'))
    await run('apply')
    stack(file('a', 'y', '1'), file('b', 'x', '2'))
    expect(await run('apply')).toMatchObject({ code: 3, stderr: expect.stringMatching(/plan\.claimed-by-leaving[^]*two changes/) })
    expect([folder.read('x'), folder.read('y')]).toEqual(['1', '2'])
  })

  test('what another one refers to is not destroyed alone', async () => {
    stack(file('a', 'x', '1'), file('b', 'y', '${a.path}'))
    await run('apply')
    expect(await run('destroy', '--only', 'a')).toMatchObject({ code: 3, stderr: expect.stringMatching(/plan\.referred[^]*b refers to a/) })
    expect(folder.read('x')).toBe('1')
  })
})

test('what comes back alone, and refers to something that is another one now, is refused', async () => {
  stack(file('list', 'list', 'one'), file('note', 'note', '${list.slot}'))
  await run('apply')
  stack(file('list', 'list', 'one'))
  await run('apply')
  stack(file('list', 'list', 'two'))
  await run('apply')
  expect(await run('rollback', '--to', '1', '--only', 'note')).toMatchObject({
    code: 5,
    stdout: expect.stringMatching(/rollback\.refers.*list/),
  })
})

describe('somebody else came to where an undo leads', () => {
  test.each(['flip', 'compiled'])('their file is a conflict, and stays or goes as they say: %s', async (how) => {
    stack(file('a', 'x', '1'), file('k', 'k', '1'))
    await run('apply')
    stack(file('k', 'k', '1'))
    await run('apply')
    if (how === 'compiled') {
      stack(file('k', 'k', '2'))
      await run('apply')
    }
    writeFileSync(folder.path('x'), 'theirs')
    expect(await run('rollback', '--to', '1')).toMatchObject({ code: 11 })
    expect(folder.read('x')).toBe('theirs')
    const over = await run('rollback', '--to', '1', '--resolve', 'ours')
    expect(over).toMatchObject({ code: 0, stdout: expect.stringMatching(/a: what somebody else put in its place is written over/) })
    expect(folder.read('x')).toBe('1')
  })

  test('a hand edit is not recorded as what a revision had', async () => {
    stack(file('a', 'x', '1'))
    await run('apply')
    writeFileSync(folder.path('x'), 'by hand')
    stack(file('a', 'x', '2'))
    await run('apply')
    expect(await run('rollback')).toMatchObject({ code: 0 })
    expect(folder.read('x')).toBe('by hand')
    expect(await run('rollback', '--to', '1')).toMatchObject({ code: 0, stdout: expect.stringMatching(/drift --revert/) })
    expect(await run('drift', '--revert')).toMatchObject({ code: 0 })
    expect(folder.read('x')).toBe('1')
  })
})

test('a file that another one refers to comes back when it was deleted by hand', async () => {
  stack(file('a', 'x', '1'), file('b', 'y', '${a.path}'))
  await run('apply')
  rmSync(folder.path('x'))
  expect(await run('drift', '--accept')).toMatchObject({ code: 0 })
  expect(await run('rollback')).toMatchObject({ code: 0 })
  expect(folder.read('x')).toBe('1')
  rmSync(folder.path('x'))
  expect(await run('rollback', '--to', '0')).toMatchObject({ code: 0 })
})

test('a protected resource is not deleted by an undo of its creation', async () => {
  stack(file('k', 'k', '1'))
  await run('apply')
  stack(file('k', 'k', '1'), file('a', 'x', '1', 'protect: true, '))
  await run('apply')
  expect(await run('rollback')).toMatchObject({ code: 5, stderr: expect.stringContaining('plan.protected') })
  expect(folder.read('x')).toBe('1')
})
