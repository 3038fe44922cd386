// Owns: which revisions of a stack can be gone back to, by what is kept and what stands.
// Never: counts as lost what stands live, or beside it for a change that holds it: that is kept when it is let go of.
import type { Digest } from '@understudy/contract'
import type { StackState } from '../model/journal.ts'
import { holdingChanges, turnedLast } from './fold.ts'
import { badIn } from './reach.ts'
import type { Bad, Reach } from './reach.ts'
import type { Blame, Told } from './told.ts'

export interface StackReport {
  readonly stack: string
  /** What no revision can be gone back to without; empty: nothing of it is amiss. */
  readonly blocked: readonly string[]
  /** Revisions that can be gone back to from what is kept and what stands; in order. */
  readonly whole: readonly number[]
  readonly lost: readonly { readonly n: number; readonly resources: readonly string[] }[]
  /** Objects below live states, and states of changes that hold them, that are not kept: they stand there, or should. */
  readonly standing: number
}

/** `state` null: the log cannot be read to its end. */
export async function judgeStack(
  { stack, states, revisions, released }: Told,
  state: StackState | null,
  reach: Reach,
  blame: Blame,
): Promise<StackReport> {
  const head = revisions.at(-1)?.n ?? null
  const standing = new Set<Digest>()
  for (const { digests, n, change } of states) {
    if (n === null ? released.has(change) : n !== head) continue
    for (const { digest } of await badIn(digests, reach)) standing.add(digest)
  }
  const lost = new Map<number, Set<string>>()
  const lose = (n: number, resource: string, found: readonly Bad[]): void => {
    if (found.every(({ digest }) => standing.has(digest))) return
    lost.set(n, (lost.get(n) ?? new Set()).add(resource))
  }
  for (const { digests, n, by, resource } of states) {
    const found = await badIn(digests, reach)
    blame(
      found.filter(({ digest, why }) => why === 'damaged' || !standing.has(digest)),
      by,
    )
    if (n !== null) lose(n, resource, found)
  }
  for (const { n, needs } of revisions) for (const [resource, found] of needs) lose(n, resource, found)
  const numbers = revisions.map(({ n }) => n)
  const blocked = state === null ? ['a log that can be read to its end'] : await missingOf(state, reach)
  return {
    stack,
    blocked,
    whole: blocked.length > 0 ? [] : numbers.filter((n) => !lost.has(n)),
    lost: [...lost].map(([n, resources]) => ({ n, resources: [...resources].toSorted() })),
    standing: standing.size,
  }
}

/** Every undo reads what is live, and lets go of what changes still hold: each by its plan. */
async function missingOf(state: StackState, reach: Reach): Promise<readonly string[]> {
  const live = state.revisions.at(-1)
  const needs: (readonly [string, Digest])[] = live === undefined ? [] : [[`revision ${live.n}, which is live`, live.digest]]
  for (const id of new Set([...holdingChanges(state), turnedLast(state)?.change ?? ''])) {
    const change = state.changes[id]
    if (change !== undefined && !change.released) needs.push([`the plan of change ${id}, which still holds what it replaced`, change.plan])
  }
  const missing = await Promise.all(needs.map(async ([what, digest]) => ((await reach.self(digest)).length > 0 ? [what] : [])))
  return missing.flat()
}
