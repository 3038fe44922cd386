import { expect, test } from 'vitest'
import { memorySources } from './memory-sources.ts'
import { readIntent } from './read-intent.ts'
import { shopKinds } from './shop-kinds.ts'

/** The faults as people read them. */
async function shown(text: string, vars: Readonly<Record<string, string>> = {}): Promise<string> {
  const sources = memorySources({ files: { 'understudy.yaml': text } })
  const result = await readIntent({ file: 'understudy.yaml', vars, varFiles: [] }, sources, shopKinds)
  if (result.ok) return 'nothing wrong'
  const blocks = result.faults.map(({ code, detail, hint, data }) => {
    const { snippet, pointer } = data as { snippet: string; pointer: string }
    return `${code} ${detail}\n${snippet}\n  ${pointer}\n  ${hint}`
  })
  return `\n${blocks.join('\n\n')}\n`
}

test('an unknown key, with the one that was meant', async () => {
  expect(await shown('stack: s\nresources:\n  web:\n    kind: files.tree\n    depend_on: []\n    spec:\n      path: /a\n')).toBe(`
intent.unknown-key understudy.yaml:5:5: key "depend_on" in resource web
  3 |   web:
  4 |     kind: files.tree
> 5 |     depend_on: []
    |     ^^^^^^^^^
  6 |     spec:
  /resources/web/depend_on
  Did you mean "dependsOn"?
`)
})

test('a key of the spec that stands beside it', async () => {
  expect(await shown('stack: s\nresources:\n  web:\n    kind: files.tree\n    path: /a\n')).toBe(`
intent.wrong-spec understudy.yaml:3:3: spec/path is missing
  1 | stack: s
  2 | resources:
> 3 |   web:
    |   ^^^
  4 |     kind: files.tree
  /resources/web
  files.tree needs it (expected string).

intent.unknown-key understudy.yaml:5:5: key "path" in resource web
  3 |   web:
  4 |     kind: files.tree
> 5 |     path: /a
    |     ^^^^
  /resources/web/path
  "path" belongs under \`spec:\`.
`)
})

test('a circle is named, with the place of each hop', async () => {
  const text = `stack: s
resources:
  a: { kind: files.tree, spec: { path: "\${b.path}" } }
  b: { kind: files.tree, dependsOn: [c], spec: { path: /b } }
  c: { kind: files.tree, spec: { path: "x\${a.path}" } }
`
  expect(await shown(text)).toBe(`
intent.cycle understudy.yaml:3:40: a → b → c → a: a needs b (understudy.yaml:3:40), b needs c (understudy.yaml:4:38), c needs a (understudy.yaml:5:40)
  1 | stack: s
  2 | resources:
> 3 |   a: { kind: files.tree, spec: { path: "\${b.path}" } }
    |                                        ^^^^^^^^^^^
  4 |   b: { kind: files.tree, dependsOn: [c], spec: { path: /b } }
  /resources/a/spec/path
  Take one of these references out; a resource can only use what is there before it.
`)
})

test('references to nothing: resource, output, variable, kind, each with what was meant', async () => {
  const text = `stack: s
variables: { port: 80 }
resources:
  config: { kind: files.tree, spec: { path: /c } }
  app: { kind: process.servic, spec: { command: [x] } }
  front: { kind: proxy.route, spec: { listen: "\${var.prot}", to: "http://\${confg.path}/\${config.slto}" } }
`
  expect(await shown(text)).toBe(`
intent.unknown-kind understudy.yaml:5:16: kind "process.servic" of app
  3 | resources:
  4 |   config: { kind: files.tree, spec: { path: /c } }
> 5 |   app: { kind: process.servic, spec: { command: [x] } }
    |                ^^^^^^^^^^^^^^
  6 |   front: { kind: proxy.route, spec: { listen: "\${var.prot}", to: "http://\${confg.path}/\${config.slto
  /resources/app/kind
  Did you mean "process.service"? Kinds of other packages need the package under \`providers:\`.

intent.unknown-variable understudy.yaml:6:47: \${var.prot}
  4 |   config: { kind: files.tree, spec: { path: /c } }
  5 |   app: { kind: process.servic, spec: { command: [x] } }
> 6 |   front: { kind: proxy.route, spec: { listen: "\${var.prot}", to: "http://\${confg.path}/\${config.slto
    |                                               ^^^^^^^^^^^^^
  /resources/front/spec/listen
  Did you mean "port"? Variables are declared under \`variables:\`.

intent.unknown-resource understudy.yaml:6:66: \${confg.path}
  4 |   config: { kind: files.tree, spec: { path: /c } }
  5 |   app: { kind: process.servic, spec: { command: [x] } }
> 6 |   front: { kind: proxy.route, spec: { listen: "\${var.prot}", to: "http://\${confg.path}/\${config.slto
    |                                                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  /resources/front/spec/to
  Did you mean "config"?

intent.unknown-output understudy.yaml:6:66: \${config.slto}: config is a files.tree
  4 |   config: { kind: files.tree, spec: { path: /c } }
  5 |   app: { kind: process.servic, spec: { command: [x] } }
> 6 |   front: { kind: proxy.route, spec: { listen: "\${var.prot}", to: "http://\${confg.path}/\${config.slto
    |                                                                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  /resources/front/spec/to
  Did you mean "slot"?
`)
})

test('a shell variable that looks like a reference, with how to write it', async () => {
  expect(await shown('stack: s\nresources: { a: { kind: process.service, spec: { command: [sh, "${HOME}"] } } }\n')).toBe(`
intent.bad-reference understudy.yaml:2:64: "\${HOME}": it is not NAME.OUTPUT
  1 | stack: s
> 2 | resources: { a: { kind: process.service, spec: { command: [sh, "\${HOME}"] } } }
    |                                                                ^^^^^^^^^
  /resources/a/spec/command/1
  A reference is \${resource.output}, \${var.name} or \${secret.name}. If it is meant as plain text, write $\${HOME}
`)
})

test('what a hole will fill is not judged, everything beside it is', async () => {
  const text = `stack: s
resources:
  tree: { kind: files.tree, spec: { path: /t } }
  front: { kind: proxy.route, spec: { listen: "\${tree.path}", to: "http://\${tree.slot}/", timeoutMs: soon, extra: 1 } }
`
  const result = await shown(text)
  expect(result.match(/^intent\S+ \S+ .*$/gm)).toEqual([
    'intent.wrong-spec understudy.yaml:4:102: spec/timeoutMs: Invalid input: expected number, received string',
    'intent.wrong-spec understudy.yaml:4:108: proxy.route knows no key "extra" in the spec',
  ])
})

test('names: reserved, misspelt, moved from what is still there', async () => {
  const text = `stack: s
resources:
  var: { kind: files.tree, spec: { path: /a } }
  Web_1: { kind: files.tree, spec: { path: /b } }
  new: { kind: files.tree, movedFrom: old, spec: { path: /c } }
  old: { kind: files.tree, spec: { path: /d } }
  one: { kind: files.tree, movedFrom: gone, spec: { path: /e } }
  two: { kind: files.tree, movedFrom: gone, dependsOn: [gone], spec: { path: /f, $ref: x } }
`
  expect((await shown(text)).match(/^(intent\S+ \S+ .*|  .*[?)]\.?)$/gm)).toEqual([
    'intent.wrong-name understudy.yaml:3:3: "var" is reserved',
    'intent.wrong-name understudy.yaml:4:3: "Web_1" as the name of a resource',
    'intent.moved-from understudy.yaml:5:39: old is still in the stack',
    'intent.moved-from understudy.yaml:8:39: gone has already become one',
    'intent.unknown-resource understudy.yaml:8:57: two depends on "gone"',
    '  It is called "one" now (movedFrom: gone).',
    'intent.refused-key understudy.yaml:8:82: key "$ref"',
  ])
})

test('policy and terms: wrong types, wrong words, the wrong way round', async () => {
  const text = `stack: s
policy: { askAt: 70, refuseAt: 60, guards: { for: 30, on: undoo, every: 1ms }, keep: 0 }
providers: [ok-package, ../evil, ok-package]
resources:
  a: { kind: files.tree, protect: yes, timeout: 0s, retries: 1.5, ignoreChanges: [path], onRemove: destroy, labels: [x], spec: { path: /a } }
`
  expect((await shown(text)).match(/^intent.*$/gm)).toEqual([
    'intent.wrong-value understudy.yaml:2:32: askAt is 70, refuseAt is 60',
    'intent.wrong-type understudy.yaml:2:51: for of guards must be a duration, not a number',
    'intent.wrong-value understudy.yaml:2:59: on of guards is "undoo"',
    'intent.wrong-value understudy.yaml:2:73: every of guards is too short',
    'intent.wrong-value understudy.yaml:2:86: keep of policy is 0',
    'intent.wrong-name understudy.yaml:3:25: "../evil" as the name of a package',
    'intent.duplicate-key understudy.yaml:3:34: provider ok-package',
    'intent.wrong-type understudy.yaml:5:35: protect of a must be true or false, not a string',
    'intent.wrong-value understudy.yaml:5:49: timeout of a is 0 ms',
    'intent.wrong-value understudy.yaml:5:62: retries of a is 1.5',
    'intent.wrong-value understudy.yaml:5:83: "path" is no pointer',
    'intent.wrong-value understudy.yaml:5:100: onRemove of a is "destroy"',
    'intent.wrong-type understudy.yaml:5:117: labels of a must be a mapping, not a list',
  ])
})

test('everything is reported at once, at most twenty, and how many more there are', async () => {
  const rows = Array.from({ length: 30 }, (_, index) => `  r${index}: { kind: nothing }`)
  const sources = memorySources({ files: { 'understudy.yaml': `stack: s\nresources:\n${rows.join('\n')}\n` } })
  const result = await readIntent({ file: 'understudy.yaml', vars: {}, varFiles: [] }, sources, shopKinds)
  const faults = result.ok ? [] : result.faults
  expect(faults).toHaveLength(20)
  expect(faults.at(-1)?.hint).toMatch(/\(10 more errors are not shown\.\)$/)
})

test('control characters of the file do not reach the terminal, long lines are cut around the place', async () => {
  const evil = await shown(`stack: "\u009b31m\u202eX${'y'.repeat(500)}"\nresources: {}\n`)
  expect(evil).not.toMatch(/[\u009b\u202e]/)
  const long = await shown(`stack: s\nlabels: { ${'a: "x", b: "y", '.repeat(1)}c: "${'z'.repeat(10_000)}", d: 5 }\nresources: {}\n`)
  expect(long).toContain('label d of the stack must be text')
  expect(Math.max(...long.split('\n').map((line) => line.length))).toBeLessThan(200)
})

test('no stack file, an empty one, a list: said plainly', async () => {
  const read = async (files: Record<string, string>) => {
    const result = await readIntent({ file: 'understudy.yaml', vars: {}, varFiles: ['v'] }, memorySources({ files }), shopKinds)
    return result.ok ? [] : result.faults.map(({ detail }) => detail)
  }
  expect(await read({})).toEqual(['v: given as --var-file', 'understudy.yaml: there is no stack file'])
  expect(await read({ v: '', 'understudy.yaml': '# nothing\n' })).toEqual(['understudy.yaml:1:1: the file is empty'])
  expect(await read({ v: '', 'understudy.yaml': '- a\n' })).toEqual(['understudy.yaml:1:1: a stack file is a mapping, not a list'])
})
