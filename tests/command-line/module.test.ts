import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
  folder.write('src/f', 'one\n')
})
afterEach(() => folder.close())

const good = `import { defineStack, ref, variable } from 'understudy'
import type { StackDefinition } from 'understudy'

console.log('the module speaks')
const resources: StackDefinition['resources'] = {
  tree: { kind: 'files.tree', spec: { path: 'live', source: variable('source') } },
  note: { kind: 'files.file', spec: { path: 'note.txt', content: \`in \${ref('tree', 'path')}\\n\` } },
}
export default defineStack(({ vars }) => ({ stack: 't', variables: { source: String(vars['from'] ?? 'src') }, resources }))
`

describe('a stack file in TypeScript, outside of any package', () => {
  test('imports its types and functions, is loaded once, and does not speak into the data', async () => {
    folder.write('understudy.ts', good)
    const applied = await folder.run('--json', 'apply')
    expect(applied).toMatchObject({ code: 0 })
    expect(applied.lines[0]).toMatchObject({ type: 'version' })
    expect(applied.lines.at(-1)).toMatchObject({ type: 'apply', outcome: 'committed' })
    expect(applied.stderr.match(/the module speaks/g)).toHaveLength(1)
    expect(folder.read('note.txt')).toBe(`in ${folder.path('live')}\n`)
    expect(await folder.run('output', 'note.path')).toMatchObject({ code: 0, stdout: `${folder.path('note.txt')}\n` })
    expect(await folder.run('rollback')).toMatchObject({ code: 0 })
  })

  test.each([
    ['a syntax error', "export default {\n  stack: 't' resources: {},\n}\n", /understudy\.ts:2:14/],
    ['something that TypeScript compiles away only elsewhere', 'const a = 1\nenum X { A }\nexport default { a }\n', /understudy\.ts:2:1/],
    [
      'what it throws',
      "const a: number = 1\nfunction deep() { throw new TypeError('boom') }\ndeep()\nexport default a\n",
      /understudy\.ts:2:25[^]*boom/,
    ],
    ['what its function throws', "export default () => {\n  throw new Error('boom')\n}\n", /understudy\.ts:2:9[^]*boom/],
    ['what a module throws that it imports', "import './other.ts'\nexport default {}\n", /other\.ts:2:7[^]*boom|boom[^]*other\.ts:2:7/],
    ['an import that is not there', "import { nope } from 'understudy'\nexport default {}\n", /understudy\.ts:1:10[^]*nope/],
    ['an await that never settles', 'await new Promise(() => {})\nexport default {}\n', /waits for something that never comes/],
    ['a function that never settles', 'export default () => new Promise(() => {})\n', /waits for something that never comes/],
  ])('%s is said with its place: exit 3', async (_what, text, said) => {
    folder.write('other.ts', "\nthrow new Error('boom')\n")
    folder.write('understudy.ts', text)
    const { code, stderr } = await folder.run('validate')
    expect(stderr).toMatch(said)
    expect(stderr).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m)
    expect(code).toBe(3)
  })

  test.each([
    ['a key', "resources: {\n    web: { kin: 'files.tree' },", /understudy\.ts:4:12[^]*"kin"/],
    [
      'a key of a spec',
      "resources: {\n    web: { kind: 'files.tree', spec: { path: 'live', sauce: 'src' } },",
      /understudy\.ts:4:54[^]*sauce/,
    ],
    [
      'a reference to nothing',
      "resources: {\n    'web': { kind: 'files.file', spec: { path: 'f', content: '${nope.path}' } },",
      /understudy\.ts:4:53/,
    ],
    ['a quoted resource', "resources: {\n    'we b': { kind: 'files.file', spec: { path: 'f', content: '' } },", /understudy\.ts:4:5/],
  ])('%s that is wrong has line, column and snippet', async (_what, text, said) => {
    folder.write('understudy.ts', `export default {\n  stack: 't',\n  ${text}\n  },\n}\n`)
    const { code, stderr } = await folder.run('validate')
    expect([code, stderr]).toEqual([3, expect.stringMatching(said)])
    expect(stderr).toMatch(/> 4 \|/)
  })

  test('a syntax error in plain JavaScript has its place too', async () => {
    folder.write('stack.mjs', 'const a = 1\nexport default { a b }\n')
    expect(await folder.run('-f', 'stack.mjs', 'validate')).toMatchObject({ code: 3, stderr: expect.stringMatching(/stack\.mjs:2:20/) })
  })

  test('one that is broken since does not keep an undo from its stack', async () => {
    folder.write('understudy.ts', good)
    expect(await folder.run('apply')).toMatchObject({ code: 0 })
    folder.write('understudy.ts', 'await new Promise(() => {})\n')
    expect(await folder.run('rollback')).toMatchObject({ code: 0 })
  })
})
