// Owns: what the resident process does: asks guards, minds deadlines, undoes by itself, settles what a kill left.
// Never: goes forward; undoes anything but the change that is watched.
import { faultOf } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import { leftMs } from '../journal/deadline.ts'
import { withLease } from '../journal/lease.ts'
import type { Writable } from '../journal/lease.ts'
import { headRevision, loadStack } from '../journal/load-stack.ts'
import type { ChangeState, Watch } from '../model/journal.ts'
import type { Revision } from '../model/plan.ts'
import { PRIMARY } from '../model/world.ts'
import { recover, revive } from '../pipeline.ts'
import { recoverStack } from '../rollback/recover.ts'
import { hold, overdueChange, sayOver, undoWatched, watchedChange } from '../rollback/settle-stack.ts'

/** What one look at the stack led to. */
export interface Kept {
  /** How long until it has to look again, ms; null when nothing is watched. */
  readonly againMs: number | null
  readonly undid: string | null
}

/** What a keeper knows by itself. Lives as long as it does. */
export interface GuardCount {
  /** Failed probes in a row by resource, for the change that is watched now. */
  change: string
  readonly failed: Map<string, number>
  /** What had ended before the keeper came, with the machine perhaps, was started again. What ends later is the guards' matter. */
  revived: boolean
}

export function guardCount(): GuardCount {
  return { change: '', failed: new Map(), revived: false }
}

const IDLE_MS = 1_000 // how late a change made by somebody else may be noticed
const RETRY_MS = 250 // while somebody else holds the stack

/** One look: everything it needs is in the store, so a keeper that died is replaced by the next one. */
export async function keepOnce(ports: Ports, count: GuardCount): Promise<Kept> {
  const state = await loadStack(ports.store, ports.stack)
  const lease = await ports.store.leaseOf(ports.stack)
  const unfinished = state.order.some((id) => ['applying', 'undoing'].includes(state.changes[id]?.phase ?? ''))
  if (unfinished && (lease === null || ports.gone(lease.holder))) {
    await whenFree(() => recover(ports))
    return { againMs: 0, undid: null }
  }
  const watched = watchedChange(state, ports.clock.now())
  const overdue = overdueChange(state, ports)
  if (overdue !== null) return undo(ports, overdue, sayOver(ports, overdue))
  // What ended on this very machine while it is guarded is for the guards: started again it would hide a release that fell over.
  if (guardedHere(ports, watched)) count.revived = true
  if (!count.revived && !unfinished) {
    if ((await whenFree(() => revive(ports))) === null) return { againMs: RETRY_MS, undid: null }
    count.revived = true
  }
  // Its deadline or its guards are what this keeper was started for, and are not there before the change ends.
  if (watched === null) return { againMs: unfinished ? IDLE_MS : null, undid: null }
  const head = await headRevision(ports.store, state)
  if (watched.watch === null || head === null || ports.clock.now() >= watched.watch.until)
    return { againMs: untilDeadline(ports, watched), undid: null }
  const failed = await askGuards(ports, watched.change, watched.watch, head, count)
  if (failed === null) return { againMs: watched.watch.everyMs, undid: null }
  const of = { change: watched.change, resource: failed.resource }
  const why = `guard ${failed.resource}: ${failed.detail}`
  if (watched.watch.on === 'undo') {
    ports.emit('guard.undoing', of, { detail: failed.detail })
    return undo(ports, watched, why)
  }
  const holds = watched.watch.on === 'hold'
  const done = await whenFree(() =>
    withLease(ports, 'guard', (writable) => (holds ? hold(writable, watched, why, []) : unwatch(writable, watched, why))),
  )
  if (done !== null) ports.emit(holds ? 'guard.holding' : 'guard.kept', of, { detail: failed.detail })
  return { againMs: done === null ? RETRY_MS : IDLE_MS, undid: null }
}

function guardedHere({ clock, self }: Ports, watched: ChangeState | null): boolean {
  const watch = watched?.watch ?? null
  return watch !== null && clock.now() < watch.until && watch.boot === self.boot
}

/** Said once; the change stays, its deadline with it. */
async function unwatch(writable: Writable, { change }: ChangeState, why: string): Promise<true> {
  if ((await writable.state()).changes[change]?.phase !== 'committed') return true
  await writable.journal.append([{ type: 'change.unwatched', change, why: `${why}; it stays (policy: keep)` }])
  return true
}

function untilDeadline(ports: Ports, change: ChangeState): number {
  return Math.max(0, Math.min(IDLE_MS, leftMs(ports, change) ?? IDLE_MS))
}

async function askGuards(
  ports: Ports,
  change: string,
  watch: Watch,
  head: Revision,
  count: GuardCount,
): Promise<{ resource: string; detail: string } | null> {
  if (count.change !== change) {
    count.change = change
    count.failed.clear()
  }
  for (const name of watch.resources) {
    const held = head.resources[name]
    const ask = held === undefined ? null : kindFor(ports, held.kind).probe
    if (held === undefined || ask === null) continue
    const world = { id: PRIMARY, parent: null, parts: { [held.id]: held.part } }
    const limits = { retries: 0, timeoutMs: Math.max(watch.everyMs, 1_000) }
    const answer = await reading(ports, { world, resource: held.id, during: 'guard', limits, log: collectLog().add }, (call) =>
      ask({ world: PRIMARY, id: held.id, part: held.part }, call),
    ).catch((thrown: unknown) => ({ fit: false, detail: faultOf(thrown).detail }))
    if (answer.fit) {
      count.failed.delete(name)
      continue
    }
    const failures = (count.failed.get(name) ?? 0) + 1
    count.failed.set(name, failures)
    ports.emit('guard.failed', { change, resource: name }, { detail: answer.detail, failures, of: watch.failures })
    if (failures >= watch.failures) return { resource: name, detail: answer.detail }
  }
  return null
}

async function undo(ports: Ports, change: ChangeState, why: string): Promise<Kept> {
  ports.reserve.free()
  const outcome = await whenFree(() =>
    withLease(ports, 'rollback', async (writable) => {
      await recoverStack(writable)
      return undoWatched(writable, change, why)
    }),
  )
  if (outcome === null) return { againMs: RETRY_MS, undid: null }
  return { againMs: IDLE_MS, undid: outcome === 'undone' ? change.change : null }
}

/** Null when somebody else holds the stack: whoever it is may be undoing already. */
async function whenFree<T>(body: () => Promise<T>): Promise<T | null> {
  try {
    return await body()
  } catch (thrown) {
    if (faultOf(thrown).code === 'lease.held') return null
    throw thrown
  }
}
