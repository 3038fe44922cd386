import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { headRevision, kindOf, loadStack, recover } from '@understudy/engine'
import { filesFile } from '@understudy/providers'
import { crashStack, liveDigest, writeSources } from '../crash/stack.ts'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

/** A real kind of files with one thing changed: what the engine must notice or be told. */
const noWayBack = kindOf({
  ...filesFile,
  kind: 'toy.no-way-back',
  async turn(at, memento, to, call) {
    if (to === 'after') return filesFile.turn(at, memento, to, call)
    throw new Fault({ code: 'toy.stuck', class: 'forbidden', summary: 'There is no way back.', detail: '', hint: '' })
  },
})
const irreversible = kindOf({
  ...filesFile,
  kind: 'toy.irreversible',
  prepare: async (...given) => ({ ...(await filesFile.prepare(...given)), reversal: 'none' }),
})
const lossy = kindOf({
  ...filesFile,
  kind: 'toy.lossy',
  prepare: async (...given) => ({ ...(await filesFile.prepare(...given)), losses: ['table audit: 3 rows'] }),
})
const liar = kindOf({ ...filesFile, kind: 'toy.liar', turn: (_at, _memento, to) => Promise.resolve({ side: to, standby: 'fit' }) })

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack({ kinds: [noWayBack, irreversible, lossy, liar] })
  writeSources(stack.dir)
})
afterEach(() => stack.close())

const file = (kind: string, content: string): Wishes => ({ note: { kind, spec: { path: 'live/note', content } } })
const note = (): string | null => (existsSync(join(stack.dir, 'live/note')) ? readFileSync(join(stack.dir, 'live/note'), 'utf8') : null)
const live = (): string => liveDigest(stack.dir)

async function committed(wishes: Wishes, more = {}) {
  const outcome = await applyTo(stack, wishes, more)
  expect(outcome).toMatchObject({ outcome: 'ended', result: { outcome: 'committed' } })
  return outcome
}

function fail(thrown: unknown): never {
  throw thrown instanceof Error ? thrown : new Error(String(thrown))
}

async function facts() {
  const state = await loadStack(stack.store, 'test')
  return { state, head: await headRevision(stack.store, state) }
}

describe('laws of undo', () => {
  test('L1: a change whose undo fails in the shadow is refused, and the primary is not touched', async () => {
    const outcome = await applyTo(stack, file('toy.no-way-back', 'x'))
    expect(outcome).toMatchObject({
      outcome: 'refused',
      by: 'policy',
      rehearsal: { certificate: { grade: 'impossible' }, failed: { during: 'undo' } },
    })
    expect(note()).toBeNull()
    expect((await facts()).state.order).toEqual([])
  })

  test('L1: a missing way back has to be accepted by name', async () => {
    expect(await applyTo(stack, file('toy.irreversible', 'x'))).toMatchObject({ outcome: 'refused' })
    expect(note()).toBeNull()
    await committed(file('toy.irreversible', 'x'), { consent: { irreversible: ['note'], loss: [], yes: true } })
    expect(note()).toBe('x')
  })

  test('L2: undo restores what was observed, not what was last applied', async () => {
    await committed(crashStack('v1'))
    writeFileSync(join(stack.dir, 'live/config/same.txt'), 'edited by hand\n')
    const before = live()
    await committed(crashStack('v2'))
    expect(readFileSync(join(stack.dir, 'live/config/same.txt'), 'utf8')).toBe('the same\n')
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(live()).toBe(before)
  })

  test('L3: undo needs neither stack file nor sources', async () => {
    await committed(crashStack('v1'))
    const before = live()
    await committed(crashStack('v2'))
    rmSync(join(stack.dir, 'src'), { recursive: true })
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
    expect(live()).toBe(before)
  })

  test('L3: a revision whose slots are long gone is rebuilt from the store', async () => {
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    await committed({ ...crashStack('v2'), motd: { kind: 'files.file', spec: { path: 'live/motd', content: 'third\n' } } })
    rmSync(join(stack.dir, 'src'), { recursive: true })
    const result = await rollBackOn(stack, { to: 1 })
    expect(result).toMatchObject({ outcome: 'undone', how: 'compiled', undoing: { verified: true } })
    expect(readdirSync(join(stack.dir, 'live/config/sub'))).toEqual(['only-v1.txt'])
    expect(readFileSync(join(stack.dir, 'live/motd'), 'utf8')).toBe('hello from v1\n')
  })

  test('L4: undo leaves what the spec does not speak of as it was: times, modes', async () => {
    await committed(crashStack('v1'))
    const before = live()
    const outcome = await committed(crashStack('v2'))
    expect(outcome.rehearsal?.certificate).toMatchObject({ grade: 'exact' })
    await rollBackOn(stack)
    expect(live()).toBe(before)
  })

  test('L7: an undo passes no policy gate', async () => {
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    const { state } = await facts()
    expect(state.order.length).toBe(2)
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip' })
  })

  test('L9: undo of nothing is nothing; undo twice is undo once', async () => {
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone' })
    const once = live()
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'nothing' })
    expect(live()).toBe(once)
  })

  test('L9: undo of the first change leaves nothing', async () => {
    await committed(crashStack('v1'))
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', undoing: { verified: true } })
    expect(existsSync(join(stack.dir, 'live/config'))).toBe(false)
    expect(existsSync(join(stack.dir, 'live/motd'))).toBe(false)
  })

  test('L10: a provider that says it turned and did not is found out before anything is called success', async () => {
    const outcome = await applyTo(stack, file('toy.liar', 'x'))
    expect(outcome).toMatchObject({ outcome: 'refused', rehearsal: { failed: { during: 'compare', fault: { code: 'shadow.diverged' } } } })
    expect(note()).toBeNull()
  })

  test('L11: what was undone is refused until its tombstone is lifted', async () => {
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    await rollBackOn(stack)
    const again = await applyTo(stack, crashStack('v2'))
    expect(again).toMatchObject({ outcome: 'refused', by: 'policy' })
    expect(again.assessment?.gates.map(({ name }) => name)).toEqual(['tombstone'])
  })

  test('L12: an undo can be undone', async () => {
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    const v2 = live()
    await rollBackOn(stack)
    expect(await rollBackOn(stack, { to: 2 })).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect(live()).toBe(v2)
    expect(await rollBackOn(stack)).toMatchObject({ outcome: 'undone', how: 'flip' })
    expect((await facts()).state.revisions.map(({ how }) => how)).toEqual(['applied', 'applied', 'undone', 'redone', 'undone'])
  })

  test('L13: an undo that would lose something is named and refused until that is accepted', async () => {
    const outcome = await applyTo(stack, file('toy.lossy', 'x'))
    expect(outcome).toMatchObject({ outcome: 'refused', rehearsal: { certificate: { grade: 'lossy', losses: ['table audit: 3 rows'] } } })
    await committed(file('toy.lossy', 'x'), { consent: { irreversible: [], loss: ['note'], yes: true } })
  })

  test('L16: a rehearsal leaves the primary and its folder as they were', async () => {
    await committed(crashStack('v1'))
    const listing = (): readonly string[] =>
      readdirSync(stack.dir, { recursive: true, encoding: 'utf8' })
        .filter((name) => !/^\.understudy\/(store\.db|rooms\.test\/planning)/.test(name))
        .toSorted()
    const before = [live(), ...listing()]
    const outcome = await applyTo(stack, { ...crashStack('v2'), ...file('toy.no-way-back', 'x') })
    expect(outcome.outcome).toBe('refused')
    expect([live(), ...listing()]).toEqual(before)
    expect(await stack.store.streams('worlds/')).toEqual([])
  })

  test('L17: a write made after the change is never dropped silently by its undo', async () => {
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    const edited = join(stack.dir, 'live/config/changed.txt')
    writeFileSync(edited, 'precious\n')
    const result = await rollBackOn(stack).catch((thrown: unknown) =>
      thrown instanceof Fault ? { outcome: 'fault', ...thrown.fault } : fail(thrown),
    )
    const text = JSON.stringify(result)
    expect(text).toContain('changed.txt')
    expect(readFileSync(edited, 'utf8')).toBe('precious\n')
    expect(await rollBackOn(stack, { resolve: 'ours' })).toMatchObject({ outcome: 'undone' })
    expect(readFileSync(edited, 'utf8')).toBe('of v1\n')
  })

  test('L17: a file added after the change is carried over or named', async () => {
    await committed(crashStack('v1'))
    await committed(crashStack('v2'))
    writeFileSync(join(stack.dir, 'live/config/new.txt'), 'precious\n')
    const result = await rollBackOn(stack).catch((thrown: unknown) =>
      thrown instanceof Fault ? { outcome: 'fault', ...thrown.fault } : fail(thrown),
    )
    const kept = existsSync(join(stack.dir, 'live/config/new.txt'))
    expect(kept || JSON.stringify(result).includes('new.txt')).toBe(true)
  })

  test('L18: a secret is in no byte of the store in the clear, and in no event', async () => {
    const value = 'correct-horse-battery-staple-4711'
    const mac = await stack.store.objects.put(Buffer.from(value))
    const spec: Json = { path: 'live/note', content: { secret: 'db_password', mac } }
    await committed({ note: { kind: 'files.file', spec } })
    expect(note()).toBe(value)
    await stack.store.objects.flush()
    const bytes = readdirSync(join(stack.dir, '.understudy'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    for (const text of [value, Buffer.from(value).toString('base64').slice(0, -4), Buffer.from(value).toString('hex')]) {
      expect(bytes.some((content) => content.includes(text))).toBe(false)
      expect(JSON.stringify(stack.events)).not.toContain(text)
    }
  })

  test('recovery of nothing is nothing', async () => {
    await committed(crashStack('v1'))
    expect(await recover(stack.ports)).toEqual([])
  })
})
