import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('src/f', 'one\ntwo\nthree\n')
  folder.write('src/gone', 'was here\n')
  folder.write('src/binary', 'x\0y')
  folder.write('token', 'hunter22')
  folder.write(
    'understudy.yaml',
    `stack: t
secrets: { token: { file: token } }
resources:
  tree: { kind: files.tree, spec: { path: live, source: src } }
  conf: { kind: files.file, spec: { path: app.conf, content: "a = 1\\n" } }
  key: { kind: files.file, spec: { path: key.conf, content: "key = \${secret.token}\\n" } }
`,
  )
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
})
afterEach(() => folder.close())

test('a secret in a file of a tree is shown by no diff, also where somebody wrote around it', async () => {
  const tree = (user: string): string =>
    `stack: t\nsecrets: { token: { file: token } }\nresources:\n  tree: { kind: files.tree, spec: { path: live, files: { k: { content: "${user} = \${secret.token}\\n" } } } }\n`
  folder.write('understudy.yaml', tree('one'))
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  folder.write('token', 'second-secret')
  folder.write('understudy.yaml', tree('two'))
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  folder.write('token', 'third-secret')
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  folder.write('live/k', 'two = third-secret # by hand\n')
  const diffs = [
    await folder.run('diff', '2', '3'),
    await folder.run('diff', '3', '4'),
    await folder.run('diff'),
    await folder.run('diff', '2', '3', '--json'),
  ]
  for (const { code, stdout } of diffs)
    expect([code, stdout]).toEqual([0, expect.not.stringMatching(/hunter22|second-secret|third-secret/)])
  expect(diffs[0]?.stdout).toMatch(/-one = .*\n\+two = /)
  expect(diffs[1]?.stdout).toContain('tree#/files/k: differs (not text)')
  expect(diffs[2]?.stdout).toMatch(/\+two = .* # by hand/)
})

test('nor are lines of one, one too short to be blanked, or one that was put back by hand', async () => {
  const tree = `stack: t\nsecrets: { token: { file: token } }\nresources:\n  tree: { kind: files.tree, spec: { path: live, files: { k: { content: "pw \${secret.token} x" } } } }\n`
  folder.write('understudy.yaml', tree)
  const diffs: string[] = []
  for (const [token, edit] of [
    ['p9', 'pw p9 x edited'],
    ['first-secret', 'pw first-secret x edited'],
    ['AAAA-line\nBBBB-line\nCCCC-line', 'pw AAAA-line\n   changed\n   CCCC-line x'],
    ['last-secret', 'token=first-secret'],
  ] as const) {
    folder.write('token', token)
    expect(await folder.run('apply', '-y')).toMatchObject({ code: 0, stderr: expect.any(String) })
    folder.write('live/k', edit)
    for (const args of [['diff'], ['diff', '--json']] as const) diffs.push((await folder.run(...args)).stdout)
  }
  for (const stdout of diffs) expect(stdout).not.toMatch(/p9|first-secret|AAAA|BBBB|CCCC|last-secret/)
})

describe('diff against what is live', () => {
  test('shows the lines of both sides, also after another reader has seen them', async () => {
    folder.write('live/f', 'one\n2\nthree\n')
    folder.write('live/new', 'came\n')
    folder.write('live/binary', 'z\0')
    rmSync(folder.path('live/gone'))
    folder.write('app.conf', 'a = 2\n')
    folder.write('key.conf', 'key = hunter22 # by hand\n')
    expect(await folder.run('drift', '--exit-code')).toMatchObject({ code: 2 })
    const { code, stdout, stderr } = await folder.run('diff')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/tree#\/files\/f\n[^]*\n one\n-two\n\+2\n three\n/)
    expect(stdout).toMatch(/tree#\/files\/new\n[^]*\n\+came\n/)
    expect(stdout).toMatch(/tree#\/files\/gone\n[^]*\n-was here\n/)
    expect(stdout).toContain('tree#/files/binary: differs (not text)')
    expect(stdout).toMatch(/conf#\/content\n[^]*-a = 1\n\+a = 2\n/)
    expect(stdout).toContain('key#/content: differs (not text)')
    expect(stdout).not.toContain('hunter22')
    expect(await folder.run('diff', '--exit-code', '1')).toMatchObject({ code: 2 })
  })
})
