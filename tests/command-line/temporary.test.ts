import { spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askKeeper, loadStack, machineClock, openSqliteStore } from '@understudy/engine'
import type { ChangeState } from '@understudy/engine'
import { openFolder, program } from './folder.ts'
import type { Folder } from './folder.ts'

const stackFile = (content: string): string =>
  `stack: one\nresources:\n  note: { kind: files.file, spec: { path: note, content: ${content} } }\n`

let folder: Folder
beforeEach(async () => {
  folder = openFolder()
  folder.write('understudy.yaml', stackFile('one'))
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  folder.write('understudy.yaml', stackFile('two'))
})
afterEach(() => folder.close())

async function lastChange(): Promise<ChangeState | undefined> {
  const store = await openSqliteStore({ dir: folder.path('.understudy'), clock: machineClock })
  try {
    const { changes, order } = await loadStack(store, 'one')
    return changes[order.at(-1) ?? '']
  } finally {
    await store.close()
  }
}

/** The keeper dies as a machine that goes away takes it along. */
async function killKeeper(): Promise<void> {
  const pid = Number((await askKeeper(folder.path('.understudy'), '/'))?.['pid'])
  expect(pid).toBeGreaterThan(1)
  process.kill(pid, 'SIGKILL')
}

const back = () => expect.poll(() => folder.read('note'), { timeout: 30_000 }).toBe('one')
const over = () => expect.poll(async () => ((await lastChange())?.lastsUntil ?? Infinity) < Date.now(), { timeout: 20_000 }).toBe(true)

test('it says until when it lasts and what happens then, in text and for programs', async () => {
  const applied = await folder.run('apply', '--for', '2h', '-m', 'maintenance')
  expect(applied).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('temporary: for 2h from when it is applied, then it is undone by itself'),
    stdout: expect.stringMatching(/temporary: lasts until 20\S+Z, then it is undone by itself; `understudy confirm` makes it permanent/),
  })
  const { change = '', lastsUntil = 0 } = (await lastChange()) ?? {}
  const until = new Date(lastsUntil ?? 0).toISOString()
  const line = `temporary: lasts until ${until}, then it is undone by itself`
  const ends = { confirmBy: lastsUntil, lastsUntil }
  for (const args of [['status'], ['show', '2'], ['show', change]]) expect((await folder.run(...args)).stdout).toContain(line)
  expect((await folder.run('history')).stdout).toContain(`maintenance; temporary, until ${until}`)
  for (const args of [['status'], ['show', '2'], ['show', change]])
    expect((await folder.run('--json', ...args)).lines.at(-1)).toMatchObject(ends)
  expect((await folder.run('--json', 'history')).lines.at(-1)).toMatchObject({ rows: [ends, { confirmBy: null, lastsUntil: null }] })
})

test('the same is nothing to do, another change is refused, and confirm makes it permanent', async () => {
  expect(await folder.run('apply', '--for', '2h')).toMatchObject({ code: 0 })
  const again = await folder.run('apply', '--for', '4h')
  expect(again.stdout).toMatch(/Nothing to do: everything is as wanted\.\ntemporary: lasts until /)
  folder.write('understudy.yaml', stackFile('three'))
  expect(await folder.run('apply')).toMatchObject({ code: 5, stderr: expect.stringMatching(/apply\.temporary[^]*understudy confirm/) })
  expect(await folder.run('confirm')).toMatchObject({ code: 0, stdout: expect.stringContaining('was temporary and is permanent now') })
  expect((await folder.run('status')).stdout).not.toContain('temporary')
  expect(await folder.run('--json', 'apply', '--until', '2035-12-01T18:00:00+01:00')).toMatchObject({ code: 0 })
  expect((await lastChange())?.lastsUntil).toBe(Date.parse('2035-12-01T17:00:00Z'))
})

test('at its time the keeper undoes it, as planned; the same is applied again', async () => {
  const { lines } = await folder.run('--json', 'apply', '--for', '2s')
  const { lastsUntil } = (await lastChange()) ?? {}
  expect(lines.at(-1)).toMatchObject({ type: 'apply', outcome: 'committed', confirmBy: lastsUntil, lastsUntil })
  await back()
  await expect.poll(async () => (await lastChange())?.phase, { timeout: 20_000 }).toBe('undone')
  expect((await folder.run('history')).stdout).toMatch(/^\* +3 .* undone .* its time was over$/m)
  expect((await folder.run('status')).stdout).not.toContain('temporary')
  expect(await folder.run('tombstone', 'list')).toMatchObject({ stdout: expect.not.stringContaining('c') })
  expect(await folder.run('apply', '--for', '2s')).toMatchObject({ code: 0 })
  await back()
})

test('it goes on when the command line is killed', async () => {
  const child = spawn(program, ['apply', '--for', '3s'], { cwd: folder.dir, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('close', resolve))
  await expect
    .poll(async () => [(await lastChange())?.revision, (await lastChange())?.phase], { timeout: 30_000 })
    .toEqual([2, 'committed'])
  child.kill('SIGKILL')
  await ended
  await back()
})

describe('when the keeper is killed, whoever comes after its time undoes it', () => {
  beforeEach(async () => {
    expect(await folder.run('apply', '--for', '3s')).toMatchObject({ code: 0 })
    await killKeeper()
    expect(folder.read('note')).toBe('two')
    await over()
  })

  test.each([
    ['confirm', 5],
    ['recover', 0],
    ['rollback', 0],
    ['status', 0],
  ] as const)('%s', async (verb, code) => {
    expect(await folder.run(verb)).toMatchObject({ code, stdout: expect.stringContaining('was to last until now and is undone') })
    expect(folder.read('note')).toBe('one')
  })

  test('a verb that only reads starts a keeper, which does', async () => {
    expect(await folder.run('history')).toMatchObject({ code: 0 })
    await back()
  })

  test('apply undoes it, and does what it was asked for on what was there before', async () => {
    folder.write('understudy.yaml', stackFile('three'))
    expect(await folder.run('apply')).toMatchObject({ code: 0 })
    expect(folder.read('note')).toBe('three')
    expect((await folder.run('history')).stdout).toContain('its time was over')
  })
})

test('what somebody wrote to meanwhile is held at its time, and no longer said to last', async () => {
  expect(await folder.run('apply', '--for', '3s')).toMatchObject({ code: 0 })
  const { change = '' } = (await lastChange()) ?? {}
  folder.write('note', 'by hand')
  await expect.poll(async () => (await lastChange())?.phase, { timeout: 30_000 }).toBe('held')
  expect(await folder.run('status')).toMatchObject({
    code: 12,
    stdout: expect.stringContaining('its time was over; its undo needs a person'),
  })
  for (const args of [['status'], ['history'], ['show', '2'], ['show', change]])
    expect((await folder.run(...args)).stdout).not.toMatch(/temporary|lasts/)
  expect(folder.read('note')).toBe('by hand')
  expect(await folder.run('recover', '--abandon')).toMatchObject({ code: 0 })
})

test('an undo that had to be planned says in the history that it was planned, too', async () => {
  expect(await folder.run('apply', '--for', '12s')).toMatchObject({ code: 0 })
  folder.write('note', 'by hand')
  expect(await folder.run('drift', '--revert', '-m', 'put back')).toMatchObject({ code: 0 })
  expect(folder.read('note')).toBe('two')
  await back()
  await expect
    .poll(async () => (await folder.run('history')).stdout, { timeout: 20_000 })
    .toMatch(/^\* +4 .* undone .* its time was over$/m)
  expect((await folder.run('show', '4')).stdout).toContain('its time was over')
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
})

test.each([
  ['no time', ['--for', 'long'], 'cli.bad-time'],
  ['no time at all', ['--for', '0s'], 'cli.bad-time'],
  ['no point in time', ['--until', 'teatime'], 'cli.bad-time'],
  ['one that has passed', ['--until', '2020-01-01T00:00'], 'cli.bad-time'],
  ['both', ['--for', '1h', '--until', '18:00'], 'cli.usage'],
  ['one of them with --confirm-within', ['--for', '1h', '--confirm-within', '1h'], 'cli.usage'],
  ['the other with it', ['--until', '18:00', '--confirm-within', '1h'], 'cli.usage'],
])('%s is a slip, and nothing is touched', async (_what, args, code) => {
  const { code: exit, lines } = await folder.run('--json', 'apply', ...args)
  expect([exit, lines.at(-1)]).toEqual([3, expect.objectContaining({ type: 'error', code, hint: expect.stringMatching(/./) })])
  expect(folder.read('note')).toBe('one')
})
