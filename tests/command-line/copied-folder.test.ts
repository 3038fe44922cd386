import { cpSync, existsSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('a/src/f', 'one')
  folder.write('a/understudy.yaml', 'stack: t\nresources:\n  tree: { kind: files.tree, spec: { path: live, source: src } }\n')
  expect(await folder.run('-f', 'a/understudy.yaml', 'apply')).toMatchObject({ code: 0 })
  folder.write('a/src/f', 'two')
  expect(await folder.run('-f', 'a/understudy.yaml', 'apply')).toMatchObject({ code: 0 })
})
afterEach(() => folder.close())

test('a copy of a stack’s folder does nothing to what the original manages; without its store it is a stack of its own', async () => {
  cpSync(folder.path('a'), folder.path('b'), { recursive: true, verbatimSymlinks: true })
  folder.write('b/src/f', 'three')
  for (const verb of ['rollback', 'apply', 'status', 'destroy']) {
    const ran = await folder.run('-f', 'b/understudy.yaml', '-y', verb)
    expect(ran.stderr, verb).toMatch(/store\.elsewhere[^]*made in .*\/a and is opened in .*\/b/)
    expect(ran.code, verb).toBe(3)
  }
  expect([folder.read('a/live/f'), folder.read('b/live/f')]).toEqual(['two', 'two'])
  rmSync(folder.path('b/.understudy'), { recursive: true })
  rmSync(folder.path('b/live'), { recursive: true })
  expect(await folder.run('-f', 'b/understudy.yaml', 'apply')).toMatchObject({ code: 0 })
  expect([folder.read('a/live/f'), folder.read('b/live/f')]).toEqual(['two', 'three'])
  expect(await folder.run('-f', 'b/understudy.yaml', 'keeper', 'stop')).toMatchObject({ code: 0 })
})

test('a folder that was moved makes nothing where it was, and works again when it is back; a link to it is the same folder', async () => {
  renameSync(folder.path('a'), folder.path('moved'))
  expect(await folder.run('-f', 'moved/understudy.yaml', 'rollback')).toMatchObject({ code: 3 })
  expect(existsSync(folder.path('a'))).toBe(false)
  renameSync(folder.path('moved'), folder.path('a'))
  symlinkSync('a', folder.path('alias'))
  expect(await folder.run('-f', 'alias/understudy.yaml', 'rollback')).toMatchObject({ code: 0 })
  expect(folder.read('a/live/f')).toBe('one')
})
