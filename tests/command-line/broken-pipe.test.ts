import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder, program } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
  folder.write('understudy.yaml', 'stack: t\nresources:\n  note: { kind: files.file, spec: { path: note, content: one } }\n')
})
afterEach(() => folder.close())

/** Exit code and standard error of a verb whose output nobody reads any more, from its first line on. */
async function unread(redirect: string, ...args: readonly string[]): Promise<string> {
  const line = `"$0" "$@" ${redirect}| (exec <&-; sleep 0); echo "exit \${PIPESTATUS[0]}"`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line, program, ...args], { cwd: folder.dir })
  return `${stdout.trim()}${stderr}`
}

test('what was begun is finished when the reader goes away, and readers end quietly', async () => {
  expect(await unread('', '--help')).toBe('exit 0')
  expect(await unread('', 'validate', '--schema')).toBe('exit 0')
  expect(await unread('2>&1 ', '--json', 'apply')).toBe('exit 0')
  expect(folder.read('note')).toBe('one')
  folder.write('understudy.yaml', 'stack: t\nresources:\n  note: { kind: files.file, spec: { path: note, content: two } }\n')
  expect(await unread('2>&1 ', 'apply')).toBe('exit 0')
  expect(folder.read('note')).toBe('two')
  expect(await unread('2>&1 ', 'rollback')).toBe('exit 0')
  expect(folder.read('note')).toBe('one')
  expect(await unread('', 'history')).toBe('exit 0')
})
