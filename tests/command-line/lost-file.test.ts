import { existsSync, readFileSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { installBadProvider } from '../bad-input/install-bad-provider.ts'
import { openScene } from '../bad-input/scene.ts'
import type { Scene } from '../bad-input/scene.ts'

let scene: Scene
beforeEach(() => {
  scene = openScene()
  installBadProvider(scene)
})
afterEach(() => scene.close())

const written = (providers: string, text: string): string =>
  `stack: t\n${providers}resources:\n  note: { kind: bad.note, spec: { path: ${scene.path('live/note')}, content: ${text} } }\n`

test("an undo of a package's kind needs neither its line under `providers:` nor the stack file", async () => {
  for (const text of ['one', 'two']) {
    scene.stack(written('providers: [understudy-bad]\n', text))
    expect(await scene.run(['apply'])).toMatchObject({ code: 0 })
  }
  scene.stack(written('', 'three'))
  expect(await scene.run(['apply'])).toMatchObject({ code: 3, errors: [{ code: 'intent.unknown-kind' }] })
  expect(await scene.run(['rollback'])).toMatchObject({ code: 0 })
  expect(readFileSync(scene.path('live/note'), 'utf8')).toBe('one')
  rmSync(scene.path('understudy.yaml'))
  expect(await scene.run(['--stack', 't', 'rollback', '--to', '0'])).toMatchObject({ code: 0 })
  expect(existsSync(scene.path('live/note'))).toBe(false)
})
