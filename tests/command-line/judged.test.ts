import { rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
})
afterEach(() => folder.close())

function stack(...resources: readonly string[]): void {
  folder.write(
    'understudy.yaml',
    `stack: t\npolicy: { askAt: 100, refuseAt: 100 }\nresources:\n${resources.map((one) => `  ${one}\n`).join('')}`,
  )
}
const file = (name: string, content: string, more = ''): string =>
  `${name}: { kind: files.file, ${more} spec: { path: ${name}, content: "${content}" } }`

test('what is protected is not replaced, and that is a refusal', async () => {
  stack(file('one', '1', 'protect: true,'))
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  const refused = await folder.run('apply', '--replace', 'one')
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringMatching(/plan\.protected[^]*would be replaced/) })
  stack(file('one', '2', 'protect: true,'))
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
})

test('--replace of something that --only leaves out is a slip', async () => {
  stack(file('one', '1'), file('two', '1'))
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  const ran = await folder.run('apply', '--only', 'two', '--replace', 'one')
  expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining('--only one as well') })
})

test('what an accepted loss costs is said before the undo and with it', async () => {
  stack('out: { kind: command.run, spec: { command: [sh, -c, "echo 1 > out"], confine: none, undo: [rm, out] } }')
  expect(await folder.run('apply', '--accept-loss', 'out', '-y')).toMatchObject({ code: 0 })
  expect((await folder.run('status')).stdout).toMatch(/it would lose, as accepted: out: /)
  const back = await folder.run('rollback')
  expect(back).toMatchObject({ code: 0, stdout: expect.stringMatching(/LOST, as accepted when it was applied: out: /) })
})

test('a kind whose package is gone is not down, and the package is named', async () => {
  folder.write('node_modules/note/package.json', JSON.stringify({ name: 'note', type: 'module', exports: './index.mjs' }))
  folder.write('node_modules/note/index.mjs', NOTE)
  folder.write('understudy.yaml', 'stack: t\nproviders: [note]\nresources:\n  one: { kind: lab.note, spec: {} }\n')
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  rmSync(folder.path('node_modules'), { recursive: true })
  const { stdout } = await folder.run('status')
  expect(stdout).toMatch(/NOT KNOWN: one \(lab\.note\); package note: /)
  expect(stdout).not.toContain('DOWN')
  const { code, stderr } = await folder.run('rollback')
  expect([code, stderr]).toEqual([3, expect.stringMatching(/kind\.unknown[^]*not loaded are note: [^]*Install the package again/)])
})

/** A file that is there or not. */
const NOTE = `
import { existsSync, rmSync, writeFileSync } from 'node:fs'
const any = { safeParse: (value) => ({ success: true, data: value }), describe: () => ({}) }
const state = { made: true }
const there = ({ part }) => existsSync(part.path)
export const provider = {
  kind: 'lab.note', version: 1,
  schema: { spec: any, state: any, memento: any, part: any, out: any },
  prepares: () => 'beside',
  home: () => ({ path: 'note' }),
  async want() { return { state, claims: [] } },
  async read(at) { return there(at) ? { state, out: {}, unmanaged: null, volatile: null } : null },
  async fork() { return { part: { path: 'note.shadow' }, out: null, fidelity: 'exact', because: '' } },
  async close({ part }) { rmSync(part?.path ?? 'none', { force: true }) },
  async prepare() { return { memento: {}, out: {}, reversal: 'switch', bytesHeld: 0, losses: [] } },
  async look(at) { return { side: there(at) ? 'after' : 'before', standby: 'fit' } },
  async turn({ part }, memento, to) {
    if (to === 'after') writeFileSync(part.path, '')
    else rmSync(part.path, { force: true })
    return { side: to, standby: 'fit' }
  },
  async release() {},
}
`

test('who ends the keeper is told what nobody sees to any more', async () => {
  stack(file('one', '1'))
  const { lines } = await folder.run('--json', 'apply', '--confirm-within', '1h')
  expect(lines.at(-1)).toMatchObject({ type: 'apply' })
  const stopped = await folder.run('keeper', 'stop')
  expect(stopped).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/t: change c\w+ waits to be confirmed until .*nobody sees to it/),
  })
})

test('one resource is not skipped and forced', async () => {
  stack(file('one', '1'))
  await folder.run('apply')
  expect(await folder.run('recover', '--skip', 'one', '--force', 'one')).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('--skip one and --force one'),
  })
})
