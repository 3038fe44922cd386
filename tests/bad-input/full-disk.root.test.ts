import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openScene } from './scene.ts'
import type { Ran, Scene } from './scene.ts'

// Two small disks: one for what is live, one for the stack file and its store.
let outer: Scene
let scene: Scene
let live = ''
let store = ''
beforeAll(async () => {
  outer = openScene()
  live = disk('live-disk', '2m')
  store = disk('store-disk', '6m')
  scene = openScene({ in: store })
  scene.stack(`stack: t\nresources:\n  config: { kind: files.tree, spec: { path: ${live}/config, source: src } }\n`)
  expect((await release(1_000)).code).toBe(0)
})
afterAll(async () => {
  await scene.sound()
  for (const mounted of [live, store]) execFileSync('umount', [mounted])
  outer.close()
})

function disk(name: string, size: string): string {
  const folder = outer.path(name)
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder])
  return folder
}

const ballast = (on: string): string => join(on, 'ballast')

/** Until so many bytes are left. */
function fill(on: string, left: number): void {
  const { bavail, bsize } = statfsSync(on)
  try {
    writeFileSync(ballast(on), Buffer.alloc(Math.max(0, bavail * bsize - left)))
  } catch (thrown) {
    if (!(thrown instanceof Error) || !thrown.message.includes('ENOSPC')) throw thrown // somebody wrote meanwhile: it is as full as can be
  }
}

async function release(bytes: number, at: string | null = null): Promise<Ran> {
  writeFileSync(scene.path('src/f'), 'x'.repeat(bytes))
  return scene.run(['apply'], { onLine: ({ type }) => (type === at ? fill(store, 0) : undefined) })
}

const size = (): number => readFileSync(join(live, 'config/f')).length

function saysFull({ code, errors }: Ran): void {
  expect(code).toBe(1)
  expect(errors).toMatchObject([{ code: 'fs.no-space', class: 'transient', hint: expect.stringContaining('Make room') }])
}

test('where the live things are, while preparing: nothing shows, half a slot is removed, and with room it works', async () => {
  fill(live, 300_000)
  saysFull(await release(400_000))
  expect(size()).toBe(1_000)
  expect(readdirSync(join(live, '.config.understudy')).filter((name) => name.startsWith('n-'))).toEqual([])
  rmSync(ballast(live))
  expect((await scene.run(['apply'])).code).toBe(0)
  expect(size()).toBe(400_000)
})

test.each([0, 65_536])('where the store is, with %i bytes left: it is said, and nothing was touched', async (left) => {
  const before = size()
  fill(store, left)
  saysFull(await scene.run(['apply', '--replace', 'config']))
  expect(size()).toBe(before)
  rmSync(ballast(store))
  expect((await scene.run(['recover'])).code).toBe(0)
})

test.each(['plan.made', 'apply.prepared', 'apply.turned'])(
  'where the store is, from %s on: the old revision or the new one, whole, and with room it works',
  async (moment) => {
    const before = size()
    const ran = await release(before + 1, moment)
    expect([0, 1, 5, 10]).toContain(ran.code)
    if (ran.code !== 0) expect(ran).toMatchObject({ errors: [{ code: 'fs.no-space', hint: expect.stringContaining('Make room') }] })
    // The change may have been quicker than the disk was full.
    const stands = size()
    expect(ran.code === 0 ? [before + 1] : [before, before + 1]).toContain(stands)
    rmSync(ballast(store), { force: true })
    expect((await scene.run(['recover'])).code).toBe(0)
    expect(size()).toBe(stands)
    await release(before + 2)
    expect(size()).toBe(before + 2)
  },
)

test('where the store is, filled to the last byte: what was applied still goes back, and forward again with room', async () => {
  await release(1_234)
  await release(2_345)
  fill(store, 0)
  const { code, errors, lines } = await scene.run(['rollback'])
  expect({ code, errors }).toEqual({ code: 0, errors: [] })
  expect(size()).toBe(1_234)
  rmSync(ballast(store))
  const n = Number(Object(lines.find(({ type }) => type === 'rollback'))['n'])
  expect(await scene.run(['rollback', '--to', String(n - 1)])).toMatchObject({ code: 0 })
  expect(size()).toBe(2_345)
})
