import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

test('a stack file names the package, and its kind is applied, changed and rolled back as any other', async () => {
  const { dir, note, understudy } = installed()
  stack(dir, 'one')
  await understudy('apply', '--yes')
  expect(readFileSync(note, 'utf8')).toBe('one')
  stack(dir, 'two')
  await understudy('apply', '--yes')
  expect(readFileSync(note, 'utf8')).toBe('two')
  await understudy('rollback')
  expect(readFileSync(note, 'utf8')).toBe('one')
  await understudy('destroy', '--yes')
  expect(existsSync(note)).toBe(false)
})

test('a package that is not installed is named, with what to do', async () => {
  const { dir, understudy } = installed()
  writeFileSync(join(dir, 'understudy.yaml'), 'stack: notes\nproviders: [understudy-missing]\nresources: {}\n')
  await expect(understudy('plan')).rejects.toThrow('understudy-missing')
})

function stack(dir: string, text: string): void {
  const spec = `{ path: ${dir}/hello.txt, text: ${text} }`
  writeFileSync(
    join(dir, 'understudy.yaml'),
    `stack: notes\nproviders: [understudy-note]\nresources:\n  hello: { kind: example.note, spec: ${spec} }\n`,
  )
}

/** As `npm install ./note` leaves it: a link in node_modules, beside the contract. */
function installed() {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-note-'))
  folders.push(dir)
  mkdirSync(join(dir, 'node_modules/@understudy'), { recursive: true })
  mkdirSync(join(dir, 'note'))
  symlinkSync(join(root, 'contract'), join(dir, 'node_modules/@understudy/contract'))
  symlinkSync('../note', join(dir, 'node_modules/understudy-note'))
  copyFileSync(join(import.meta.dirname, 'provider.ts'), join(dir, 'note/provider.ts'))
  writeFileSync(join(dir, 'note/package.json'), JSON.stringify({ name: 'understudy-note', type: 'module', exports: './provider.ts' }))
  const understudy = (...args: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile(join(root, 'cli/bin/understudy'), args, { cwd: dir }, (failure, stdout, stderr) => {
        if (failure === null) resolve(stdout)
        else reject(new Error(`${args.join(' ')}: ${stdout}${stderr}`))
      })
    })
  return { dir, note: join(dir, 'hello.txt'), understudy }
}
