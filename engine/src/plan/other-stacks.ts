// Owns: what the other stacks of the store own: by their live revision, and by changes of theirs that are under way.
// Never: writes; lets another stack's provider that is not there or fails stop this one.
import { faultOf } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { CallLog, Limits } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { outputOf } from '../exec/prepare.ts'
import { kindFor } from '../exec/run.ts'
import { artefactOf, headRevision, loadStack } from '../journal/load-stack.ts'
import { fillHoles } from '../model/holes.ts'
import type { Held, Plan, Revision } from '../model/plan.ts'
import { PRIMARY } from '../model/world.ts'
import { checkClaimed } from './claims.ts'
import type { Claimed } from './claims.ts'
import { standInSpec } from './holed.ts'

type Planned = Omit<Held, 'state' | 'out'>

/**
 * Faults when what a plan would turn or begin to look after is owned by another stack. An undo is only held back from what is
 * not its stack's now: what two stacks own already must not keep either of them from going back.
 */
export async function refuseClaimed(
  ports: Ports,
  { goal, steps, resources }: Pick<Plan, 'goal' | 'steps' | 'resources'>,
  base: Revision | null,
  log: CallLog,
): Promise<void> {
  const held = new Set(Object.values(base?.resources ?? {}).map(({ id }) => id))
  const turned = new Set(steps.filter(({ action }) => action !== 'delete').map(({ resource }) => resource))
  const concerned = Object.entries(resources).filter(([name, { id }]) => !held.has(id) || (goal !== 'undo' && turned.has(name)))
  const claims = Object.fromEntries(concerned.map(([name, planned]) => [name, planned.claims ?? []]))
  if (Object.values(claims).some((list) => list.length > 0)) checkClaimed(claims, await ownedElsewhere(ports, log))
}

export async function ownedElsewhere(ports: Ports, log: CallLog): Promise<readonly Claimed[]> {
  const owned: Claimed[] = []
  const streams = await ports.store.streams('')
  for (const stack of streams.filter((name) => !name.includes('/') && name !== ports.stack)) {
    const state = await loadStack(ports.store, stack)
    const head = await headRevision(ports.store, state)
    const holders: Readonly<Record<string, Planned>>[] = head === null ? [] : [head.resources]
    for (const { phase, plan } of Object.values(state.changes)) {
      if (phase !== 'committed' && phase !== 'undone' && phase !== 'partial')
        holders.push((await artefactOf(ports.store, 'plan', plan)).resources)
    }
    for (const resources of holders) {
      for (const [name, planned] of Object.entries(resources)) {
        const claims = planned.claims ?? (await askClaims(ports, planned, head, log))
        owned.push(...claims.map((claim) => ({ owner: `${name} of stack ${stack}`, claim })))
      }
    }
  }
  return owned
}

/** What a resource owns, asked of its provider. Holes that `head` does not know are filled with stand-ins: a home hangs on none. */
export async function askClaims(
  ports: Ports,
  { id, kind: name, part, spec, terms }: Pick<Planned, 'id' | 'kind' | 'part' | 'spec'> & { readonly terms: Limits },
  head: Revision | null,
  log: CallLog,
): Promise<readonly string[]> {
  try {
    const kind = kindFor(ports, name)
    const known = fillHoles(spec, (ref, output) => outputOf(head?.resources[ref]?.out, output))
    const filled = known.open.length === 0 ? known.spec : standInSpec(kind, known.spec)
    if (filled === null) return []
    const world = { id: PRIMARY, parent: null, parts: { [id]: part } }
    const bound = { world, resource: id, during: 'want', limits: terms, log }
    return (await reading(ports, bound, (call) => kind.want({ world: PRIMARY, id, part }, filled, call))).claims
  } catch (thrown) {
    if (faultOf(thrown).class === 'bug') throw thrown
    return []
  }
}
