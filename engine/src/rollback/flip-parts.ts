// Owns: the undo of single components that only turns: their other sides stand in what an earlier change still holds.
// Never: makes anything, plans anything, or takes a component that the earlier change did not rehearse both ways.
import { canonical, faultOf } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { commit, notVerified, settle } from '../apply/apply-plan.ts'
import type { Committed } from '../apply/apply-plan.ts'
import { holdingChanges } from '../journal/fold.ts'
import { reading } from '../exec/attempt.ts'
import { collectLog } from '../exec/collect-log.ts'
import { primaryRun } from '../exec/primary-run.ts'
import { keyOf, kindFor } from '../exec/run.ts'
import type { Run } from '../exec/run.ts'
import { lookAtStep, turnStep } from '../exec/turn.ts'
import type { Writable } from '../journal/lease.ts'
import { artefactOf, keepArtefact } from '../journal/load-stack.ts'
import type { Verdict } from '../model/artefacts.ts'
import type { Back, JournalEntry, PreparedStep, StackState } from '../model/journal.ts'
import type { Held, Plan, Revision, Step } from '../model/plan.ts'
import { primaryWorld } from '../plan/observe.ts'
import { verifyRun } from '../verify/verify.ts'
import { same } from './compile.ts'
import type { Selected } from './selection.ts'

/** One resource's part of it. */
interface Lifted {
  readonly step: Step
  readonly prepared: Omit<PreparedStep, 'key'>
  /** The change whose held side it is taken from. */
  readonly from: string
}

export interface PartsFlip {
  readonly plan: Plan
  readonly lifted: readonly Lifted[]
}

/** The flip that brings these components back, or null where one of them has to be prepared. */
export async function partsFlip(
  writable: Writable,
  state: StackState,
  head: Revision,
  wanted: Revision | null,
  chosen: readonly Selected[],
  undoes: string,
): Promise<PartsFlip | null> {
  const lifted: Lifted[] = []
  for (const name of new Set(chosen.map(({ resource }) => resource))) {
    const pointers = chosen.filter(({ resource }) => resource === name).map(({ pointer }) => pointer)
    const [now, then] = [head.resources[name], wanted?.resources[name]]
    if (now === undefined || then === undefined || now.id !== then.id || now.kind !== then.kind) return null
    const named = pointers.filter((pointer) => pointer !== null)
    const one = named.length < pointers.length ? null : await lift(writable, state, head, name, now, then.state, named)
    if (one === null) return null
    lifted.push(one)
  }
  return { plan: planOf(writable, head, lifted, undoes), lifted }
}

async function lift(
  writable: Writable,
  state: StackState,
  head: Revision,
  name: string,
  now: Held,
  then: Json,
  pointers: readonly string[],
): Promise<Lifted | null> {
  const { ports } = writable
  const { components, heldParts } = kindFor(ports, now.kind)
  if (components === null || heldParts === null) return null
  const world = primaryWorld(head)
  const bound = { world, resource: now.id, during: 'select', limits: now.terms }
  const at = { world: world.id, id: now.id, part: now.part }
  for (const change of holdingChanges(state).toReversed()) {
    const past = state.changes[change]
    if (past === undefined || past.rehearsal === null) continue
    const step = (await artefactOf(ports.store, 'plan', past.plan)).steps.find(({ id }) => id === now.id)
    const held = step === undefined ? null : (past.steps[step.name]?.prepared ?? null)
    if (held === null || held.from === null || held.to === null) continue
    const { from, to, memento } = held
    const found = await reading(ports, bound, async (call) => {
      let target = now.state
      for (const pointer of pointers) {
        const [is, was, before, after] = [
          await components.get(now.state, pointer, call),
          await components.get(then, pointer, call),
          await components.get(from, pointer, call),
          await components.get(to, pointer, call),
        ]
        // The rehearsal of that change led this component from one side to the other and back, twice.
        const rehearsed = (same(is, after) && same(was, before)) || (same(is, before) && same(was, after))
        if (!rehearsed || same(is, was)) return null
        target = await components.set(target, pointer, was, call)
      }
      const prepared = await heldParts(at, memento, now.state, target, pointers, call)
      return prepared === null ? null : { prepared, target }
    })
    if (found === null) continue
    const { prepared, target } = found
    return {
      from: change,
      step: stepOf(name, now, target, pointers),
      prepared: { ...prepared, step: name, from: now.state, to: target, unmanaged: null, prepareMs: 0 },
    }
  }
  return null
}

function stepOf(name: string, { id, kind, version, part, state, spec, terms }: Held, target: Json, pointers: readonly string[]): Step {
  return {
    name,
    resource: name,
    id,
    kind,
    version,
    action: 'change',
    because: [{ why: 'undo' }],
    mode: 'beside',
    wave: 0,
    part,
    from: state,
    spec,
    target,
    to: target,
    pointers,
    after: [],
    terms,
  }
}

/** What was live is taken from the revision: a turn compares what it turns, and nothing else is touched. */
function planOf({ ports }: Writable, head: Revision, lifted: readonly Lifted[], undoes: string): Plan {
  const held = Object.entries(head.resources)
  const names = lifted.map(({ step }) => step.name)
  return {
    artefact: 'plan',
    stack: ports.stack,
    goal: 'undo',
    intent: null,
    base: head.n,
    undoes,
    steps: lifted.map(({ step }) => step),
    waves: [names],
    unchanged: held.map(([name]) => name).filter((name) => !names.includes(name)),
    resources: Object.fromEntries(held.map(([name, { state: _state, out: _out, ...rest }]) => [name, rest])),
    live: Object.fromEntries(
      held.map(([, { id, kind, part, spec, state, out, terms }]) => [id, { id, kind, part, spec, state, out, terms, unmanaged: null }]),
    ),
    notes: [],
    content: head.content,
  }
}

/** `back`: somebody else wrote to one of them; all stands as before. `held`: it could not be put back. */
export type PartsFlipped =
  | { readonly outcome: 'turned'; readonly committed: Committed; readonly switchMs: number }
  | { readonly outcome: 'back' }
  | { readonly outcome: 'held' }

/** Two flushes: one with everything that is needed to go back, before the first turn; one when all is turned and verified. */
export async function performPartsFlip(
  writable: Writable,
  { plan, lifted }: PartsFlip,
  base: {
    readonly head: Revision
    readonly state: StackState
    readonly message: string
    readonly startedMs: number
    readonly back: Back
  },
  after: readonly JournalEntry[],
): Promise<PartsFlipped> {
  const { ports, journal } = writable
  const change = ports.newId('c')
  const log = collectLog()
  const run: Run = { ...primaryRun(writable, plan, change, log.add, null), shielded: true }
  const planDigest = await keepArtefact(ports.store, plan)
  const baseDigest = base.state.revisions.at(-1)?.digest ?? null
  const steps = lifted.map(({ prepared }): PreparedStep => ({ ...prepared, key: keyOf(change, prepared.step) }))
  for (const prepared of steps) run.prepared.set(prepared.step, prepared)
  const names = steps.map(({ step }) => step)
  // From here on those others are undone by a compiled undo: a part of what they hold is on its way out.
  const givers = [...new Set(lifted.map(({ from }) => from))].filter((from) => base.state.changes[from]?.downgraded !== true)
  await journal.append([
    ...givers.map((from) => ({ type: 'change.downgraded' as const, change: from })),
    { type: 'change.begun', change, plan: planDigest, rehearsal: null, assessment: null, by: ports.by, message: base.message },
    ...steps.flatMap((prepared): JournalEntry[] => [
      { type: 'step.preparing', change, step: prepared.step, key: prepared.key },
      { type: 'step.prepared', change, ...prepared },
    ]),
    { type: 'turning', change, to: 'after', steps: names },
  ])
  try {
    const turned: { step: string; ms: number }[] = []
    for (const name of names) {
      const started = ports.clock.monotonic()
      await turnStep(run, name, 'after')
      turned.push({ step: name, ms: ports.clock.monotonic() - started })
    }
    const switchMs = ports.clock.monotonic() - base.startedMs
    ports.emit('rollback.switched', { change }, { ms: switchMs, restored: names, refused: [] })
    const verdict = await verifyParts(run, names)
    if (!verdict.verified) throw notVerified(verdict)
    const times = new Map(turned.map(({ step, ms }) => [step, { prepareMs: 0, turnMs: ms }]))
    const request = { planDigest, baseDigest, watch: null, confirmWithinMs: null, back: base.back }
    const around = { before: [{ type: 'turned' as const, change, to: 'after' as const, steps: turned }], after }
    return { outcome: 'turned', committed: await commit(writable, request, run, times, verdict, log.rows(), around), switchMs }
  } catch (thrown) {
    const past = (await writable.state()).changes[change] ?? null
    const result = await settle(writable, verifyRun, run, past, faultOf(thrown, { stage: 'rollback' }), true, log.rows())
    return { outcome: result.outcome === 'held' ? 'held' : 'back' }
  }
}

/** What was turned, byte for byte on both sides; the rest of the resource was not touched and is not read. */
async function verifyParts(run: Run, names: readonly string[]): Promise<Verdict> {
  const { ports, change } = run
  const started = ports.clock.monotonic()
  ports.emit('verify.started', { change }, { resources: names.length })
  const resources: Verdict['resources'][number][] = []
  for (const name of names) {
    const stand = await lookAtStep(run, name, 'full')
    const wanted = ports.store.objects.name(Buffer.from(canonical(run.prepared.get(name)?.to ?? null)))
    const there = stand.side === 'after'
    const row = { resource: name, equal: there, wanted, seen: there ? wanted : null, late: stand.late ?? [], writtenSince: false }
    resources.push(row)
    ports.emit('verify.resource', { change, resource: name }, { equal: row.equal, late: row.late })
  }
  const verified = resources.every((row) => row.equal)
  const ms = ports.clock.monotonic() - started
  ports.emit('verify.finished', { change }, { verified, ms })
  return { artefact: 'verdict', change, verified, resources, ms }
}
