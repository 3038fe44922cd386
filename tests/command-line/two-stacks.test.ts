import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  for (const name of ['a', 'b']) {
    folder.write(
      `${name}.yaml`,
      `stack: stack-${name}\nresources:\n  tree: { kind: files.tree, spec: { path: live-${name}, source: src-${name} } }\n`,
    )
    folder.write(`src-${name}/f`, `one ${name}\n`)
    expect(await folder.run('-f', `${name}.yaml`, 'apply')).toMatchObject({ code: 0 })
    folder.write(`src-${name}/f`, `two ${name}\n`)
    expect(await folder.run('-f', `${name}.yaml`, 'apply', '-m', `second of ${name}`)).toMatchObject({ code: 0 })
  }
})
afterEach(() => folder.close())

const live = () => [folder.read('live-a/f'), folder.read('live-b/f')]

describe('two stacks in one folder', () => {
  test('the stack that the file names is meant by every verb', async () => {
    const said = async (...verb: readonly string[]) => (await folder.run('-f', 'b.yaml', ...verb)).stdout
    expect(await said('status')).toContain('stack-b: revision 2')
    expect(await said('history')).toContain('second of b')
    expect(await said('output', 'tree.path')).toContain('live-b')
    expect(await said('diff', '1', '2')).toContain('+two b')
    expect(await said('show', 'tree')).toContain('live-b')
    expect(await said('log')).toMatch(/^change c\w+ \(committed\)\n/)
    expect(await folder.run('-f', 'b.yaml', 'rollback')).toMatchObject({ code: 0 })
    expect(live()).toEqual(['two a\n', 'one b\n'])
    expect((await folder.run('-f', 'a.yaml', 'tombstone', 'list')).stdout).toBe('No tombstones.\n')
    expect(await folder.run('-f', 'b.yaml', 'tombstone', 'lift')).toMatchObject({ code: 0 })
    expect(await folder.run('-f', 'b.yaml', 'forget', 'tree')).toMatchObject({ code: 0 })
    expect((await folder.run('-f', 'a.yaml', 'status')).stdout).toContain('tree')
    expect(await folder.run('doctor')).toMatchObject({ code: 0, stdout: expect.stringMatching(/stack-a.*\n(.*\n)*.*stack-b/) })
  })

  test('without a readable file nothing is guessed; --stack says which', async () => {
    for (const verb of ['rollback', 'status', 'history'])
      expect(await folder.run(verb)).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/stack\.several[^]*stack-a, stack-b[^]*--stack/),
      })
    expect(await folder.run('-f', 'missing.yaml', 'rollback')).toMatchObject({ code: 3, stderr: expect.stringContaining('missing.yaml') })
    expect(live()).toEqual(['two a\n', 'two b\n'])
    expect(await folder.run('--stack', 'stack-b', 'rollback')).toMatchObject({ code: 0 })
    expect(await folder.run('--stack', 'stack-c', 'status')).toMatchObject({ code: 6, stderr: expect.stringContaining('stack-a, stack-b') })
    expect(live()).toEqual(['two a\n', 'one b\n'])
    rmSync(folder.path('a.yaml'))
    expect(await folder.run('-f', 'a.yaml', '--stack', 'stack-a', 'rollback')).toMatchObject({ code: 0 })
    expect(live()).toEqual(['one a\n', 'one b\n'])
    expect(await folder.run('-f', 'b.yaml', '--stack', 'stack-a', 'apply')).toMatchObject({ code: 3 })
  })

  test.each([
    ['YAML', 'stack: stack-b\nresources: {{{\n  - [\n'],
    ['a kind and a package', 'providers: [nosuch]\nresources: { x: { kind: nosuch.kind } }\nstack: "stack-b"\n'],
    ['a layer', 'stack: ${var.name}\nvariables: { name: stack-b }\nresources: 7\n'],
  ])('a stack file that is broken (%s) still names its stack', async (_what, text) => {
    folder.write('b.yaml', text)
    expect(await folder.run('-f', 'b.yaml', 'rollback')).toMatchObject({ code: 0 })
    expect((await folder.run('-f', 'b.yaml', 'status')).stdout).toContain('stack-b: revision 3')
    expect(live()).toEqual(['two a\n', 'one b\n'])
  })

  test('a file whose stack was never applied is not taken for another stack', async () => {
    folder.write('c.yaml', 'stack: stack-c\nresources: {}\n')
    expect(await folder.run('-f', 'c.yaml', 'rollback')).toMatchObject({ code: 6, stderr: expect.stringContaining('stack-c') })
    expect(live()).toEqual(['two a\n', 'two b\n'])
  })

  test('the keeper watches every stack of the store: what is not confirmed in time is undone, what is confirmed stays', async () => {
    folder.write('src-b/f', 'three b\n')
    expect(await folder.run('-f', 'b.yaml', 'apply', '--confirm-within', '500ms')).toMatchObject({ code: 0 })
    await expect.poll(async () => (await folder.run('-f', 'b.yaml', 'status')).stdout, { timeout: 30_000 }).toContain('revision 4 (undone)')
    expect(live()).toEqual(['two a\n', 'two b\n'])
    folder.write('src-a/f', 'three a\n')
    expect(await folder.run('-f', 'a.yaml', 'apply', '--confirm-within', '1h')).toMatchObject({ code: 0 })
    expect((await folder.run('-f', 'b.yaml', 'confirm')).stdout).toContain('Nothing waits')
    expect((await folder.run('-f', 'a.yaml', 'confirm')).stdout).toContain('Confirmed')
    expect((await folder.run('-f', 'a.yaml', '--json', 'keeper', 'status')).lines.at(-1)).toMatchObject({
      running: { stacks: ['stack-a', 'stack-b'] },
    })
    expect(live()).toEqual(['three a\n', 'two b\n'])
  })
})
