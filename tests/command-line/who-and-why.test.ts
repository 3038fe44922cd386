import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('src/f', 'one\n')
  folder.write('understudy.yaml', 'stack: t\nresources:\n  tree: { kind: files.tree, spec: { path: live, source: src } }\n')
  expect(await folder.run('apply', '-m', 'first')).toMatchObject({ code: 0 })
  folder.write('src/f', 'two\n')
  expect(await folder.run('apply', '-m', 'two\nlines')).toMatchObject({ code: 0 })
})
afterEach(() => folder.close())

const history = async () => (await folder.run('--json', 'history')).lines.at(-1)?.['rows']

describe('who and why', () => {
  test('of an undo and a redo that only turn', async () => {
    expect(await folder.run('rollback', '-m', 'pager 42')).toMatchObject({ code: 0 })
    expect((await folder.run('status')).stdout).toContain(': pager 42\n')
    expect((await folder.run('show', '3')).stdout).toContain(': pager 42\n')
    expect(await folder.run('rollback', '--to', '2', '-m', 'it was the network')).toMatchObject({ code: 0 })
    expect(await history()).toMatchObject([
      { n: 4, how: 'redone', through: 'cli', message: 'it was the network' },
      { n: 3, how: 'undone', through: 'cli', message: 'pager 42' },
      { n: 2, how: 'applied', message: expect.stringMatching(/^two\nlines/) },
      { n: 1, how: 'applied', message: 'first' },
    ])
    expect((await folder.run('history')).stdout.split('\n')).toHaveLength(5)
    expect(await folder.run('history', '-n', '0')).toMatchObject({ code: 0, stdout: '' })
  })

  test('of what is only taken over or let go of', async () => {
    folder.write('live/f', 'by hand\n')
    expect(await folder.run('drift', '--accept', '-m', 'hotfix')).toMatchObject({ code: 0 })
    expect(await folder.run('forget', 'tree', '-m', 'moves')).toMatchObject({ code: 0 })
    expect(await folder.run('import', 'tree', '-m', 'came back')).toMatchObject({ code: 0 })
    folder.write('live/f', 'again\n')
    expect(await folder.run('drift', '--revert', '-m', 'not ours')).toMatchObject({ code: 0 })
    const who = expect.stringMatching(/./)
    expect(await history()).toMatchObject([
      { n: 6, who, message: 'not ours' },
      { n: 5, who, message: 'came back' },
      { n: 4, who, message: 'moves' },
      { n: 3, who, message: 'hotfix' },
      {},
      {},
    ])
  })

  test('a tombstone says what it is about', async () => {
    expect(await folder.run('rollback')).toMatchObject({ code: 0 })
    expect((await folder.run('tombstone', 'list')).stdout).toMatch(/ tree: two\\nlines\n$/)
    expect((await folder.run('--json', 'tombstone', 'list')).lines.at(-1)).toMatchObject({
      type: 'tombstone',
      rows: [{ resources: ['tree'] }],
    })
  })
})
