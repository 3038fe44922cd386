import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Json } from '@understudy/contract'
import { askKeeper, keeperSocket, loadStack, machineClock, openSqliteStore } from '@understudy/engine'
import { openFolder } from './folder.ts'
import type { Folder } from './folder.ts'

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('understudy.yaml', 'stack: one\nresources:\n  note: { kind: files.file, spec: { path: note, content: one } }\n')
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  folder.write('understudy.yaml', 'stack: one\nresources:\n  note: { kind: files.file, spec: { path: note, content: two } }\n')
})
afterEach(() => folder.close())

/** The keeper dies as a machine that goes away takes it along. */
async function killKeeper(): Promise<void> {
  const pid = Number((await askKeeper(folder.path('.understudy'), '/'))?.['pid'])
  expect(pid).toBeGreaterThan(1)
  process.kill(pid, 'SIGKILL')
}

test('status says that no keeper ran, and every verb starts it again', async () => {
  expect(await folder.run('apply', '--confirm-within', '10m')).toMatchObject({ code: 0 })
  await killKeeper()
  expect((await folder.run('status')).stdout).toMatch(/waits to be confirmed until .*\nno keeper ran/)
  expect((await folder.run('keeper', 'status')).stdout).toContain('The keeper runs')
  await killKeeper()
  await folder.run('history')
  expect((await folder.run('keeper', 'status')).stdout).toContain('The keeper runs')
  expect(await folder.run('confirm')).toMatchObject({ code: 0, stdout: expect.stringContaining('Confirmed') })
  expect(folder.read('note')).toBe('two')
})

test.each([
  ['confirm', 5],
  ['recover', 0],
  ['rollback', 0],
  ['status', 0],
] as const)('%s after the deadline finds it undone, though the keeper died before', async (verb, code) => {
  expect(await folder.run('apply', '--confirm-within', '3s')).toMatchObject({ code: 0 })
  const until = Date.now() + 3_000
  await killKeeper()
  await expect.poll(() => Date.now() > until, { timeout: 10_000 }).toBe(true)
  expect(await folder.run(verb)).toMatchObject({ code, stdout: expect.stringContaining('was not confirmed in time and is undone') })
  expect(folder.read('note')).toBe('one')
})

test('whoever clears away the socket of the keeper takes nothing from what it keeps', async () => {
  expect(await folder.run('apply', '--confirm-within', '3s')).toMatchObject({ code: 0 })
  const socket = keeperSocket(folder.path('.understudy'))
  rmSync(socket)
  await expect.poll(() => existsSync(socket), { timeout: 10_000 }).toBe(true)
  await expect.poll(() => folder.read('note'), { timeout: 20_000 }).toBe('one')
  expect((await folder.run('keeper', 'status')).stdout).toContain('The keeper runs')
})

/** What a keeper had written of the last change when it died. */
async function written(entry: (change: string) => Json): Promise<void> {
  const store = await openSqliteStore({ dir: folder.path('.understudy'), clock: machineClock })
  const holder = { who: 'test', host: 'test', pid: process.pid, boot: '', start: 0, doing: 'rollback' }
  const { lease } = await store.takeLease('one', holder, 15_000, () => true)
  const { seq, order } = await loadStack(store, 'one')
  await store.append('one', lease.epoch, seq, [entry(order.at(-1) ?? '')])
  await store.freeLease('one', lease.epoch)
  await store.close()
}

test('a keeper that died while it undid is replaced by the next verb, and the undo goes on', async () => {
  expect(await folder.run('apply', '--confirm-within', '10m')).toMatchObject({ code: 0 })
  await killKeeper()
  const by = { who: 'test', host: 'test', through: 'guard' }
  await written((change) => ({ type: 'change.undoing', change, by, why: 'guard' }))
  expect(await folder.run('history')).toMatchObject({ code: 0 })
  await expect.poll(() => folder.read('note'), { timeout: 20_000 }).toBe('one')
})

test('recover without a decision says what is held, and that one is wanted', async () => {
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  expect(await folder.run('recover')).toMatchObject({ code: 0, stdout: 'Nothing to recover.\n' })
  await written((change) => ({ type: 'change.held', change, why: 'guard note: it says 500', faults: [] }))
  expect(await folder.run('recover')).toMatchObject({
    code: 12,
    stdout: expect.stringMatching(/is HELD \(guard note: it says 500\): decide with --resume/),
  })
  expect(await folder.run('recover', '--abandon')).toMatchObject({ code: 0 })
})

describe('where no keeper can start', () => {
  beforeEach(() => mkdirSync(keeperSocket(folder.path('.understudy'))))
  afterEach(() => rmSync(keeperSocket(folder.path('.understudy')), { recursive: true }))

  test('a change that would have to be confirmed is refused before it begins, and the result says so', async () => {
    const { code, lines } = await folder.run('--json', 'apply', '--confirm-within', '10m')
    expect(code).toBe(5)
    expect(lines).toContainEqual(
      expect.objectContaining({ type: 'error', code: 'keeper.no-start', detail: expect.stringContaining('keeper.no-socket') }),
    )
    expect(lines.at(-1)).toMatchObject({ type: 'apply', outcome: 'refused', by: 'unwatched', fault: { code: 'keeper.no-start' } })
    expect(folder.read('note')).toBe('one')
    expect((await folder.run('--json', 'status')).lines.at(-1)).toMatchObject({ revision: { n: 1 }, open: [], confirmBy: null })
  })

  test('so is one with guards; one that nobody has to watch goes on', async () => {
    folder.write(
      'understudy.yaml',
      'stack: one\npolicy: { guards: { for: 60s } }\nresources:\n  note: { kind: files.file, guard: true, spec: { path: note, content: two } }\n',
    )
    expect(await folder.run('apply')).toMatchObject({ code: 5, stderr: expect.stringContaining('keeper.no-start') })
    expect(folder.read('note')).toBe('one')
    folder.write('understudy.yaml', 'stack: one\nresources:\n  note: { kind: files.file, spec: { path: note, content: two } }\n')
    expect(await folder.run('apply')).toMatchObject({ code: 0 })
    expect(folder.read('note')).toBe('two')
  })
})

test('a keeper that dies and cannot start again leaves the outcome of the verb as it is', async () => {
  expect(await folder.run('apply', '--confirm-within', '10m')).toMatchObject({ code: 0 })
  await killKeeper()
  const socket = keeperSocket(folder.path('.understudy'))
  rmSync(socket)
  mkdirSync(socket)
  const { code, lines } = await folder.run('--json', 'history')
  expect([code, lines.map(({ type }) => type)]).toEqual([0, ['version', 'history', 'error']])
  rmSync(socket, { recursive: true })
  expect(await folder.run('confirm')).toMatchObject({ code: 0, stdout: expect.stringContaining('Confirmed') })
})
