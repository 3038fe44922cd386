import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonical, faultOf } from '@understudy/contract'
import { acceptDrift, artefactOf, findDrift, headRevision, loadStack, withLease } from '@understudy/engine'
import type { RollbackResult } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

/** `npm run long -- sequences` takes many more. */
const RUNS = Number(process.env['SEQUENCES'] ?? 15)

const NAMES = ['a', 'b', 'tree'] as const
type Name = (typeof NAMES)[number]
type Contents = Partial<Record<Name, string>>

const name = fc.constantFrom(...NAMES)
const contents: fc.Arbitrary<Contents> = fc.record(
  { a: fc.constantFrom('1', '2'), b: fc.constantFrom('1', '2'), tree: fc.constantFrom('1', '2', '3') },
  { requiredKeys: ['b'] },
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ act: fc.constant('apply' as const), wanted: contents }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('undo' as const) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('undo to' as const), back: fc.nat(6) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('undo one' as const), name }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('edit' as const), name }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('accept' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const wishes = (wanted: Contents): Wishes =>
  Object.fromEntries(
    Object.entries(wanted).map(([key, content]) => [
      key,
      key === 'tree'
        ? { kind: 'files.tree', spec: { path: 'live/tree', files: { f: content, [`only-${content}`]: content } } }
        : { kind: 'files.file', spec: { path: `live/${key}`, content } },
    ]),
  )

/** What is there, by name; nothing of Understudy's own. */
function liveIn(dir: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(dir, path), { withFileTypes: true })) {
      const here = `${path}/${entry.name}`
      if (entry.name.endsWith('.understudy')) continue
      if (entry.isDirectory()) walk(here)
      else found[here] = readFileSync(join(dir, here), 'utf8')
    }
  }
  walk('live')
  return found
}

async function facts({ store, ports }: TestStack) {
  const state = await loadStack(store, 'test')
  const head = await headRevision(store, state)
  const drift = head === null ? [] : (await findDrift(ports, head)).filter(({ drifted }) => drifted).map(({ resource }) => resource)
  return { state, head, drift }
}

const statesOf = (resources: Readonly<Record<string, { readonly state: unknown }>>, of: readonly string[] | null): string =>
  canonical(
    JSON.parse(
      JSON.stringify(
        Object.fromEntries(
          Object.entries(resources).flatMap(([key, { state }]) => (of === null || of.includes(key) ? [[key, state]] : [])),
        ),
      ),
    ),
  )

/** Runs a request and, if it undid something, once more: undo twice is undo once (L9). */
async function undoTwice(
  stack: TestStack,
  request: Parameters<typeof rollBackOn>[1],
): Promise<RollbackResult | { readonly outcome: 'fault' }> {
  const before = liveIn(stack.dir)
  const result = await rollBackOn(stack, request).catch((thrown: unknown) => {
    expect(faultOf(thrown).code).toMatch(/^rollback\.(conflict|no-resource|no-revision)$/)
    return { outcome: 'fault' as const }
  })
  if (result.outcome !== 'undone') {
    expect(liveIn(stack.dir)).toEqual(before) // what was not undone was not touched
    return result
  }
  expect(result.undoing.refused).toEqual([])
  const [once, { head }] = [liveIn(stack.dir), await facts(stack)]
  const again = await rollBackOn(stack, request).catch(faultOf)
  if ('outcome' in again && again.outcome === 'undone') expect(again).toMatchObject({ how: 'recorded' })
  expect([liveIn(stack.dir), statesOf((await facts(stack)).head?.resources ?? {}, null)]).toEqual([
    once,
    statesOf(head?.resources ?? {}, null),
  ])
  return result
}

async function take(stack: TestStack, one: Step, edited: boolean): Promise<void> {
  const { state, head, drift } = await facts(stack)
  const pending = drift.length > 0
  switch (one.act) {
    case 'apply': {
      const done = await applyTo(stack, wishes(one.wanted))
      if (done.outcome !== 'ended') {
        expect(['nothing', 'recorded', 'refused']).toContain(done.outcome)
        // What is refused was undone (L11), and is not what stands.
        if (done.outcome === 'refused') expect(state.tombstones[done.plan.content]).toBeDefined()
        return
      }
      expect(state.tombstones[done.plan.content]).toBeUndefined()
      expect(done.result).toMatchObject({ outcome: 'committed' })
      for (const [key, content] of Object.entries(one.wanted))
        expect(readFileSync(join(stack.dir, 'live', key === 'tree' ? 'tree/f' : key), 'utf8')).toBe(content)
      break
    }
    case 'undo': {
      const result = await undoTwice(stack, {})
      // An undo brings what was there before, also a drift that the change went over (L2).
      if (result.outcome === 'undone' && !edited) expect((await facts(stack)).drift).toEqual([])
      break
    }
    case 'undo to': {
      const to = (head?.n ?? 0) - one.back
      const row = state.revisions.find(({ n }) => n === to)
      const result = await undoTwice(stack, { to: Math.max(0, to), resolve: 'ours' })
      if (result.outcome !== 'undone') break
      const wanted = row === undefined ? {} : (await artefactOf(stack.store, 'revision', row.digest)).resources
      const now = await facts(stack)
      // Exactly that revision, and nothing but what was written by hand beside it (L10, L17).
      const clean = Object.keys(wanted).filter((key) => !drift.includes(key))
      expect(statesOf(now.head?.resources ?? {}, clean)).toBe(statesOf(wanted, clean))
      expect(now.drift.filter((key) => !drift.includes(key))).toEqual([])
      break
    }
    case 'undo one':
      if (head?.resources[one.name] !== undefined) await undoTwice(stack, { only: [{ resource: one.name, pointer: null }] })
      break
    case 'edit': {
      const path = join(stack.dir, 'live', one.name === 'tree' ? 'tree/by-hand' : one.name)
      if (existsSync(join(path, '..')) && (one.name === 'tree' || existsSync(path))) writeFileSync(path, 'by hand')
      return
    }
    case 'accept':
      if (head !== null && pending) {
        const rows = await findDrift(stack.ports, head)
        await withLease(stack.ports, 'drift', (writable) => acceptDrift(writable, rows))
        expect((await facts(stack)).drift).toEqual([])
      }
      return
  }
  const now = await facts(stack)
  if (one.act !== 'undo one' && now.head !== null) expect(now.state.tombstones[now.head.content]).toBeUndefined()
}

test(
  'any sequence of changes, undos and edits by hand keeps the laws',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 9 }), async (steps) => {
        const stack = await openTestStack()
        try {
          mkdirSync(join(stack.dir, 'live'))
          await applyTo(stack, wishes({ a: '1', b: '1', tree: '1' }))
          for (const [at, one] of steps.entries())
            await take(
              stack,
              one,
              steps.slice(0, at).some(({ act }) => act === 'edit'),
            )
        } finally {
          await stack.close()
        }
      }),
      { numRuns: RUNS },
    )
  },
  RUNS * 20_000,
)
