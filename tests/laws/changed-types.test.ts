import { lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from '../command-line/folder.ts'
import type { Folder } from '../command-line/folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
  mkdirSync(folder.path('src/keep'), { recursive: true })
  writeFileSync(folder.path('src/keep/f'), 'kept')
  folder.write(
    'understudy.yaml',
    'stack: t\npolicy: { askAt: 100, refuseAt: 100 }\nresources:\n  tree: { kind: files.tree, spec: { path: live, source: src } }\n',
  )
})
afterEach(() => folder.close())

const makes = {
  directory(at: string) {
    mkdirSync(`${at}/below`, { recursive: true })
    writeFileSync(`${at}/f`, 'in the directory')
    writeFileSync(`${at}/below/g`, 'deep')
  },
  link: (at: string) => symlinkSync('keep', at),
}

/** What stands at a name, links not followed. */
function shape(at: string): string {
  return lstatSync(at).isSymbolicLink()
    ? `link to ${readlinkSync(at)}`
    : `directory: ${readFileSync(`${at}/f`, 'utf8')} ${readFileSync(`${at}/below/g`, 'utf8')}`
}

test.each([
  ['directory', 'link'],
  ['link', 'directory'],
] as const)('a %s becomes a %s, comes back, and comes again', async (first, second) => {
  const [source, live] = [folder.path('src/x'), folder.path('live/x')]
  makes[first](source)
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  const was = shape(live)
  rmSync(source, { recursive: true })
  makes[second](source)
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  const is = shape(live)
  expect(is).not.toBe(was)
  expect(await folder.run('rollback')).toMatchObject({ code: 0 })
  expect(shape(live)).toBe(was)
  expect(await folder.run('rollback', '--to', '2')).toMatchObject({ code: 0 })
  expect(shape(live)).toBe(is)
  // Without anything that still stands beside it, and where somebody else made the difference.
  rmSync(source, { recursive: true })
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  expect(await folder.run('rollback', '--to', '1')).toMatchObject({ code: 0 })
  expect(shape(live)).toBe(was)
  rmSync(live, { recursive: true })
  makes[second](live)
  expect(await folder.run('drift', '--revert')).toMatchObject({ code: 0 })
  expect(shape(live)).toBe(was)
})
