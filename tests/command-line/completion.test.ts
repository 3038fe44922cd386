import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFolder, program } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeAll(async () => {
  folder = openFolder()
  folder.write('src/f', 'one\n')
  folder.write(
    'b.yaml',
    'stack: t\nresources:\n  tree: { kind: files.tree, spec: { path: live, source: src } }\n  later: { kind: files.file, spec: { path: x, content: "" } }\n',
  )
  expect(await folder.run('-f', 'b.yaml', 'apply', '--only', 'tree')).toMatchObject({ code: 0 })
})
afterAll(() => folder.close())

const complete = async (...words: readonly string[]): Promise<readonly string[]> =>
  (await folder.run('__complete', '--', ...words)).stdout.split('\n').filter((word) => word !== '')

describe('completion', () => {
  test.each([
    ['verbs', ['ro'], ['rollback']],
    ['verbs after an option with a value', ['-f', 'apply', 'hist'], ['history']],
    ['flags of a verb', ['rollback', '--w'], ['--with-closure']],
    ['flags that all verbs take', ['apply', '--verb'], ['--verbose']],
    ['how long a change lasts', ['apply', '--fo'], ['--for']],
    ['until when', ['apply', '--u'], ['--until']],
    ['verbs below a verb', ['tombstone', ''], ['list', 'lift']],
    ['what a keeper does', ['keeper', 'sta'], ['start', 'status']],
    ['shells', ['completion', ''], ['bash', 'zsh', 'fish']],
    ['names for --only, also of the stack file alone', ['-f', 'b.yaml', 'apply', '--only', ''], ['tree', 'later']],
    ['files of a tree for --only', ['-f', 'b.yaml', 'rollback', '--only', 'tree#/files/f'], ['tree#/files/f']],
    ['revisions for --to', ['-f', 'b.yaml', 'rollback', '--to', ''], ['1']],
    ['as bash takes words apart', ['--file', '=', 'b.yaml', 'rollback', '--to', '='], ['1']],
    ['the sides of a conflict', ['rollback', '--resolve', 'o'], ['ours']],
    ['outputs', ['-f', 'b.yaml', 'output', 'tree.p'], ['tree.path']],
    ['names for show', ['-f', 'b.yaml', 'show', 't'], ['tree']],
    ['names for import', ['-f', 'b.yaml', 'import', 'l'], ['later']],
    ['nothing from a file that is not there', ['-f', 'none.yaml', 'show', ''], []],
  ])('%s', async (_what, words, found) => {
    expect(await complete(...words)).toEqual(found)
  })

  test('changes for log', async () => {
    expect(await complete('-f', 'b.yaml', 'log', 'c')).toEqual([expect.stringMatching(/^c\w+$/)])
  })

  test('bash itself', async () => {
    const script = (await folder.run('completion', 'bash')).stdout
    const ask = `${script}\nCOMP_WORDS=("$PROGRAM" roll); COMP_CWORD=1; _understudy; echo "\${COMPREPLY[@]}"`
    expect(spawnSync('bash', ['-c', ask], { encoding: 'utf8', env: { ...process.env, PROGRAM: program } }).stdout).toBe('rollback\n')
  })
})
