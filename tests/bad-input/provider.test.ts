import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Behaviour } from './bad-provider.ts'
import { behave, installBadProvider } from './install-bad-provider.ts'
import { openScene } from './scene.ts'
import type { Ran, Scene } from './scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = installed()
  await mended()
})
afterAll(() => scene.close())

function installed(): Scene {
  const made = openScene()
  installBadProvider(made)
  return made
}

function write(to: Scene, text: string, timeout = '10m'): void {
  const spec = `{ path: ${to.path('live/note')}, content: ${text} }`
  const other = `{ path: live/other, content: ${text} }`
  to.stack(
    `stack: t\nproviders: [understudy-bad]\nresources:\n  note: { kind: bad.note, timeout: ${timeout}, spec: ${spec} }\n  other: { kind: files.file, spec: ${other} }\n`,
  )
}

const live = (of = scene): readonly string[] => [readFileSync(of.path('live/note'), 'utf8'), readFileSync(of.path('live/other'), 'utf8')]

function named(ran: Ran, verb: string) {
  const [error] = ran.errors
  expect(error).toMatchObject({ resource: 'note', class: 'bug', code: expect.stringMatching(/^kind\./) })
  const text = JSON.stringify(error)
  expect(text).toContain('bad.note')
  expect(text).toContain(verb)
}

let changes = 0

/** With the provider as it should be, the next change works. */
async function mended(on = scene): Promise<void> {
  changes += 1
  const text = `good-${changes}`
  behave(null, on)
  write(on, text)
  expect(await on.run(['apply'])).toMatchObject({ code: 0, errors: [] })
  expect(live(on)).toEqual([text, text])
}

/** A bug met while planning ends the command with 255; in the rehearsal it is a refusal, 5; before the first turn, 1. */
test.each([
  [255, { verb: 'home', how: 'throw', in: 'both' }],
  [255, { verb: 'want', how: 'garbage', in: 'primary' }],
  [255, { verb: 'read', how: 'throw text', in: 'primary' }],
  [5, { verb: 'fork', how: 'nothing', in: 'shadow' }],
  [5, { verb: 'prepare', how: 'throw', in: 'shadow' }],
  [5, { verb: 'turn', how: 'garbage', in: 'shadow' }],
  [255, { verb: 'close', how: 'throw', in: 'shadow' }],
  [1, { verb: 'prepare', how: 'garbage', in: 'primary' }],
] satisfies [number, Behaviour][])(
  'exit %i for %o: provider, verb and resource are named, nothing was touched',
  async (code, behaviour) => {
    const before = live()
    write(scene, 'bad')
    behave(behaviour, scene)
    const ran = await scene.run(['apply'])
    expect(ran.code).toBe(code)
    named(ran, behaviour.verb)
    expect(live()).toEqual(before)
    const reports = readdirSync(scene.path('tmp')).filter((name) => name.startsWith('understudy-report-'))
    expect(ran.lines.filter(({ type }) => type === 'report')).toEqual(
      reports.map((name) => ({ type: 'report', file: scene.path('tmp', name) })),
    )
    expect(reports).toHaveLength(code === 255 ? 1 : 0)
    for (const name of reports) rmSync(scene.path('tmp', name))
    await mended()
  },
)

test('people are told the same, without a stack trace', async () => {
  write(scene, 'bad')
  behave({ verb: 'prepare', how: 'throw', in: 'primary' }, scene)
  const { code, stdout, stderr } = await scene.run(['apply'], { json: false })
  expect(code).toBe(1)
  expect(stderr).toContain('error kind.threw: Provider bad.note failed')
  expect(stderr).toContain('prepare of bad.note (package understudy-bad): the prepare of this provider is broken')
  expect(stderr).toContain('resource note')
  expect(stdout).toContain('the primary was not touched')
})

test('a turn that always throws and never did anything leaves nothing to hold', async () => {
  const before = live()
  write(scene, 'bad')
  behave({ verb: 'turn', how: 'throw', in: 'primary' }, scene)
  const ran = await scene.run(['apply'])
  expect(ran.code).toBe(1)
  named(ran, 'turn')
  expect(live()).toEqual(before)
  expect((await scene.run(['status'])).code).toBe(0)
  await mended()
})

test('a turn back that always throws is held for a person, who is told how to go on, and nothing is lost', async () => {
  behave({ verb: 'turn', how: 'throw', in: 'primary' }, scene)
  expect((await scene.run(['rollback'])).code).toBe(12)
  expect((await scene.run(['status'])).code).toBe(12)
  expect(await scene.run(['apply'])).toMatchObject({ code: 5, errors: [{ code: 'apply.held', hint: expect.stringContaining('recover') }] })
  behave(null, scene)
  expect((await scene.run(['recover', '--resume'])).code).toBe(0)
  await mended()
})

test('a release that throws does not undo the change; it is said, and tried again', async () => {
  write(scene, 'bad')
  behave({ verb: 'release', how: 'throw', in: 'primary' }, scene)
  const ran = await scene.run(['apply'])
  expect(ran.code).toBe(0)
  expect(ran.lines.filter(({ type }) => type === 'release.failed')).toMatchObject([{ resource: 'note', data: { code: 'kind.threw' } }])
  expect(live()).toEqual(['bad', 'bad'])
  await mended()
})

test('a verb that never settles is given up after its timeout, and named', async () => {
  const one = async (verb: string, code: number): Promise<void> => {
    const own = installed()
    try {
      await mended(own)
      const before = live(own)
      write(own, 'bad', '1s')
      behave({ verb, how: 'hang', in: 'primary' }, own)
      const ran = await own.run(['apply'])
      expect(ran.code).toBe(code)
      const detail = expect.stringContaining(`${verb} was stopped after 1000 ms`)
      expect(ran.errors).toMatchObject([{ code: 'step.timeout', resource: 'note', stage: verb, detail }])
      expect(live(own)).toEqual(before)
      await mended(own)
      await own.sound()
    } finally {
      own.close()
    }
  }
  await Promise.all([one('read', 9), one('prepare', 1)])
})

test('after all of that the store is sound and nothing is left over', () => scene.sound())
