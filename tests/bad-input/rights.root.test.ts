import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openScene, program } from './scene.ts'
import type { Ran, Scene } from './scene.ts'

const NOBODY = 65_534

/** The command line runs as somebody else, who has to be able to read this checkout. */
const readable = spawnSync(program, ['--version'], { uid: NOBODY, gid: NOBODY, cwd: '/', env: { PATH: process.env['PATH'] } }).status === 0

describe.skipIf(!readable)('a directory without rights', () => {
  let scene: Scene
  const as = { user: NOBODY }
  beforeAll(async () => {
    scene = openScene()
    scene.stack('stack: t\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n')
    write('one')
    execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, scene.dir])
    expect((await scene.run(['apply'], as)).code).toBe(0)
    write('two')
  })
  afterAll(async () => {
    expect(await scene.run(['apply'], as)).toMatchObject({ code: 0, errors: [] })
    expect(live()).toBe('two')
    await scene.sound(as)
    scene.close()
  })

  const write = (text: string): void => writeFileSync(scene.path('src/f'), text)
  const live = (): string => readFileSync(scene.path('live/config/f'), 'utf8')

  /** Root's for as long as `use` takes, then as it was. */
  async function roots(name: string, mode: number, use: () => Promise<void>): Promise<void> {
    const path = scene.path(name)
    const was = execFileSync('stat', ['-c', '%a', path], { encoding: 'utf8' }).trim()
    chownSync(path, 0, 0)
    chmodSync(path, mode)
    try {
      await use()
    } finally {
      chownSync(path, NOBODY, NOBODY)
      chmodSync(path, Number.parseInt(was, 8))
    }
  }

  function forbidden({ code, errors }: Ran, which: string): void {
    expect(code).toBe(4)
    expect(errors).toMatchObject([{ class: 'forbidden', hint: expect.stringMatching(/right|owner/) }])
    expect(errors[0]?.detail).toContain(scene.path(which))
    expect(live()).toBe('one')
  }

  test.each([
    ['a source file that may not be read', 'src/f', 0o600, 'src/f'],
    ['a source that may not be entered', 'src', 0o700, 'src'],
    ['a live file that may not be read', 'live/config/f', 0o600, 'live/config/f'],
    ['a directory above the live one that may not be entered', 'live', 0o700, 'live/config'],
    ['a directory above the live one that may not be written', 'live', 0o755, 'live/config'],
    ['a store that may not be entered', '.understudy', 0o700, '.understudy'],
    ['a store that may not be written', '.understudy/store.db', 0o644, '.understudy'],
  ])('%s: exit 4, it is named, and nothing was touched', async (_what, name, mode, named) => {
    await roots(name, mode, async () => forbidden(await scene.run(['apply'], as), named))
  })

  test('above the live one it may not be written: that is found while preparing', async () => {
    await roots('live', 0o755, async () => {
      const ran = await scene.run(['apply'], as)
      forbidden(ran, 'live/config')
      expect(ran.errors).toMatchObject([{ code: 'files.parent-read-only', stage: 'prepare' }])
    })
  })

  test('a stack file that may not be read: exit 3, and it is named', async () => {
    await roots('understudy.yaml', 0o600, async () => {
      const ran = await scene.run(['apply'], as)
      expect(ran).toMatchObject({ code: 3, errors: [{ code: 'intent.unreadable-file' }] })
      expect(ran.errors[0]?.detail).toContain(scene.path('understudy.yaml'))
    })
    expect(live()).toBe('one')
  })

  test('a folder in which no store can be made: exit 4, and none is', async () => {
    const other = openScene()
    try {
      chmodSync(other.dir, 0o755)
      other.stack('stack: t\nresources: {}\n')
      expect(await other.run(['apply'], as)).toMatchObject({ code: 4, errors: [{ code: 'store.forbidden' }] })
      expect(existsSync(other.path('.understudy'))).toBe(false)
      expect(readdirSync(other.path('live'))).toEqual([])
    } finally {
      other.close()
    }
  })
})
