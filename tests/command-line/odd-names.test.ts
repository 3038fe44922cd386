import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openScene } from '../bad-input/scene.ts'
import type { Scene } from '../bad-input/scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = openScene()
  scene.stack('stack: t\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n')
  for (const text of ['one', 'two']) {
    for (const name of names) writeFileSync(at('src', name), text)
    expect((await scene.run(['apply'])).code).toBe(0)
  }
})
afterEach(() => scene.close())

/** Latin-1, so no UTF-8; the same as systemd would write it in a name, all ASCII; and as UTF-8. */
const names = [Buffer.from('caf\xe9', 'latin1'), Buffer.from(String.raw`caf\xc3\xa9`), Buffer.from('café')]
const at = (folder: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${scene.path(folder)}/`), name])
const live = (): readonly string[] => names.map((name) => readFileSync(at('live/config', name), 'utf8'))

test('a name that is not UTF-8 is shown as one that --only takes', async () => {
  const { stdout } = await scene.run(['show', 'config'], { json: false })
  expect(stdout).toContain(String.raw`config#/files/caf\xe9`)
  const { code, errors } = await scene.run(['rollback', '--only', String.raw`config#/files/caf\xe9`])
  expect([code, errors]).toEqual([0, []])
  expect(live()).toEqual(['one', 'two', 'two'])
})

test('a name that is spelled like that is itself, and goes before what it would mean', async () => {
  expect((await scene.run(['rollback', '--only', String.raw`config#/files/caf\xc3\xa9`])).code).toBe(0)
  expect(live()).toEqual(['two', 'one', 'two'])
})

test('completion offers what can be typed, one in a line', async () => {
  const { stdout } = await scene.run(['__complete', '--', 'rollback', '--only', 'config#'], { json: false })
  expect(stdout.split('\n')).toContain(String.raw`config#/files/caf\xe9`)
})

test('what names nothing is said as it was written', async () => {
  const { code, stderr } = await scene.run(['rollback', '--only', String.raw`config#/files/x\xe9`], { json: false })
  expect(code).toBe(6)
  expect(stderr).toContain('rollback.no-such-component')
  expect(stderr).toContain(String.raw`config#/files/x\xe9`)
})
