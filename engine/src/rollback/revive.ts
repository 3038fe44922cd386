// Owns: starting again what is live and has ended, with the machine or by itself: the same instances, where they were.
// Never: makes a revision, turns anything, or touches what somebody else wrote to.
import { equal, faultOf } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { writing } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { Writable } from '../journal/lease.ts'
import { headRevision, loadStack } from '../journal/load-stack.ts'
import type { Held, Revision } from '../model/plan.ts'
import { observe, primaryWorld } from '../plan/observe.ts'

export interface Revived {
  readonly resource: string
  /** Null: it is as the last change left it. */
  readonly fault: FaultData | null
}

/** Names of what is live and has ended, or cannot tell; those first that others refer to. */
export async function endedResources(ports: Ports): Promise<readonly string[]> {
  const head = await headRevision(ports.store, await loadStack(ports.store, ports.stack))
  const ended: string[] = []
  // Why it cannot tell is said when it is to be started again.
  for (const [name, held] of inOrder(head)) if (await hasEnded(ports, head, held).catch(() => true)) ended.push(name)
  return ended
}

/** Starts them again, one after the other; one that does not come up keeps no other from it. */
export async function reviveStack({ ports, epoch }: Writable): Promise<readonly Revived[]> {
  const head = await headRevision(ports.store, await loadStack(ports.store, ports.stack))
  const revived: Revived[] = []
  for (const [resource, held] of inOrder(head)) {
    try {
      if (!(await hasEnded(ports, head, held))) continue
      await startAgain(ports, epoch, head, held)
      ports.emit('recover.revived', { resource })
      revived.push({ resource, fault: null })
    } catch (thrown) {
      const fault = faultOf(thrown, { resource, stage: 'revive' })
      ports.emit('recover.not-revived', { resource }, { code: fault.code, detail: fault.detail })
      revived.push({ resource, fault })
    }
  }
  return revived
}

async function startAgain(ports: Ports, epoch: number, head: Revision | null, { id, kind, part, terms }: Held): Promise<void> {
  const bound = { world: primaryWorld(head), resource: id, during: 'revive', limits: terms, log: collectLog().add }
  await writing(ports, bound, `revive-${id}`, epoch, async (call) =>
    kindFor(ports, kind).mortal?.revive({ world: bound.world.id, id, part }, call),
  )
}

async function hasEnded(ports: Ports, head: Revision | null, held: Held): Promise<boolean> {
  const mortal = ports.kinds.get(held.kind)?.mortal ?? null // of a kind that nobody brings nothing is known
  if (mortal === null) return false
  const seen = await observe(ports, primaryWorld(head), held, held.state, held.terms, collectLog().add)
  return seen !== null && !equal(seen.state, held.state) && mortal.ended(held.state, seen.state)
}

/** Dependencies first. */
function inOrder(head: Revision | null): readonly (readonly [string, Held])[] {
  const order = new Map<string, Held>()
  const visit = (name: string): void => {
    const held = head?.resources[name]
    if (held === undefined || order.has(name)) return
    for (const dependency of held.terms.dependsOn) visit(dependency)
    order.set(name, held)
  }
  for (const name of Object.keys(head?.resources ?? {}).toSorted()) visit(name)
  return [...order]
}
