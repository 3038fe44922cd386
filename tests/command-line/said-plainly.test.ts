import { mkdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
  folder.write('src/f', 'one\n')
  stack('tree: { kind: files.tree, spec: { path: live, source: src } }')
})
afterEach(() => folder.close())

function stack(...resources: readonly string[]): void {
  folder.write('understudy.yaml', `stack: t\nresources:\n${resources.map((one) => `  ${one}\n`).join('')}`)
}

describe('what is wrong is said plainly', () => {
  test.each([
    ['no such verb', ['--json', 'aply'], 3, 'cli.usage'],
    ['nothing prepared at once', ['--json', '--parallelism', '0', 'plan'], 3, 'cli.usage'],
    ['no time to confirm', ['--json', 'apply', '--confirm-within', '0s'], 3, 'cli.bad-time'],
    ['a time without end', ['--json', 'apply', '--confirm-within', '999999999d'], 3, 'cli.bad-time'],
    ['an unknown name to replace', ['--json', 'apply', '--replace', 'nope'], 6, 'plan.no-resource'],
    ['an unknown name to lose', ['--json', 'apply', '--accept-loss', 'nope'], 6, 'plan.no-resource'],
    ['an unknown name without a way back', ['--json', 'apply', '--accept-irreversible', 'nope'], 6, 'plan.no-resource'],
    ['a plan where nothing can be written', ['--json', 'plan', '-o', 'none/plan.json'], 3, 'cli.cannot-write'],
    ['a stack below a file', ['--json', 'init', 'src/f'], 3, 'cli.cannot-write'],
  ])('%s', async (_what, args, code, fault) => {
    const ran = await folder.run(...args)
    expect(ran.lines[0]).toMatchObject({ type: 'version' })
    expect(ran.lines.filter(({ type }) => type === 'error')).toMatchObject([{ code: fault }])
    expect(ran.code).toBe(code)
  })

  test('a folder as the stack file', async () => {
    mkdirSync(folder.path('dir.yaml'))
    expect(await folder.run('-f', 'dir.yaml', 'validate')).toMatchObject({ code: 3, stderr: expect.stringContaining('it is a folder') })
  })

  test('a folder that nobody may write to', async () => {
    expect(await folder.run('init', '/sys/nothing-of-ours')).toMatchObject({ code: 4, stderr: expect.stringContaining('cli.cannot-write') })
  })

  test('two resources that own one place: validate says which, and where', async () => {
    stack(
      'one: { kind: files.tree, spec: { path: live, source: src } }',
      'two: { kind: files.file, spec: { path: live/f, content: "${one.path}" } }',
    )
    for (const verb of ['validate', 'plan'])
      expect(await folder.run(verb)).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/plan\.claimed-twice[^]*understudy\.yaml:4:3[^]*one claims/),
      })
  })

  test('a package that cannot be used is named where it is written, beside all else that is wrong', async () => {
    folder.write('understudy.yaml', 'stack: t\nproviders: [nosuch-package]\nresorces: {}\n')
    const { code, stderr } = await folder.run('validate')
    expect(code).toBe(3)
    expect(stderr).toMatch(/kind\.no-package[^]*understudy\.yaml:2:13/)
    expect(stderr).toContain('intent.unknown-key')
  })

  test('what a change held for a person is to become is said once', async () => {
    expect(await folder.run('apply')).toMatchObject({ code: 0 })
    expect(await folder.run('recover', '--resume', '--abandon')).toMatchObject({ code: 3, stderr: expect.stringContaining('cli.both') })
    expect(await folder.run('rollback', '--accept-loss', 'nope')).toMatchObject({ code: 6 })
  })

  test('a refused change shows its plan and what its risk is made of', async () => {
    folder.write('understudy.yaml', `${folder.read('understudy.yaml')}policy: { askAt: 0, refuseAt: 0 }\n`)
    const { code, stderr, stdout } = await folder.run('apply')
    expect(code).toBe(5)
    expect(stderr).toMatch(/\+ tree[^]*· risk [\d.]+: [^]*Plan: 1 create/)
    expect(stdout).toContain('the primary was not touched')
  })

  test('a resource that moves is one of one', async () => {
    expect(await folder.run('apply')).toMatchObject({ code: 0 })
    stack('tree: { kind: files.tree, spec: { path: elsewhere, source: src } }')
    const { lines } = await folder.run('--json', 'whatif')
    expect(JSON.stringify(lines.at(-1)?.['assessment'])).toContain('1 of 1 resources change')
  })

  test('the schema for editors has only formats that JSON Schema knows', async () => {
    const { lines } = await folder.run('--json', 'validate', '--schema')
    expect(lines.at(-1)?.type).toBe('validate')
    expect(JSON.stringify(lines.at(-1))).not.toContain('starts_with')
  })
})
