import { describe, expect, test } from 'vitest'
import type { Intent } from '../model/intent.ts'
import { defineStack, literal, ref, secret, variable } from './define-stack.ts'
import type { IntentInput } from './intent-input.ts'
import { memorySources } from './memory-sources.ts'
import type { MemorySources, MemoryWorld } from './memory-sources.ts'
import { readIntent } from './read-intent.ts'
import { shopKinds } from './shop-kinds.ts'

const FILE = 'shop/understudy.yaml'

function ask(world: MemoryWorld, input: Partial<IntentInput> = {}, sources: MemorySources = memorySources(world)) {
  return readIntent({ file: FILE, vars: {}, varFiles: [], ...input }, sources, shopKinds)
}

async function intentOf(text: string, input: Partial<IntentInput> = {}, world: MemoryWorld = {}): Promise<Intent> {
  const result = await ask({ ...world, files: { ...world.files, [FILE]: text } }, input)
  if (!result.ok) throw new Error(result.faults.map(({ code, detail }) => `${code} ${detail}`).join('\n'))
  return result.intent
}

async function detailsOf(text: string, input: Partial<IntentInput> = {}, world: MemoryWorld = {}): Promise<readonly string[]> {
  const result = await ask({ ...world, files: { ...world.files, [FILE]: text } }, input)
  return result.ok ? [] : result.faults.map(({ code, detail }) => `${code} ${detail}`)
}

const shop = `
stack: shop
resources:
  config:
    kind: files.tree
    spec: { path: /srv/shop, source: ./config }
  app:
    kind: process.service
    dependsOn: [config]
    spec:
      command: [node, app.js]
      env: { CONFIG: "\${config.slot}", DATA: "file:\${config.path}?mode=rw" }
  front:
    kind: proxy.route
    spec: { listen: 8080, to: "\${app.url}" }
`

describe('what is read', () => {
  test('a reference that is the whole value is a hole, one within text is a part of it, and both are dependencies', async () => {
    const { resources } = await intentOf(shop)
    expect(resources['app']?.spec).toEqual({
      command: ['node', 'app.js'],
      env: {
        CONFIG: { $ref: 'config', output: 'slot' },
        DATA: { $join: ['file:', { $ref: 'config', output: 'path' }, '?mode=rw'] },
      },
    })
    expect(resources['app']?.dependsOn).toEqual(['config'])
    expect(resources['front']?.dependsOn).toEqual(['app'])
    expect(resources['front']?.where).toEqual({ file: 'understudy.yaml', line: 13, column: 3 })
  })

  test('what the file is silent about has the documented defaults', async () => {
    const intent = await intentOf('stack: s\nresources: {a: {kind: files.tree, spec: {path: /a}}}')
    expect(intent.policy).toEqual({
      askAt: 40,
      refuseAt: 80,
      guardForMs: 30_000,
      guardEveryMs: 1_000,
      guardFailures: 3,
      onGuard: 'undo',
      keepRevisions: 20,
    })
    expect(intent.resources['a']).toMatchObject({
      dependsOn: [],
      labels: {},
      protect: false,
      onRemove: 'delete',
      movedFrom: null,
      ignoreChanges: [],
      retries: 3,
      timeoutMs: 600_000,
      guard: false,
    })
  })

  test('the same files give the same intent, wherever they lie and however often they are read', async () => {
    const first = await intentOf(shop)
    expect(await intentOf(shop)).toEqual(first)
    const elsewhere = await readIntent(
      { file: '/else/where/understudy.yaml', vars: {}, varFiles: [] },
      memorySources({ files: { '/else/where/understudy.yaml': shop } }),
      shopKinds,
    )
    expect(elsewhere).toEqual({ ok: true, intent: first })
    expect((await intentOf(`${shop}\n# a comment`)).source).not.toBe(first.source)
  })

  test('no, on, 8080 and 1.10 mean what they look like: YAML 1.2', async () => {
    const { labels, resources } = await intentOf(
      'stack: s\nlabels: {country: no, on: "1.10"}\nresources: {a: {kind: process.service, spec: {command: [x], env: {8080: y}}}}',
    )
    expect(labels).toEqual({ country: 'no', on: '1.10' })
    expect(resources['a']?.spec).toEqual({ command: ['x'], env: { 8080: 'y' } })
  })

  test('anchors and << share settings', async () => {
    const { resources } = await intentOf(
      'stack: s\nresources:\n  a: &a {kind: files.tree, protect: true, spec: {path: /a}}\n  b: {<<: *a, spec: {path: /b}}',
    )
    expect(resources['b']).toMatchObject({ kind: 'files.tree', protect: true, spec: { path: '/b' } })
  })

  test('a byte order mark and line ends of Windows make no difference', async () => {
    const { resources } = await intentOf(`\uFEFF${shop.replaceAll('\n', '\r\n')}`)
    expect(Object.keys(resources)).toEqual(['config', 'app', 'front'])
  })
})

describe('variables', () => {
  const text = `
stack: "shop-\${var.env}"
variables: { env: dev, port: 8080, debug: { default: false }, host: { type: string } }
resources:
  front: { kind: proxy.route, protect: "\${var.debug}", spec: { listen: "\${var.port}", to: "http://\${var.host}:\${var.port}/" } }
`
  test('default < layer < file < --var, and whole values keep their type', async () => {
    const files = { 'vars.yaml': 'host: filed\nport: 9000\n', 'more.json': '{\n\t"debug": true\n}' }
    const layered = `${text}layers: { live: { variables: { env: live, port: 7000, host: layered } } }`
    const plain = await intentOf(layered, { env: 'live' })
    expect(plain.stack).toBe('shop-live')
    expect(plain.resources['front']).toMatchObject({ protect: false, spec: { listen: 7000, to: 'http://layered:7000/' } })
    const given = await intentOf(layered, { env: 'live', varFiles: ['vars.yaml', 'more.json'], vars: { port: '1234' } }, { files })
    expect(given.resources['front']).toMatchObject({ protect: true, spec: { listen: 1234, to: 'http://filed:1234/' } })
  })

  test('a missing one, an undeclared one and one of the wrong type are errors that say how to give it', async () => {
    const result = await ask({ files: { [FILE]: text } }, { vars: { prot: '1', port: 'many' } })
    expect(result.ok ? [] : result.faults.map(({ code, detail, hint }) => `${code} | ${detail} | ${hint}`)).toEqual([
      'intent.wrong-value | --var port: a number is wanted, not "many" | Write a number in digits.',
      'intent.unknown-variable | --var "prot" | Did you mean "port"? Variables are declared under `variables:` in the stack file.',
      `intent.missing-variable | ${FILE}:3:63: variable host | Give it with \`--var host=…\` or in a file with \`--var-file\`, or declare a default.`,
    ])
  })

  test('a value is put in as it is: it is not read for references again', async () => {
    const { resources } = await intentOf('stack: s\nvariables: {p: x}\nresources: {a: {kind: files.tree, spec: {path: "/${var.p}"}}}', {
      vars: { p: '${config.slot}' },
    })
    expect(resources['a']?.spec).toEqual({ path: '/${config.slot}' })
  })
})

describe('layers', () => {
  const base = `${shop}layers:\n  staging:\n    resources:\n      front: { spec: { listen: 9090 } }\n      app: null\n`
  test('a layer is merged deeply, lists are replaced, null takes out', async () => {
    const text = `
stack: s
resources:
  a: { kind: process.service, dependsOn: [b], spec: { command: [one, two], env: { A: x, B: y } } }
  b: { kind: files.tree, spec: { path: /b } }
layers:
  live: { resources: { a: { dependsOn: null, spec: { command: [three], env: { B: null, C: z } } }, b: null } }
`
    const { resources } = await intentOf(text, { env: 'live' })
    expect(Object.keys(resources)).toEqual(['a'])
    expect(resources['a']).toMatchObject({ dependsOn: [], spec: { command: ['three'], env: { A: 'x', C: 'z' } } })
  })

  test('what remains is checked: taking out what others refer to is an error in the file that refers', async () => {
    expect(await detailsOf(base, { env: 'staging' })).toEqual([`intent.unknown-resource ${FILE}:15:31: \${app.url}`])
  })

  test('a file beside the stack file is a layer, laid over the one inside it; further layers follow', async () => {
    const files = {
      'shop/understudy.live.yaml': 'resources: { front: { spec: { listen: 7070 } } }',
      'shop/canary.yaml': 'resources: { front: { spec: { timeoutMs: 5 } } }',
    }
    const { resources } = await intentOf(shop, { env: 'live', layers: ['shop/canary.yaml'] }, { files })
    expect(resources['front']?.spec).toMatchObject({ listen: 7070, timeoutMs: 5 })
  })

  test('a layer that is nowhere is an error, with the name that was meant', async () => {
    const result = await ask({ files: { [FILE]: base } }, { env: 'stagign' })
    expect(result.ok ? [] : result.faults.map(({ code, hint }) => `${code} ${hint}`)).toEqual([
      'intent.unknown-layer Did you mean "staging"? It could also be the file shop/understudy.stagign.yaml.',
    ])
  })

  test('a mistake in a layer that is not used is an error too', async () => {
    expect(await detailsOf(`${shop}layers: { live: { resource: {} } }`)).toEqual([
      `intent.unknown-key ${FILE}:16:19: key "resource" in layer live`,
    ])
  })
})

describe('modules', () => {
  const module = (value: unknown, input: Partial<IntentInput> = {}) =>
    ask({ modules: { 'understudy.ts': { default: value } } }, { file: 'understudy.ts', ...input })

  test('a module says the same as YAML', async () => {
    const stack = defineStack({
      stack: 'shop',
      resources: {
        config: { kind: 'files.tree', spec: { path: '/srv/shop', source: './config' } },
        app: {
          kind: 'process.service',
          dependsOn: ['config'],
          spec: { command: ['node', 'app.js'], env: { CONFIG: ref('config', 'slot'), DATA: `file:${ref('config', 'path')}?mode=rw` } },
        },
        front: { kind: 'proxy.route', spec: { listen: 8080, to: ref('app', 'url') } },
      },
    })
    const result = await module(stack)
    if (!result.ok) throw new Error(JSON.stringify(result.faults))
    const same = await intentOf(shop)
    const without = (resources: Intent['resources']) => Object.values(resources).map((wish) => ({ ...wish, where: null }))
    expect(without(result.intent.resources)).toEqual(without(same.resources))
  })

  test('a function gets variables and environment; what it asks for needs no declaration', async () => {
    const stack = defineStack(async ({ vars, env }) =>
      Promise.resolve({
        stack: `shop-${env ?? 'none'}`,
        variables: { port: 1 },
        resources: {
          front: { kind: 'proxy.route', spec: { listen: variable('port'), to: `http://${String(vars['host'])}/${literal('${x}')}` } },
        },
      }),
    )
    const files = { 'understudy.live.yaml': '' }
    const result = await readIntent(
      { file: 'understudy.ts', vars: { host: 'h', port: '81' }, varFiles: [], env: 'live' },
      memorySources({ files, modules: { 'understudy.ts': { default: stack } } }),
      shopKinds,
    )
    expect(result.ok ? result.intent : result.faults).toMatchObject({
      stack: 'shop-live',
      resources: { front: { spec: { listen: 81, to: 'http://h/${x}' } } },
    })
  })

  test('errors name the file and the path of the property', async () => {
    const result = await module({ stack: 's', resources: { a: { kind: 'files.tree', spec: { path: 3 } } } })
    expect(result.ok ? [] : result.faults).toMatchObject([
      {
        code: 'intent.wrong-spec',
        detail: 'understudy.ts: spec/path: Invalid input: expected string, received number',
        data: { file: 'understudy.ts', line: null, snippet: null, pointer: '/resources/a/spec/path' },
      },
    ])
  })

  test('what is no plain value is refused: functions, classes, circles, not-a-number, getters that throw', async () => {
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    const throwing = Object.defineProperty({}, 'x', { enumerable: true, get: () => [].reduce((a) => a) })
    const details = async (spec: unknown) => {
      const result = await module({ stack: 's', resources: { a: { kind: 'files.tree', spec: { path: spec } } } })
      return result.ok ? [] : result.faults.map(({ code, detail }) => `${code} ${detail}`)
    }
    expect(await details(() => 1)).toEqual(['intent.not-json understudy.ts: /resources/a/spec/path is a function'])
    expect(await details(new Date(0))).toEqual(['intent.not-json understudy.ts: /resources/a/spec/path is an object of class "Date"'])
    expect(await details(Number.NaN)).toEqual(['intent.not-json understudy.ts: /resources/a/spec/path is NaN'])
    expect((await details(circle))[0]).toMatch(/is nested deeper than 100 levels/)
    expect((await details(throwing))[0]).toMatch(/^intent\.module-failed .*reading a property failed/)
  })

  test('a module without default export, and a function that throws, are errors and not crashes', async () => {
    const result = await module(() => Promise.reject(new Error('no idea')))
    expect(result.ok ? [] : result.faults.map(({ detail }) => detail)).toEqual(['understudy.ts: its function threw: Error: no idea'])
    const without = await ask({ modules: { 'understudy.ts': {} } }, { file: 'understudy.ts' })
    expect(without.ok ? [] : without.faults.map(({ detail }) => detail)).toEqual(['understudy.ts: it has no default export'])
  })
})

describe('secrets', () => {
  const text = `
stack: s
variables: { token: { secret: true } }
secrets: { db: { env: DB_PASSWORD }, key: { file: keys/api }, unused: { env: NOT_SET } }
resources:
  app:
    kind: process.service
    spec:
      command: [x]
      env: { A: "\${secret.db}", B: "postgres://u:\${secret.db}@\${stack.name}/", C: "\${secret.key}", D: "\${var.token}" }
`
  const world = { files: { [FILE]: text, 'shop/keys/api': 'k3y-value\n' }, environment: { DB_PASSWORD: 'hunter2222' } }

  test('a secret is sealed and named by how it was written; text around it is sealed with it', async () => {
    const sources = memorySources(world)
    const result = await ask(world, { vars: { token: 't0ken-value' } }, sources)
    if (!result.ok) throw new Error(JSON.stringify(result.faults))
    const env: Record<string, { secret: string; mac: `h:${string}` }> = (result.intent.resources['app'] as any).spec.env
    const opened = Object.fromEntries(Object.entries(env).map(([name, { secret: label, mac }]) => [name, [label, sources.sealed.get(mac)]]))
    expect(opened).toEqual({
      A: ['${secret.db}', 'hunter2222'],
      B: ['postgres://u:${secret.db}@${stack.name}/', 'postgres://u:hunter2222@s/'],
      C: [secret('key'), 'k3y-value'],
      D: ['${var.token}', 't0ken-value'],
    })
    for (const value of ['hunter2222', 'k3y-value', 't0ken-value']) expect(JSON.stringify(result.intent)).not.toContain(value)
    const source = sources.sealed.get(result.intent.source) ?? ''
    expect(source).not.toContain('t0ken-value')
  })

  test('L18: no error shows a secret, not even one that stands in the stack file or a file of variables', async () => {
    const wrong = `
stack: s
variables: { token: { secret: true, default: in-the-clear }, other: { secret: true, type: number } }
secrets: { db: { env: DB_PASSWORD } }
labels: { a: "\${secret.db}" }
resources:
  app: { kind: process.service, spec: { command: "\${secret.db}", env: { A: "\${secret.db}\${front.port}" } } }
  front: { kind: proxy.route, spec: { listen: 1, to: "\${secret.db}", nothing: hunter2222 } }
`
    const files = { [FILE]: wrong, v: 'other: s3cret-number\nlost: s3cret-other\nbroken: "' }
    for (const varFiles of [[], ['v']]) {
      const result = await ask({ files, environment: { DB_PASSWORD: 'hunter2222' } }, { varFiles, vars: { other: 'not-a-number' } })
      const shown = JSON.stringify(result)
      expect(result.ok).toBe(false)
      for (const value of ['hunter2222', 'in-the-clear', 's3cret-number', 's3cret-other', 'not-a-number'])
        expect(shown).not.toContain(value)
    }
  })

  test('where a kind takes no secret, where an output is in the same text, outside a spec: refused, each by name', async () => {
    const wrong = `
stack: s
secrets: { db: { env: DB_PASSWORD } }
labels: { a: "\${secret.db}" }
resources:
  app: { kind: process.service, spec: { command: [x], env: { A: "\${secret.db}\${tree.path}" } } }
  tree: { kind: files.tree, spec: { path: "\${secret.db}" } }
`
    expect(await detailsOf(wrong, {}, { environment: { DB_PASSWORD: 'hunter2222' } })).toEqual([
      `intent.secret-place ${FILE}:4:14: \${secret.db}`,
      `intent.secret-place ${FILE}:6:65: "\${secret.db}\${tree.path}"`,
      `intent.secret-place ${FILE}:7:43: spec/path of files.tree`,
    ])
  })

  test('a secret that is not set, empty or not there is an error; one that nobody uses is not looked for', async () => {
    const details = await detailsOf(text, { vars: { token: 'x' } }, { environment: { DB_PASSWORD: '' } })
    expect(details).toEqual([
      `intent.missing-secret ${FILE}:4:12: secret db: "DB_PASSWORD" is empty`,
      `intent.missing-secret ${FILE}:4:38: secret key: file "keys/api" is not there`,
    ])
  })
})
