// Owns: a stack of its own for a test: temporary folder, real store, real kinds, real effects; an intent made by hand.
// Never: leaves anything behind: `close` fails when it would.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Json } from '@understudy/contract'
import { apply, kindOf, machineClock, openPorts, openSqliteStore, rollback } from '@understudy/engine'
import type { ApplyOutcome, ChangeRequest, EngineEvent, Intent, Ports, RollbackResult, Store, Wish } from '@understudy/engine'
import { filesTree } from '@understudy/providers'

export interface TestStack {
  readonly dir: string
  readonly store: Store
  readonly ports: Ports
  readonly events: EngineEvent[]
  apply(resources: Readonly<Record<string, TestWish>>, more?: Partial<ChangeRequest>): Promise<ApplyOutcome>
  rollback(more?: Partial<Parameters<typeof rollback>[1]>): Promise<RollbackResult>
  close(): Promise<void>
}

export type TestWish = { readonly kind: string; readonly spec: Json } & Partial<Wish>

export async function openTestStack(kinds = [kindOf(filesTree)]): Promise<TestStack> {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-test-'))
  const store = await openSqliteStore({ dir: join(dir, '.understudy'), clock: machineClock })
  const events: EngineEvent[] = []
  const ports = openPorts({
    stack: 'test',
    dir: join(dir, '.understudy'),
    store,
    kinds,
    onEvent: (event) => void events.push(event),
    who: 'tester',
    through: 'test',
    signal: new AbortController().signal,
    parallelism: 4,
  })
  return {
    dir,
    store,
    ports,
    events,
    apply: (resources, more = {}) =>
      apply(
        ports,
        {
          intent: intentOf(store, resources),
          base: dir,
          only: [],
          replace: [],
          consent: { irreversible: [], loss: [], yes: true },
          destroy: false,
          ...more,
        },
        { message: '', confirmWithinMs: null, planned: null, always: false, foreseen: () => undefined, ask: () => Promise.resolve(false) },
      ),
    rollback: (more = {}) =>
      rollback(ports, { to: null, only: [], withClosure: false, resolve: null, acceptLoss: [], message: '', why: 'test', ...more }),
    async close() {
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export function intentOf(store: Store, resources: Readonly<Record<string, TestWish>>): Intent {
  const wishes = Object.fromEntries(
    Object.entries(resources).map(([name, { kind, spec, ...more }]): [string, Wish] => [
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
    resources: wishes,
    policy: { askAt: 40, refuseAt: 80, guardForMs: 0, guardEveryMs: 250, guardFailures: 2, onGuard: 'undo', keepRevisions: 50 },
    providers: [],
    labels: {},
    source: store.objects.name(Buffer.from(JSON.stringify(resources))),
  }
}
