import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openScene } from './scene.ts'
import type { Scene } from './scene.ts'

const good = 'stack: t\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n'
const MEGABYTES_10 = 10_000_000

let scene: Scene
beforeAll(async () => {
  scene = openScene()
  writeFileSync(scene.path('src/f'), 'one\n')
  mkdirSync(scene.path('elsewhere'))
  symlinkSync('live', scene.path('alias'))
  scene.stack(good)
  expect((await scene.run(['apply'])).code).toBe(0)
})
afterAll(async () => {
  scene.stack(good)
  expect(await scene.run(['apply'])).toMatchObject({ code: 0, errors: [] })
  expect(readdirSync(scene.path('elsewhere')).filter((name) => !name.startsWith('.'))).toEqual([])
  await scene.sound()
  scene.close()
})

async function refused(text: string | Uint8Array, code: string) {
  scene.stack(text)
  const ran = await scene.run(['apply'], { heap: 512 })
  expect(ran.code).toBe(3)
  expect(ran.errors[0]).toMatchObject({ code, class: 'invalid', hint: expect.stringMatching(/./) })
  expect(ran.stdout.length).toBeLessThan(100_000)
  expect(readdirSync(scene.path('live')).filter((name) => !name.startsWith('.'))).toEqual(['config'])
  expect(readFileSync(scene.path('live/config/f'), 'utf8')).toBe('one\n')
  return ran.errors[0]
}

describe('a stack file of 10 MB', () => {
  const signs = Buffer.from('abc{}[]:,-&*!|>\'"%@` \n\t#?')
  const noise = (): string => Buffer.from(randomBytes(MEGABYTES_10).map((byte) => signs[byte % signs.length] ?? 0)).toString('latin1')

  test.each<[string, string, () => string | Uint8Array]>([
    ['random bytes', 'intent.not-utf8', () => Buffer.concat([Buffer.of(0xff), randomBytes(MEGABYTES_10)])],
    ['random signs', 'intent.not-yaml', () => `{${noise()}`],
    ['zeros', 'intent.wrong-type', () => Buffer.alloc(MEGABYTES_10)],
    ['opening brackets', 'intent.too-deep', () => '['.repeat(MEGABYTES_10)],
    ['a quote that never ends', 'intent.not-yaml', () => `${good}  late: { kind: "${'x'.repeat(MEGABYTES_10)}\n`],
    ['more than may be', 'intent.too-big', () => `${good}# ${'x'.repeat(2 * MEGABYTES_10)}\n`],
  ])('%s: %s, in bounded memory, and nothing was touched', async (_what, code, text) => {
    await refused(text(), code)
  })

  test('2,000 resources of 5 kB are read, and the one that was asked for is applied', async () => {
    const resource = (_: unknown, n: number): string =>
      `  f${n}: { kind: files.file, spec: { path: elsewhere/f${n}, content: "${String(n).padStart(5_000, 'x')}" } }\n`
    scene.stack(`${good}${Array.from({ length: 2_000 }, resource).join('')}`)
    expect(await scene.run(['apply', '--only', 'f7'], { heap: 512 })).toMatchObject({ code: 0, errors: [] })
    expect(readFileSync(scene.path('elsewhere/f7'), 'utf8')).toBe('7'.padStart(5_000, 'x'))
    expect(existsSync(scene.path('elsewhere/f8'))).toBe(false)
  })

  test('one text of 10 MB is applied as any other', async () => {
    scene.stack(`${good}  long: { kind: files.file, spec: { path: elsewhere/long, content: "${'x'.repeat(MEGABYTES_10)}" } }\n`)
    expect((await scene.run(['apply'], { heap: 1_024, json: false })).code).toBe(0)
    expect(readFileSync(scene.path('elsewhere/long'), 'utf8')).toBe('x'.repeat(MEGABYTES_10))
  })
})

describe('a name that is there twice', () => {
  const tree = (path: string): string => `{ kind: files.tree, spec: { path: ${path}, source: src } }`
  const resources = (...all: readonly string[]): string => `stack: t\nresources:\n${all.map((one) => `  ${one}\n`).join('')}`
  const config = `config: ${tree('live/config')}`

  test.each([
    ['a resource', 'config', resources(config, `config: ${tree('elsewhere/a')}`)],
    ['a variable', 'x', `${good}variables:\n  x: 1\n  x: 2\n`],
    ['a key of a spec', 'path', resources('config: { kind: files.tree, spec: { path: live/config, path: live/b, source: src } }')],
    ['a section', 'resources', `${good}resources: {}\n`],
  ])('%s: both places are named', async (_what, name, text) => {
    const error = await refused(text, 'intent.duplicate-key')
    expect(error?.detail).toMatch(new RegExp(`understudy.yaml:\\d+:\\d+: key "${name}" is also at .*understudy.yaml:\\d+:\\d+`))
  })

  test.each([
    ['the same path', tree('live/config')],
    ['the same path, written otherwise', tree('elsewhere/../live//config/')],
    ['the same place through a symbolic link', tree('alias/config')],
    ['a file in the tree', '{ kind: files.file, spec: { path: live/config/g, content: x } }'],
    ['a file in the tree, through a symbolic link', '{ kind: files.file, spec: { path: alias/config/g, content: x } }'],
    ['a tree around the tree', tree('live')],
  ])('%s in two resources: both are named', async (_what, other) => {
    const error = await refused(resources(config, `other: ${other}`), 'plan.claimed-twice')
    expect(error?.detail).toMatch(/config claims file:.*other claims file:|other claims file:.*config claims file:/)
  })

  test('one port in two resources: both are named', async () => {
    const service = '{ kind: process.service, spec: { command: [sleep, "9"], port: 40001 } }'
    const route = '{ kind: proxy.route, spec: { listen: 40001, to: "http://127.0.0.1:9" } }'
    const error = await refused(resources(config, `a: ${service}`, `b: ${route}`), 'plan.claimed-twice')
    expect(error?.detail).toBe('understudy.yaml:5:3: a claims tcp:127.0.0.1:40001, b claims tcp:127.0.0.1:40001')
  })
})
