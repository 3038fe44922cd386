// Owns: revisions that are not made by a change: what is live is taken over as it is (import, forget, accepted drift).
// Never: writes to anything but the log.
import { canonical, Fault } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { Writable } from '../journal/lease.ts'
import { headRevision, keepArtefact } from '../journal/load-stack.ts'
import type { ChangeRow } from '../model/drift.ts'
import type { Back } from '../model/journal.ts'
import type { Held, Revision } from '../model/plan.ts'
import { jsonOf } from '../model/json-of.ts'
import { PRIMARY } from '../model/world.ts'
import { checkClaimed } from '../plan/claims.ts'
import { componentsOf } from '../plan/compare-revisions.ts'
import type { Desired } from '../plan/desired.ts'
import { judgeSpec } from '../plan/holed.ts'
import { observe, primaryWorld } from '../plan/observe.ts'
import { askClaims, ownedElsewhere } from '../plan/other-stacks.ts'

/** The next revision holds these resources. `recorded`: nothing live differs for it. `back`: for an undo. Gives its number. */
export async function adoptRevision(
  writable: Writable,
  head: Revision | null,
  resources: Revision['resources'],
  what: string,
  recorded: boolean,
  message: string,
  back?: Back,
): Promise<number> {
  const { ports, journal } = writable
  const n = (head?.n ?? 0) + 1
  const wanted = Object.fromEntries(Object.entries(resources).map(([name, { kind, spec }]) => [name, { kind, spec }]))
  const revision = await keepArtefact(ports.store, {
    artefact: 'revision',
    stack: ports.stack,
    n,
    change: '',
    parent: head === null ? null : await keepArtefact(ports.store, head),
    content: ports.store.objects.name(Buffer.from(canonical(jsonOf(wanted)))),
    resources,
  })
  await journal.append([
    { type: 'resource.adopted', revision, n, by: ports.by, what, recorded, message, ...(back === undefined ? {} : { back }) },
  ])
  return n
}

/** Takes over drifted resources as they are. Null when there is no drift. */
export async function acceptDrift(writable: Writable, drift: readonly ChangeRow[], message = ''): Promise<number | null> {
  const head = await headRevision(writable.ports.store, await writable.state())
  const changed = drift.filter(({ drifted }) => drifted)
  if (head === null || changed.length === 0) return null
  const resources: Record<string, Held> = { ...head.resources }
  for (const { resource, live, pointers } of changed) {
    const held = resources[resource]
    if (held === undefined) continue
    if (live !== null) await keepLive(writable.ports, held, pointers)
    if (live === null) delete resources[resource]
    else resources[resource] = { ...held, state: live.state, out: live.out }
  }
  return adoptRevision(writable, head, resources, `accepted drift of ${changed.map(({ resource }) => resource).join(', ')}`, false, message)
}

/** Takes over something that exists, under the name and spec of the stack file. */
export async function importResource(writable: Writable, name: string, want: Desired, message = ''): Promise<number> {
  const { ports } = writable
  const head = await headRevision(ports.store, await writable.state())
  if (head?.resources[name] !== undefined)
    throw importFault('import.known', `${name} is looked after already`, '`understudy status` lists what is.')
  const kind = kindFor(ports, want.kind)
  const { home } = judgeSpec(kind, name, want.spec)
  const live = await observe(ports, primaryWorld(head), { id: name, kind: want.kind, part: home }, null, want.terms, collectLog().add)
  if (live === null)
    throw importFault('import.absent', `${name}: there is nothing at ${JSON.stringify(home)}`, 'Let `understudy apply` create it.')
  const log = collectLog().add
  const claims = await askClaims(ports, { id: name, kind: want.kind, part: home, spec: want.spec, terms: want.terms }, head, log)
  checkClaimed({ [name]: claims }, await ownedElsewhere(ports, log))
  const held: Held = {
    id: name,
    kind: want.kind,
    version: kind.version,
    asked: want.asked,
    spec: want.spec,
    terms: want.terms,
    part: home,
    claims,
    state: live.state,
    out: live.out,
  }
  await keepLive(ports, held, await componentsOf(ports, { resources: { [name]: held } }, name))
  return adoptRevision(writable, head, { ...head?.resources, [name]: held }, `imported ${name}`, true, message)
}

/** Reading names content and keeps none of it: what is taken over must be there to be gone back to. */
async function keepLive(ports: Ports, held: Pick<Held, 'id' | 'kind' | 'part' | 'terms'>, pointers: readonly string[]): Promise<void> {
  const { liveBytes } = kindFor(ports, held.kind)
  if (liveBytes === null) return
  const { id, part, terms } = held
  const world = { id: PRIMARY, parent: null, parts: { [id]: part } }
  await reading(ports, { world, resource: id, during: 'keep', limits: terms, log: collectLog().add }, async (call) => {
    for (const pointer of pointers) {
      const bytes = await liveBytes({ world: PRIMARY, id, part }, pointer, call)
      if (bytes !== null) await call.put(bytes)
    }
  })
}

/** No longer looks after a resource. It stays as it is. */
export async function forgetResource(writable: Writable, name: string, message = ''): Promise<number> {
  const head = await headRevision(writable.ports.store, await writable.state())
  if (head?.resources[name] === undefined)
    throw importFault('plan.no-resource', `${JSON.stringify(name)} is not looked after`, '`understudy status` lists what is.')
  const users = Object.entries(head.resources).filter(([other, { terms }]) => other !== name && terms.dependsOn.includes(name))
  if (users.length > 0)
    throw importFault('forget.used', `${users.map(([user]) => user).join(', ')} refer to ${name}`, 'Forget or change them first.')
  const { [name]: _forgotten, ...others } = head.resources
  return adoptRevision(writable, head, others, `forgot ${name}`, true, message)
}

function importFault(code: string, detail: string, hint: string): Fault {
  return new Fault({ code, class: 'invalid', summary: 'It cannot be taken over or left.', detail, hint })
}
