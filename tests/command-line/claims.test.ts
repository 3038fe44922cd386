import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
  folder.write('src/f', 'one\n')
  folder.write('other/f', 'other\n')
  stack('a', 'tree: { kind: files.tree, spec: { path: at/live, source: src } }')
})
afterEach(() => folder.close())

function stack(name: string, resource: string): void {
  folder.write(`${name}.yaml`, `stack: stack-${name}\nresources:\n  ${resource}\n`)
}

describe('what another stack of the store owns', () => {
  test.each([
    ['the same folder', 'mine: { kind: files.tree, spec: { path: at/live, source: other } }'],
    ['the same folder with the same content', 'mine: { kind: files.tree, spec: { path: at/live, source: src } }'],
    ['a file in it', 'mine: { kind: files.file, spec: { path: at/live/f, content: mine } }'],
    ['a folder around it', 'mine: { kind: files.tree, spec: { path: at, files: { f: mine } } }'],
  ])('is refused by name: %s', async (_what, resource) => {
    expect(await folder.run('-f', 'a.yaml', 'apply')).toMatchObject({ code: 0 })
    stack('b', resource)
    const refused = await folder.run('-f', 'b.yaml', 'apply')
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/plan\.claimed-elsewhere[^]*b\.yaml:3:3[^]*tree of stack stack-a/),
    })
    expect(folder.read('at/live/f')).toBe('one\n')
    expect(await folder.run('-f', 'b.yaml', 'import', 'mine')).not.toMatchObject({ code: 0 })
    expect(await folder.run('-f', 'a.yaml', 'drift', '--exit-code')).toMatchObject({ code: 0 })
  })

  test('is free once it is let go of, and is not taken back by an undo', async () => {
    expect(await folder.run('-f', 'a.yaml', 'apply')).toMatchObject({ code: 0 })
    stack('a', 'tree: { kind: files.tree, spec: { path: elsewhere, source: src } }')
    expect(await folder.run('-f', 'a.yaml', 'apply')).toMatchObject({ code: 0 })
    stack('b', 'mine: { kind: files.tree, spec: { path: at/live, source: other } }')
    expect(await folder.run('-f', 'b.yaml', 'apply')).toMatchObject({ code: 0 })
    folder.write('src/f', 'two\n')
    expect(await folder.run('-f', 'a.yaml', 'apply')).toMatchObject({ code: 0 })
    expect(await folder.run('-f', 'a.yaml', 'rollback', '--to', '1')).not.toMatchObject({ code: 0 })
    expect(folder.read('at/live/f')).toBe('other\n')
  })

  test('resources of one name in two stacks do not meet', async () => {
    const service = (name: string) =>
      `api: { kind: process.service, spec: { command: [sh, -c, 'echo ${name} > ready; exec sleep 600'], cwd: ${folder.path(name)} } }`
    for (const name of ['a', 'b']) {
      folder.write(`${name}/x`, '')
      stack(name, service(name))
      expect(await folder.run('-f', `${name}.yaml`, 'apply')).toMatchObject({ code: 0 })
    }
    expect(await folder.run('-f', 'a.yaml', 'drift', '--exit-code')).toMatchObject({ code: 0 })
    for (const name of ['b', 'a']) expect(await folder.run('-y', '-f', `${name}.yaml`, 'destroy')).toMatchObject({ code: 0 })
  })
})

test.each(['.', '.understudy', '.understudy/inside', '..'])('the store belongs to nobody: a tree at %s is refused', async (path) => {
  folder.write('sub/src/f', 'one\n')
  folder.write('sub/understudy.yaml', `stack: s\nresources:\n  mine: { kind: files.tree, spec: { path: ${path}, files: { f: mine } } }\n`)
  for (const verb of ['validate', 'apply']) {
    const refused = await folder.run('-f', 'sub/understudy.yaml', verb)
    expect(refused).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/plan\.claims-store[^]*understudy\.yaml:3:3[^]*sub\/\.understudy/),
    })
  }
  expect(folder.read('sub/src/f')).toBe('one\n')
})
