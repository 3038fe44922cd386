import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askKeeper } from '@understudy/engine'
import { openFolder, program } from './folder.ts'
import type { Folder } from './folder.ts'

const stackFile = (content: string): string =>
  `stack: one\nresources:\n  note: { kind: files.file, spec: { path: note, content: ${content} } }\n`

let folder: Folder
beforeEach(() => (folder = openFolder()))
afterEach(() => folder.close())

/** The command line on a machine with another boot id, in a mount namespace of its own. */
function afterReboot(...args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  folder.write('boot_id', '11111111-2222-3333-4444-555555555555\n')
  const command = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
  const given = ['--mount', 'sh', '-c', command, folder.path('boot_id'), program, ...args]
  return spawnSync('unshare', given, { cwd: folder.dir, encoding: 'utf8' })
}

test('a temporary change is undone by whoever comes after a reboot, when its time is over', async () => {
  for (const [content, lasts] of [['one'], ['two', '--for=5s']] as const) {
    folder.write('understudy.yaml', stackFile(content))
    expect(await folder.run('apply', ...(lasts === undefined ? [] : [lasts]))).toMatchObject({ code: 0 })
  }
  const until = Date.now() + 5_000
  process.kill(Number((await askKeeper(folder.path('.understudy'), '/'))?.['pid']), 'SIGKILL')
  expect(folder.read('note')).toBe('two')
  await expect.poll(() => Date.now() > until, { timeout: 10_000 }).toBe(true)
  expect(afterReboot('status')).toMatchObject({ status: 0, stdout: expect.stringContaining('was to last until now and is undone') })
  expect(folder.read('note')).toBe('one')
  expect(await folder.run('history')).toMatchObject({ stdout: expect.stringContaining('its time was over') })
})
