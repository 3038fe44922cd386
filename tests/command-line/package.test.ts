import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
})
afterEach(() => folder.close())

test('a package finds the contract though it is installed nowhere, and its faults are faults', async () => {
  folder.write('node_modules/lab/package.json', JSON.stringify({ name: 'lab', type: 'module', exports: './provider.mjs' }))
  folder.write('node_modules/lab/provider.mjs', readFileSync(join(import.meta.dirname, 'lab-provider.mjs'), 'utf8'))
  folder.write('understudy.yaml', 'stack: t\nproviders: [lab]\nresources:\n  one: { kind: lab.thing, spec: {} }\n')
  const ran = await folder.run('plan')
  expect(ran.stderr).toContain('lab.taken')
  expect(ran.code).toBe(11)
})
