import { execFileSync, spawn } from 'node:child_process'
import { appendFileSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { behave, installBadProvider } from './install-bad-provider.ts'
import { openScene } from './scene.ts'
import type { Line, Scene } from './scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = openScene()
  installBadProvider(scene)
  execFileSync('mkfifo', [scene.path('bad/gate')])
  await release('one', 0)
})
afterAll(async () => {
  await scene.sound()
  scene.close()
})

function write(text: string): void {
  for (const name of ['a', 'b']) writeFileSync(scene.path('src', name), `${text} ${name}\n`)
  scene.stack(
    `stack: t\nproviders: [understudy-bad]\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n  note: { kind: bad.note, spec: { path: ${scene.path('live/note')}, content: ${text} } }\n`,
  )
}

async function release(text: string, code: number) {
  write(text)
  const ran = await scene.run(['apply'])
  expect(ran.code).toBe(code)
  return ran
}

const live = (name: string): string => readFileSync(scene.path('live/config', name), 'utf8')

/** The lines that a writer has got into any file of this name, live or kept. */
const kept = (name: string): readonly string[] =>
  globSync([`live/config/${name}`, `live/.config.understudy/*/${name}`], { cwd: scene.dir })
    .flatMap((file) => readFileSync(scene.path(file), 'utf8').split('\n'))
    .filter((line) => line.startsWith('written'))

describe('a tree that changes while it is prepared', () => {
  test('somebody who never stops writing: success or a clean conflict each time, and not one line is lost', async () => {
    const program = `const { appendFileSync } = require('node:fs'); let n = 0
      setInterval(() => { n += 1; appendFileSync('live/config/a', 'written ' + n + '\\n'); if (n === 1) console.log('writing') }, 3)
      process.on('SIGTERM', () => { console.log(n); process.exit() })`
    const writer = spawn(process.execPath, ['-e', program], { cwd: scene.dir, stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    writer.stdout.setEncoding('utf8').on('data', (chunk: string) => void (said += chunk))
    await new Promise((resolve) => writer.stdout.once('data', resolve))
    for (const text of ['two', 'three', 'four']) {
      write(text)
      const ran = await scene.run(['apply'])
      expect([0, 11]).toContain(ran.code)
      if (ran.code === 11) expect(ran.errors).toMatchObject([{ code: 'files.changed-outside', class: 'conflict', resource: 'config' }])
    }
    const ended = new Promise((resolve) => writer.once('close', resolve))
    writer.kill()
    await ended
    const n = Number(said.trim().split('\n').at(-1))
    expect(new Set(kept('a'))).toEqual(new Set(Array.from({ length: n }, (_, index) => `written ${index + 1}`)))
    await release('one', 0)
    expect(live('a')).toBe('one a\n')
  })

  test.each<[string, () => void, string | null]>([
    ['a file is appended to', () => appendFileSync(scene.path('live/config/a'), 'written 1\n'), 'one a\nwritten 1\n'],
    ['a file comes', () => writeFileSync(scene.path('live/config/new'), 'written 1\n'), 'one a\n'],
    ['a file goes', () => rmSync(scene.path('live/config/a')), null],
  ])('%s after it was prepared and before it is turned: conflict, and what was written stands', async (_what, edit, after) => {
    write('two')
    behave({ verb: 'prepare', how: 'wait', in: 'primary' }, scene)
    const onLine = ({ type, resource }: Line): void => {
      if (type !== 'apply.prepared' || resource !== 'config') return
      edit()
      writeFileSync(scene.path('bad/gate'), 'go')
    }
    const ran = await scene.run(['apply'], { onLine })
    expect(ran.code).toBe(11)
    expect(ran.errors).toMatchObject([{ code: 'files.changed-outside', resource: 'config' }])
    expect(globSync('live/config/a', { cwd: scene.dir }).map(() => live('a'))).toEqual(after === null ? [] : [after])
    expect(readFileSync(scene.path('live/note'), 'utf8')).toBe('one')
    behave(null, scene)
    await release('one', 0)
  })

  test('another directory comes to its name before it is turned: conflict, not held; nothing of the change is live', async () => {
    write('two')
    behave({ verb: 'prepare', how: 'wait', in: 'primary' }, scene)
    const onLine = ({ type, resource }: Line): void => {
      if (type !== 'apply.prepared' || resource !== 'config') return
      renameSync(scene.path('live/config'), scene.path('live/aside'))
      mkdirSync(scene.path('live/config'))
      writeFileSync(scene.path('live/config/theirs'), 'theirs')
      writeFileSync(scene.path('bad/gate'), 'go')
    }
    const ran = await scene.run(['apply'], { onLine })
    expect(ran.code).toBe(11)
    expect(ran.errors).toMatchObject([{ class: 'conflict', resource: 'config' }])
    expect(live('theirs')).toBe('theirs')
    expect(readFileSync(scene.path('live/aside/a'), 'utf8')).toBe('one a\n')
    expect(readFileSync(scene.path('live/note'), 'utf8')).toBe('one')
    expect((await scene.run(['status'])).code).toBe(0)
    behave(null, scene)
    rmSync(scene.path('live/aside'), { recursive: true })
    await release('one', 0)
    expect(live('a')).toBe('one a\n')
  })
})
