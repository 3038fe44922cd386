// Owns: making a shadow world of what a plan touches, in dependency order, and removing it again.
// Never: forks before it is journalled; leaves a world behind that recovery could not find.
import { equal, Fault, faultOf, isObject } from '@understudy/contract'
import type { FaultData, Fidelity, Hands, Json } from '@understudy/contract'
import { reading, writing } from '../exec/attempt.ts'
import type { CallLog, Limits } from '../exec/attempt.ts'
import type { Kind } from '../exec/kind.ts'
import type { Ports } from '../exec/ports.ts'
import { outputOf } from '../exec/prepare.ts'
import { kindFor } from '../exec/run.ts'
import { createRecorder } from '../fx/recorder.ts'
import { writeJournal } from '../journal/write-journal.ts'
import { fillHoles, holesOf } from '../model/holes.ts'
import { jsonOf } from '../model/json-of.ts'
import type { JournalEntry } from '../model/journal.ts'
import type { Live, Plan, Step, Terms } from '../model/plan.ts'
import type { World } from '../model/world.ts'
import { PRIMARY } from '../model/world.ts'
import { observe } from '../plan/observe.ts'

export interface Shadow {
  readonly world: World
  readonly parts: Map<string, Json>
  readonly outs: Map<string, Json>
  /** By id. */
  readonly fidelity: Map<string, { readonly fidelity: Fidelity; readonly because: string }>
  /** Of the primary, by id: what does not answer there, and what its probe said. */
  readonly unfit: ReadonlyMap<string, string>
  readonly append: (entries: readonly JournalEntry[]) => Promise<void>
  readonly makePlace: (step: Step, spec: Json) => Promise<void>
  readonly close: () => Promise<void>
}

const CLOSE_LIMITS = { retries: 2, timeoutMs: 60_000 } // ends instances gracefully; longer than any grace period

/** The stream of a world. It stands beside the stacks' own, so that a what-if needs no lease. */
export function worldStream(stack: string, world: string): string {
  return `worlds/${stack}/${world}`
}

export async function openShadow(ports: Ports, plan: Plan, log: CallLog): Promise<Shadow> {
  const id = ports.newId('w')
  const world: World = { id, parent: PRIMARY, parts: {} }
  const parts = new Map<string, Json>()
  const outs = new Map<string, Json>()
  const fidelity: Shadow['fidelity'] = new Map()
  const unfit = new Map<string, string>()
  const kinds = new Map<string, string>()
  const { append } = writeJournal(ports.store, worldStream(plan.stack, id), 0, 0)
  const subjects = subjectsOf(plan)
  for (const { id: resource, kind } of subjects) kinds.set(resource, kind)
  for (const step of plan.steps) kinds.set(step.id, step.kind)
  ports.emit('shadow.opening', {}, { world: id, resources: kinds.size })
  await append([{ type: 'world.opened', world: id, kinds: Object.fromEntries(kinds), holder: jsonOf(ports.self) }])

  const fork = async (
    resource: string,
    name: string,
    kindName: string,
    from: Json,
    live: Json | null,
    spec: Json,
    terms: Terms,
  ): Promise<void> => {
    const kind = kindFor(ports, kindName)
    const bound = { world, resource, during: 'fork', limits: terms, log }
    const sick = live === null ? undefined : await whyUnfit(ports, resource, kind, from, terms, log)
    if (sick !== undefined) unfit.set(resource, sick)
    const forked = await writing(ports, bound, forkKey(id, resource), 0, (call) =>
      kind.fork({ world: PRIMARY, id: resource, part: from }, { world: id, id: resource, part: null }, live, spec, call, sick),
    )
    await append([{ type: 'world.forked', world: id, id: resource, part: forked.part }])
    parts.set(resource, forked.part)
    const because = [forked.because, ...(sick === undefined ? [] : [`what is live does not answer (${sick})`])]
      .filter((text) => text !== '')
      .join('; ')
    fidelity.set(resource, { fidelity: forked.fidelity, because })
    if (forked.out !== null) outs.set(name, forked.out)
    ports.emit('shadow.forked', { resource: name }, { fidelity: forked.fidelity, because })
  }

  const primaryOuts = new Map(subjects.map(({ name, out }) => [name, out] as const))
  const close = (): Promise<void> => closeWorld(ports, plan.stack, world, kinds, parts, log)
  try {
    for (const subject of subjects) {
      const { spec, open } = fillHoles(subject.spec, (name, output) => outputOf(outs.get(name), output))
      // What changes gets its place when what it refers to is prepared; what only goes needs nothing of it.
      const goes = plan.steps.some((step) => step.id === subject.id && step.action === 'delete')
      if (open.length > 0 && !goes) continue
      await fork(subject.id, subject.name, subject.kind, subject.part, subject.state, spec, subject.terms)
      const out = await settleCopy(ports, { world, part: parts.get(subject.id) ?? null }, subject, spec, primaryOuts, log)
      if (out !== null) outs.set(subject.name, out)
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
  return {
    world,
    parts,
    outs,
    fidelity,
    unfit,
    append,
    makePlace: (step, spec) => fork(step.id, step.resource, step.kind, step.part, plan.live[step.id]?.state ?? null, spec, step.terms),
    close,
  }
}

/**
 * What refers to others says in its content where they are, and a copy of it still names those of the primary: a shadow
 * service would read that and write there. So the copy is brought to what its spec asks for in this world. Its outputs if
 * they are others now. What stands in the primary for another reason than its spec (a drift that was accepted) stays as it is.
 */
async function settleCopy(
  ports: Ports,
  copy: { readonly world: World; readonly part: Json },
  { id, kind: kindName, part, state, spec: withHoles, terms }: Subject,
  spec: Json,
  primaryOuts: ReadonlyMap<string, Json | null>,
  log: CallLog,
): Promise<Json | null> {
  const kind = kindFor(ports, kindName)
  if (holesOf(withHoles).length === 0 || kind.source?.once === true) return null
  const original = fillHoles(withHoles, (name, output) => outputOf(primaryOuts.get(name) ?? undefined, output))
  if (original.open.length > 0) return null
  const want = async (world: World, at: Json, asked: Json): Promise<Json> => {
    const bound = { world, resource: id, during: 'want', limits: terms, log }
    return (await reading(ports, bound, (call) => kind.want({ world: world.id, id, part: at }, asked, call))).state
  }
  const primary: World = { id: PRIMARY, parent: null, parts: { [id]: part } }
  if (!equal(await want(primary, part, original.spec), state)) return null
  const wanted = await want(copy.world, copy.part, spec)
  const seen = await observe(ports, copy.world, { id, kind: kindName, part: copy.part }, null, terms, log)
  if (seen === null || equal(seen.state, wanted)) return null
  const at = { world: copy.world.id, id, part: copy.part }
  const bound = { world: copy.world, resource: id, during: 'fork', limits: terms, log }
  const write = <T>(work: (call: Hands) => Promise<T>): Promise<T> =>
    writing(ports, bound, `${forkKey(copy.world.id, id)}-settled`, 0, work)
  const { memento, out } = await write((call) => kind.prepare(at, seen.state, wanted, call))
  await write((call) => kind.turn(at, memento, 'after', call))
  await write((call) => kind.release(at, memento, call))
  return out
}

/** What the probe of a live thing of the primary says when it is not fit; undefined: it is, or it cannot be asked. */
async function whyUnfit(ports: Ports, id: string, { probe }: Kind, part: Json, limits: Limits, log: CallLog): Promise<string | undefined> {
  if (probe === null) return undefined
  const primary: World = { id: PRIMARY, parent: null, parts: { [id]: part } }
  const bound = { world: primary, resource: id, during: 'probe', limits, log }
  try {
    const { fit, detail } = await reading(ports, bound, (call) => probe({ world: PRIMARY, id, part }, call))
    return fit ? undefined : detail
  } catch {
    return undefined // not known to be unfit: then its copy has to answer, as that of anything else
  }
}

type Subject = Live & { readonly name: string }

/** What has to stand in the shadow: what changes, what that refers to, and what refers to it; dependencies first. */
function subjectsOf(plan: Plan): readonly Subject[] {
  const nameOf = new Map([
    ...plan.steps.map((step) => [step.id, step.action === 'delete' ? step.resource : step.name] as const),
    ...Object.entries(plan.resources).map(([name, { id }]) => [id, name] as const),
  ])
  const all = Object.values(plan.live).flatMap((live) => {
    const name = nameOf.get(live.id)
    return name === undefined ? [] : [{ ...live, name }]
  })
  const needs = (subject: Subject): readonly string[] => [
    ...new Set([
      ...subject.terms.dependsOn,
      ...(plan.resources[subject.name]?.terms.dependsOn ?? []),
      ...holesOf(subject.spec).map(({ hole }) => hole.$ref),
    ]),
  ]
  const touched = new Set(plan.steps.map(({ resource }) => resource))
  const grow = (more: (subject: Subject) => boolean): void => {
    for (let before = -1; before !== touched.size;) {
      before = touched.size
      for (const subject of all) if (more(subject)) touched.add(subject.name)
    }
  }
  grow((subject) => needs(subject).some((name) => touched.has(name)))
  const wanted = Object.entries(plan.resources).filter(([name]) => touched.has(name))
  for (const [, { terms }] of wanted) for (const name of terms.dependsOn) touched.add(name)
  grow((subject) => all.some((user) => touched.has(user.name) && needs(user).includes(subject.name)))
  const order: Subject[] = []
  const visit = (subject: Subject): void => {
    if (order.includes(subject) || !touched.has(subject.name)) return
    for (const dep of all) if (dep !== subject && holesOf(subject.spec).some(({ hole }) => hole.$ref === dep.name)) visit(dep)
    if (!order.includes(subject)) order.push(subject)
  }
  for (const subject of all) visit(subject)
  return order
}

/** Removes every copy of a world, users first, then its rooms and its stream. Twice is once. Faults when something stays. */
export async function closeWorld(
  ports: Ports,
  stack: string,
  world: World,
  kinds: ReadonlyMap<string, string>,
  parts: ReadonlyMap<string, Json>,
  log: CallLog,
): Promise<void> {
  const failures: FaultData[] = []
  for (const [resource, kindName] of [...kinds].toReversed()) {
    const kind = ports.kinds.get(kindName)
    if (kind === undefined) continue
    const bound = { world, resource, during: 'close', limits: CLOSE_LIMITS, log, shielded: true }
    try {
      await writing(ports, bound, forkKey(world.id, resource), 0, (call) =>
        kind.close({ world: world.id, id: resource, part: parts.get(resource) ?? null }, call),
      )
    } catch (thrown) {
      failures.push(faultOf(thrown, { resource, stage: 'close' }))
    }
  }
  if (failures[0] !== undefined) throw new Fault(failures[0])
  const rooms = ports.openEffects(createRecorder(ports.clock, AbortSignal.any([]))).effects.fs.open(ports.rooms)
  try {
    rooms.remove(world.id)
  } finally {
    rooms.close()
  }
  await ports.store.dropStream(worldStream(stack, world.id))
  ports.emit('shadow.closed', {}, { world: world.id })
}

/** Worlds whose maker died: found by their streams, closed. */
export async function closeDeadWorlds(ports: Ports, stack: string, log: CallLog): Promise<number> {
  let closed = 0
  for (const stream of await ports.store.streams(`worlds/${stack}/`)) {
    const entries = await ports.store.entries(stream, 0, 10_000)
    const kinds = new Map<string, string>()
    const parts = new Map<string, Json>()
    let alive = false
    for (const { body } of entries) {
      if (!isObject(body)) continue
      if (body['type'] === 'world.opened') {
        alive = !ports.gone(holderOf(body['holder']))
        if (isObject(body['kinds']))
          for (const [id, kind] of Object.entries(body['kinds'])) if (typeof kind === 'string') kinds.set(id, kind)
      }
      if (body['type'] === 'world.forked' && typeof body['id'] === 'string') parts.set(body['id'], body['part'] ?? null)
    }
    if (alive) continue
    const id = stream.slice(stream.lastIndexOf('/') + 1)
    await closeWorld(ports, stack, { id, parent: PRIMARY, parts: {} }, kinds, parts, log)
    closed += 1
  }
  return closed
}

function holderOf(value: Json | undefined) {
  const row = isObject(value) ? value : {}
  const text = (key: string): string => (typeof row[key] === 'string' ? row[key] : '')
  const whole = (key: string): number => (typeof row[key] === 'number' ? row[key] : 0)
  return { who: text('who'), host: text('host'), boot: text('boot'), pid: whole('pid'), start: whole('start'), doing: text('doing') }
}

/** Names what forking makes; never the key of a step of the same world, which would name something else. */
function forkKey(world: string, resource: string): string {
  return `${world}-fork-${resource.replace('@', '-at-')}`
}
