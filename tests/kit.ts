// Owns: a stack of its own for a test: temporary folder, real store, real kinds, real effects; an intent made by hand.
// Never: leaves anything behind.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { apply, kindOf, machineClock, openPorts, openSqliteStore, rollback } from '@understudy/engine'
import type { ApplyOptions, ApplyOutcome, ChangeRequest, EngineEvent, Intent, Kind, Ports, RollbackResult, Store } from '@understudy/engine'
import { makeIntent, plainOptions, plainRequest } from '@understudy/engine/testing'
import type { TestWish, Wishes } from '@understudy/engine/testing'
import { filesFile, filesTree, processService, proxyRoute } from '@understudy/providers'

export type { TestWish, Wishes }

export interface TestStack {
  readonly dir: string
  readonly store: Store
  readonly ports: Ports
  readonly events: EngineEvent[]
  close(): Promise<void>
}

/** With `dir` an existing folder is opened again; without, a new one is made, and removed by `close`. */
export async function openTestStack(
  given: { readonly dir?: string; readonly signal?: AbortSignal; readonly kinds?: readonly Kind[] } = {},
): Promise<TestStack> {
  const dir = given.dir ?? mkdtempSync(join(tmpdir(), 'understudy-test-'))
  const store = await openSqliteStore({ dir: join(dir, '.understudy'), clock: machineClock })
  const events: EngineEvent[] = []
  const ports = openPorts({
    stack: 'test',
    dir: join(dir, '.understudy'),
    store,
    kinds: [kindOf(filesTree), kindOf(filesFile), kindOf(processService), kindOf(proxyRoute), ...(given.kinds ?? [])],
    onEvent: (event) => void events.push(event),
    who: 'tester',
    through: 'test',
    signal: given.signal ?? new AbortController().signal,
    parallelism: 4,
  })
  return {
    dir,
    store,
    ports,
    events,
    async close() {
      await store.close()
      if (given.dir === undefined) rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function requestFor(stack: Pick<TestStack, 'ports' | 'dir'>, wishes: Wishes, more: Partial<ChangeRequest> = {}): ChangeRequest {
  return plainRequest(intentOf(stack.ports.store, wishes), stack.dir, more)
}

export function applyTo(
  stack: Pick<TestStack, 'ports' | 'dir'>,
  wishes: Wishes,
  more: Partial<ChangeRequest> = {},
  options: Partial<ApplyOptions> = {},
): Promise<ApplyOutcome> {
  return apply(stack.ports, requestFor(stack, wishes, more), { ...plainOptions, ask: () => Promise.resolve(false), ...options })
}

export function rollBackOn(stack: Pick<TestStack, 'ports'>, more: Partial<Parameters<typeof rollback>[1]> = {}): Promise<RollbackResult> {
  return rollback(stack.ports, {
    to: null,
    only: [],
    withClosure: false,
    resolve: null,
    acceptLoss: [],
    acceptIrreversible: [],
    message: '',
    why: 'test',
    ...more,
  })
}

export function intentOf(store: Store, wishes: Wishes): Intent {
  return makeIntent(store, 'test', wishes)
}
