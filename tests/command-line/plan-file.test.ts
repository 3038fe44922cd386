import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('understudy.yaml', 'stack: t\nresources:\n  conf: { kind: files.file, spec: { path: app.conf, content: "port = 80\\n" } }\n')
  expect(await folder.run('plan', '-o', 'plan.json')).toMatchObject({ code: 0 })
})
afterEach(() => folder.close())

test('a plan that was edited after it was made is refused; as it was made it is applied', async () => {
  const made = folder.read('plan.json')
  folder.write('plan.json', made.replaceAll('app.conf', 'new.conf'))
  expect(await folder.run('apply', 'plan.json')).toMatchObject({ code: 3, stderr: expect.stringContaining('cli.plan-edited') })
  folder.write('plan.json', made.replace('"refuseAt":80', '"refuseAt":99'))
  expect(await folder.run('apply', 'plan.json')).toMatchObject({ code: 3, stderr: expect.stringContaining('cli.plan-edited') })
  folder.write('plan.json', made)
  folder.write('b.yaml', 'stack: b\nresources: {}\n')
  expect(await folder.run('-f', 'b.yaml', 'apply', 'plan.json')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('cli.other-stack'),
  })
  expect(await folder.run('apply', 'plan.json')).toMatchObject({ code: 0 })
  expect(folder.read('app.conf')).toBe('port = 80\n')
})

test('a plan of another store is refused', async () => {
  const other = openFolder()
  try {
    other.write('understudy.yaml', folder.read('understudy.yaml'))
    expect(await other.run('apply', folder.path('plan.json'))).toMatchObject({ code: 3 })
  } finally {
    await other.close()
  }
})
