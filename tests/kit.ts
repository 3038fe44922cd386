// Owns: a stack of its own for a test: temporary folder, real store, real kinds, real effects; an intent made by hand.
// Never: leaves anything behind.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from '@understudy/contract'
import { apply, kindOf, machineClock, openPorts, openSqliteStore, rollback } from '@understudy/engine'
import type {
  ApplyOptions,
  ApplyOutcome,
  ChangeRequest,
  EngineEvent,
  Intent,
  Kind,
  Ports,
  RollbackResult,
  Store,
  Wish,
} from '@understudy/engine'
import { filesFile, filesTree, processService, proxyRoute } from '@understudy/providers'

export type TestWish = { readonly kind: string; readonly spec: Json } & Partial<Wish>
export type Wishes = Readonly<Record<string, TestWish>>

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
  return {
    intent: intentOf(stack.ports.store, wishes),
    base: stack.dir,
    only: [],
    replace: [],
    consent: { irreversible: [], loss: [], yes: true },
    destroy: false,
    ...more,
  }
}

export function applyTo(
  stack: Pick<TestStack, 'ports' | 'dir'>,
  wishes: Wishes,
  more: Partial<ChangeRequest> = {},
  options: Partial<ApplyOptions> = {},
): Promise<ApplyOutcome> {
  return apply(stack.ports, requestFor(stack, wishes, more), {
    message: '',
    confirmWithinMs: null,
    planned: null,
    always: false,
    foreseen: () => undefined,
    ask: () => Promise.resolve(false),
    ...options,
  })
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
  const resources = Object.fromEntries(
    Object.entries(wishes).map(([name, { kind, spec, ...more }]): [string, Wish] => [
      name,
      {
        kind,
        spec,
        dependsOn: [],
        labels: {},
        protect: false,
        onRemove: 'delete',
        movedFrom: null,
        ignoreChanges: [],
        retries: 1,
        timeoutMs: 60_000,
        guard: false,
        where: null,
        ...more,
      },
    ]),
  )
  return {
    artefact: 'intent',
    stack: 'test',
    resources,
    policy: { askAt: 40, refuseAt: 80, guardForMs: 0, guardEveryMs: 250, guardFailures: 2, onGuard: 'undo', keepRevisions: 50 },
    providers: [],
    labels: {},
    source: store.objects.name(Buffer.from(JSON.stringify(wishes))),
  }
}
