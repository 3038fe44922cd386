// Owns: an intent without a stack file: every term as the stack file's defaults have it, for tests and benchmarks.
// Never: decides what is wanted.
import type { Json } from '@understudy/contract'
import type { Intent, Wish } from '../model/intent.ts'
import type { Store } from '../store/store.ts'

/** What a resource is, and any of its terms that are not the default. */
export type TestWish = { readonly kind: string; readonly spec: Json } & Partial<Wish>
export type Wishes = Readonly<Record<string, TestWish>>

const TIMEOUT_MS = 60_000

export function makeIntent(store: Pick<Store, 'objects'>, stack: string, wishes: Wishes, policy: Partial<Intent['policy']> = {}): Intent {
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
        timeoutMs: TIMEOUT_MS,
        guard: false,
        where: null,
        ...more,
      },
    ]),
  )
  return {
    artefact: 'intent',
    stack,
    resources,
    policy: {
      askAt: 40,
      refuseAt: 80,
      guardForMs: 0,
      guardEveryMs: 250,
      guardFailures: 2,
      onGuard: 'undo',
      keepRevisions: 50,
      ...policy,
    },
    providers: [],
    labels: {},
    source: store.objects.name(Buffer.from(JSON.stringify(wishes))),
  }
}
