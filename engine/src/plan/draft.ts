// Owns: the plan: from what is wanted, what was, and what is live, the steps with both directions, their waves and reasons.
// Never: writes; decides anything that apply would have to decide again.
import { dirname } from 'node:path'
import { canonical, equal } from '@understudy/contract'
import type { Digest, Json, Seen } from '@understudy/contract'
import type { CallLog } from '../exec/attempt.ts'
import { reading } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { outputOf } from '../exec/prepare.ts'
import { kindFor } from '../exec/run.ts'
import { fillHoles, holesOf } from '../model/holes.ts'
import type { Held, Live, Plan, PlanNote, Reason, Revision, Step, Terms } from '../model/plan.ts'
import { jsonOf } from '../model/json-of.ts'
import { checkClaims, checkEscapes, checkLeaving, checkStoreUnclaimed } from './claims.ts'
import { writtenFault, writtenTo } from './desired.ts'
import type { Desired } from './desired.ts'
import { judgeSpec } from './holed.ts'
import { liveNames } from './live-names.ts'
import { driftNote, leftNote, overNotes } from './notes.ts'
import { observeAll, primaryWorld } from './observe.ts'
import { askClaims, refuseClaimed } from './other-stacks.ts'
import { recordsOf } from './records.ts'
import { protectedFault, refuseProtected, refuseReferred } from './refuse-going.ts'
import { layWaves } from './waves.ts'

export interface DraftRequest {
  readonly goal: Plan['goal']
  readonly intent: Digest | null
  readonly undoes: string | null
  readonly desired: Readonly<Record<string, Desired>>
  readonly base: Revision | null
  /** Names that are to be made anew although nothing changed. */
  readonly replace: readonly string[]
  /** What becomes of something that somebody else wrote to since, where a step would write over it and no merge was made. */
  readonly written: 'over' | 'refuse' | 'leave'
  /** For an undo: how changes of the stack found and left what they turned. Where it is like that, nobody else wrote to it. */
  readonly found?: readonly { readonly part: Json; readonly state: Json | null }[]
  /** For an undo: what goes back to how it was found, and is not looked after any more. */
  readonly handBack?: readonly HandBack[]
}

/** A thing that stood there before the stack looked after it. */
export interface HandBack {
  readonly name: string
  readonly id: string
  readonly part: Json
  readonly want: Omit<Desired, 'target' | 'still'>
  /** Null: it stays as it is; `stays` says why. */
  readonly state: Json | null
  readonly stays: string
}

/** A wanted resource with everything that planning found out about it. */
interface Placed {
  readonly name: string
  readonly want: Desired
  readonly id: string
  readonly part: Json
  readonly mode: 'beside' | 'in-place'
  /** What the last revision holds of it, under this or its former name. */
  readonly held: Held | null
  /** What stands at a home that it leaves. */
  readonly left: Held | null
}

export async function draftPlan(ports: Ports, request: DraftRequest, log: CallLog): Promise<Plan> {
  const { base, desired } = request
  ports.emit('plan.started', {}, { resources: Object.keys(desired).length, base: base?.n ?? 0 })
  const notes: PlanNote[] = []
  const placed = place(ports, request, notes)
  const handed = handBackOf(ports, request)
  const gone = goneFrom(base, [...placed, ...handed.map(({ placed: one }) => one)], notes)
  const world = primaryWorld(base)
  const subjects = [
    ...placed.map(({ id, part, want, held, left }) => ({
      id,
      part,
      kind: want.kind,
      hint: left === null ? (held?.state ?? null) : null,
      limits: want.terms,
    })),
    ...handed.map(({ placed: { id, part, want, held } }) => ({
      id,
      part,
      kind: want.kind,
      hint: held?.state ?? null,
      limits: want.terms,
    })),
    ...gone.map(({ held }) => ({ ...held, hint: held.state, limits: held.terms })),
  ]
  const seen = await observeAll(ports, world, subjects, log)
  for (const { name, held, id, left } of placed) {
    const state = seen.get(id)?.state ?? null
    if (held !== null && left === null && (state === null || !equal(state, held.state))) {
      notes.push(await driftNote(ports, world, name, held, state, log))
      ports.emit('plan.drifted', { resource: name }, { gone: state === null })
    }
  }
  for (const { held } of gone) {
    const state = seen.get(held.id)?.state ?? null
    if (state === null || equal(state, held.state)) continue
    notes.push(await driftNote(ports, world, held.resource, held, state, log))
    ports.emit('plan.drifted', { resource: held.resource }, { gone: false })
  }

  const outs = new Map<string, Json>()
  const moving = new Set<string>()
  const drafts: Omit<Step, 'wave'>[] = []
  const claims: Record<string, readonly string[]> = {}
  for (const one of inOrder(placed)) {
    const live = seen.get(one.id) ?? null
    if (one.want.leave !== undefined) {
      if (live !== null) outs.set(one.name, live.out)
      notes.push(leftNote(one.name, one.want.leave))
      continue
    }
    const step = await draftStep(ports, one, live, outs, moving, request, claims, world, log)
    if (live !== null) outs.set(one.name, live.out)
    if (step === null || (step.target === null && stays(ports, request, one.name, one.held, step.from, notes))) continue
    if (request.goal === 'undo' && isStrange(one, step, request) && !goesOver(request, one.name, notes)) continue
    drafts.push(step)
    // Turning single components under the live name leaves the outputs as they are: nobody has to follow.
    if (step.pointers.length === 0 || kindFor(ports, step.kind).prepareParts === null) moving.add(one.name)
  }
  for (const { placed: one, state, stays: why } of handed) {
    const live = seen.get(one.id)?.state ?? null
    const theirs = live !== null && one.held === null ? 'somebody made it anew since it was deleted' : why
    const goes = state !== null && theirs === '' && !(live !== null && equal(live, state))
    if (goes) drafts.push(handBack(ports, one, live, state))
    notes.push({
      code: goes || one.held === null ? 'handed-back' : 'kept',
      resource: one.name,
      text: `${theirs === '' ? 'it was there before' : theirs}: it ${goes ? 'goes back to what it was' : 'stays as it is'} and is no longer looked after`,
    })
  }
  for (const { name, held } of gone) {
    const live = seen.get(held.id) ?? null
    if (live === null || stays(ports, request, held.resource, held, live.state, notes)) continue
    const users = drafts.filter(({ resource }) => base?.resources[resource]?.terms.dependsOn.includes(held.resource ?? '') === true)
    drafts.push(
      deletion(
        name,
        held,
        live.state,
        users.map((user) => user.name),
      ),
    )
  }
  for (const { name, id, part, want, held } of placed) {
    const same = held !== null && equal(held.spec, want.spec) ? held.claims : undefined
    claims[name] ??= same ?? (await askClaims(ports, { id, part, kind: want.kind, spec: want.spec, terms: want.terms }, base, log))
  }
  checkClaims(claims)
  const leaving = [
    ...gone.map(({ held }) => ({ name: held.resource, ...held, goes: !placed.some(({ left }) => left?.id === held.id) })),
    ...placed.flatMap(({ name, left }) => (left === null ? [] : [{ name, ...left, goes: false }])),
  ]
  const coming = placed
    .filter(({ held }) => held === null)
    .map(({ name, want, part }) => ({ name, kind: want.kind, part, claims: claims[name] ?? [] }))
  checkLeaving(coming, leaving)
  refuseReferred(gone, placed)
  checkStoreUnclaimed(claims, dirname(ports.rooms))
  // After the claims: who owns the same place twice is not helped by writing a reference to it.
  const known: Record<string, Json> = {}
  for (const { name, id, want } of inOrder(placed)) {
    checkEscapes(name, want.spec, known)
    const live = seen.get(id) ?? null
    if (live !== null) known[name] = live.out
  }
  refuseProtected(gone, drafts)
  for (const { name, held } of placed)
    if (held?.terms.protect === true && request.replace.includes(name)) throw protectedFault(name, 'replaced')

  // What goes is turned after all that used it: those that change, and those that go themselves.
  const withOrder = drafts.map((draft) => ({ ...draft, after: orderOf(draft, drafts, base) }))
  const { waveOf, waves } = layWaves(withOrder)
  const byName = new Map(withOrder.map((draft) => [draft.name, draft]))
  const steps = waves.flat().flatMap((name) => {
    const draft = byName.get(name)
    return draft === undefined ? [] : [{ ...draft, wave: waveOf.get(name) ?? 0 }]
  })
  const resources = Object.fromEntries(
    placed.map(({ name, id, part, want }) => [
      name,
      {
        id,
        kind: want.kind,
        version: kindFor(ports, want.kind).version,
        asked: want.asked,
        spec: want.spec,
        terms: want.terms,
        part,
        claims: claims[name] ?? [],
      },
    ]),
  )
  await refuseClaimed(ports, { goal: request.goal, steps, resources }, base, log)
  const plan: Plan = {
    artefact: 'plan',
    stack: ports.stack,
    goal: request.goal,
    intent: request.intent,
    base: base?.n ?? 0,
    undoes: request.undoes,
    steps,
    waves,
    unchanged: placed.filter(({ name }) => !steps.some((step) => step.name === name)).map(({ name }) => name),
    resources,
    live: liveOf([...placed, ...handed.map(({ placed: one }) => one)], gone, seen),
    notes: [
      ...notes,
      ...overNotes(placed, drafts),
      ...recordsOf(resources, steps, base, notes),
      ...liveNamesOf(ports, request, placed, drafts),
    ],
    content: contentOf(ports, resources),
  }
  ports.emit('plan.made', {}, { steps: steps.length, waves: waves.length })
  return plan
}

/** Names what is wanted: equal for two plans that want the same, whatever they start from. */
export function contentOf(
  ports: Pick<Ports, 'store'>,
  resources: Readonly<Record<string, Pick<Plan['resources'][string], 'kind' | 'spec'>>>,
): Digest {
  const wanted = Object.fromEntries(Object.entries(resources).map(([name, { kind, spec }]) => [name, { kind, spec }]))
  return ports.store.objects.name(Buffer.from(canonical(jsonOf(wanted))))
}

/** Gives each wanted resource its place: where it was, or a new one when its home is another. */
function place(ports: Ports, { desired, base }: DraftRequest, notes: PlanNote[]): readonly Placed[] {
  const taken = new Set(Object.values(base?.resources ?? {}).map(({ id }) => id))
  const next = (base?.n ?? 0) + 1
  return Object.entries(desired).map(([name, want]) => {
    const kind = kindFor(ports, want.kind)
    const judged = judgeSpec(kind, name, want.spec)
    const moved = want.movedFrom !== null && base?.resources[name] === undefined ? base?.resources[want.movedFrom] : undefined
    const was = moved ?? base?.resources[name] ?? null
    if (moved !== undefined && want.movedFrom !== null)
      notes.push({ code: 'moved', resource: name, text: `it was called ${want.movedFrom}` })
    if (was !== null && was.kind === want.kind && equal(was.part, judged.home)) {
      return { name, want, id: was.id, part: was.part, mode: judged.mode, held: was, left: null }
    }
    const id = taken.has(name) ? `${name}@${next}` : name
    return { name, want, id, part: judged.home, mode: judged.mode, held: null, left: was }
  })
}

interface Gone {
  /** Step name. */
  readonly name: string
  readonly held: Held & { readonly resource: string }
}

/** What the base has and the wanted ones have not: deletions, unless it stays where it is by `onRemove: keep`. */
function goneFrom(base: Revision | null, placed: readonly Placed[], notes: PlanNote[]): readonly Gone[] {
  const kept = new Set(placed.flatMap(({ held }) => (held === null ? [] : [held.id])))
  return Object.entries(base?.resources ?? {}).flatMap(([resource, held]) => {
    if (kept.has(held.id)) return []
    if (held.terms.onRemove === 'keep') {
      notes.push({ code: 'kept', resource, text: 'it is no longer in the stack file and stays as it is (onRemove: keep)' })
      return []
    }
    const replaced = placed.some(({ left }) => left?.id === held.id)
    return [{ name: replaced ? `${resource}@old` : resource, held: { ...held, resource } }]
  })
}

/** Dependencies first. */
function inOrder(placed: readonly Placed[]): readonly Placed[] {
  const order: Placed[] = []
  const done = new Set<string>()
  const visit = (one: Placed): void => {
    if (done.has(one.name)) return
    done.add(one.name)
    for (const dep of one.want.terms.dependsOn) {
      const found = placed.find(({ name }) => name === dep)
      if (found !== undefined) visit(found)
    }
    order.push(one)
  }
  for (const one of placed.toSorted((a, b) => (a.name < b.name ? -1 : 1))) visit(one)
  return order
}

async function draftStep(
  ports: Ports,
  one: Placed,
  live: Seen<Json, Json> | null,
  outs: ReadonlyMap<string, Json>,
  moving: ReadonlySet<string>,
  request: DraftRequest,
  claims: Record<string, readonly string[]>,
  world: ReturnType<typeof primaryWorld>,
  log: CallLog,
): Promise<Omit<Step, 'wave'> | null> {
  const { name, want, id, part, mode, held, left } = one
  const kind = kindFor(ports, want.kind)
  const from = live?.state ?? null
  // An output of a resource that changes is known only when it is prepared, unless it lasts as long as its home.
  const settled = (ref: string, output: string): Json | undefined => {
    const other = request.desired[ref]
    if (other === undefined) return undefined
    const lasts = kindFor(ports, other.kind).lasting.includes(output)
    return moving.has(ref) && !lasts ? undefined : outputOf(outs.get(ref), output)
  }
  const filled = fillHoles(want.spec, settled)
  let to: Json | null = null
  const target = targetOf(one)
  if (target !== null) to = target.state
  else if (filled.open.length === 0) {
    const bound = { world, resource: id, during: 'want', limits: want.terms, log }
    const wanted = await reading(ports, bound, (call) => kind.want({ world: world.id, id, part }, filled.spec, call))
    to = wanted.state
    claims[name] = wanted.claims
  }
  const forced = request.replace.includes(name)
  if (!forced && left === null && to !== null && from !== null && equal(from, to)) return null
  if (want.still && filled.open.length === 0 && from !== null && left === null) return null
  const because: Reason[] = []
  if (held === null && left === null) because.push({ why: 'new' })
  if (left !== null) because.push({ why: 'moved-home', from: left.part })
  if (request.goal === 'undo' && !want.still) because.push({ why: 'undo' })
  else if (held !== null && !equal(held.spec, want.spec)) because.push({ why: 'asked' })
  if (held !== null && (from === null || !equal(from, held.state))) because.push({ why: 'drift' })
  for (const { $ref } of filled.open)
    if (!because.some((reason) => reason.why === 'follows' && reason.of === $ref)) because.push({ why: 'follows', of: $ref })
  if (forced) because.push({ why: 'forced' })
  if (because.length === 0) because.push({ why: 'asked' })
  return {
    name,
    resource: name,
    id,
    kind: want.kind,
    version: kind.version,
    action: from === null ? 'create' : 'change',
    because,
    mode,
    part,
    from,
    spec: want.spec,
    target: target === null ? null : target.state,
    to,
    pointers: target?.pointers ?? [],
    after: [],
    terms: want.terms,
  }
}

/**
 * A state that was observed can only be gone back to as a whole where its spec does not refer to what may have moved since.
 * Of single parts it is known that what they refer to is the same (`compile.ts`).
 */
function targetOf({ want }: Placed): Desired['target'] {
  return want.target !== null && want.target.pointers.length === 0 && holesOf(want.spec).length > 0 ? null : want.target
}

/** True where somebody else's write is left alone instead of this step. @throws a conflict where nobody decided. */
function stays(
  ports: Ports,
  { written }: DraftRequest,
  resource: string,
  held: Held | null,
  from: Json | null,
  notes: PlanNote[],
): boolean {
  if (written === 'over' || held === null || from === null || !writtenTo(ports, held, from)) return false
  if (written === 'refuse') throw writtenFault(resource, resource)
  notes.push(leftNote(resource, 'written-since'))
  return true
}

/** It comes back to where somebody else has put something meanwhile. What is changed in place keeps that, or names it as a loss. */
function isStrange({ held, left, mode, part }: Placed, { from, to }: Omit<Step, 'wave'>, { found = [] }: DraftRequest): boolean {
  if (held !== null || left !== null || mode !== 'beside' || from === null || (to !== null && equal(from, to))) return false
  return !found.some((one) => equal(one.part, part) && one.state !== null && equal(one.state, from))
}

/** @throws a conflict where nobody decided. */
function goesOver({ written }: DraftRequest, resource: string, notes: PlanNote[]): boolean {
  if (written === 'refuse') throw writtenFault(resource, resource)
  if (written === 'leave') notes.push(leftNote(resource, 'written-since'))
  else notes.push({ code: 'written-over', resource, text: 'what somebody else put in its place is written over', components: [] })
  return written === 'over'
}

/** Of what a person asks for; an undo cannot be written otherwise. */
function liveNamesOf(
  ports: Ports,
  { goal }: DraftRequest,
  placed: readonly Placed[],
  drafts: readonly Omit<Step, 'wave'>[],
): readonly PlanNote[] {
  if (goal === 'undo') return []
  const changing = new Set(drafts.filter(({ action, pointers }) => action !== 'delete' && pointers.length === 0).map(({ name }) => name))
  return liveNames(
    placed.map(({ name, want, mode }) => ({ name, kind: kindFor(ports, want.kind), mode, spec: want.spec })),
    changing,
  )
}

/** Places of what is handed back, each with the state that it goes to. */
function handBackOf(ports: Ports, { handBack: all = [], base, desired }: DraftRequest): readonly (HandBack & { placed: Placed })[] {
  const heldById = new Map(Object.values(base?.resources ?? {}).map((held) => [held.id, held]))
  return all.map((back) => {
    const { name, id, part, want } = back
    const { mode } = judgeSpec(kindFor(ports, want.kind), name, want.spec)
    const placed: Placed = {
      name: desired[name] === undefined ? name : `${name}@old`,
      want: { ...want, target: null, still: false },
      id,
      part,
      mode,
      held: heldById.get(id) ?? null,
      left: null,
    }
    return { ...back, placed }
  })
}

function handBack(ports: Ports, { name, want, id, part, mode }: Placed, from: Json | null, state: Json): Omit<Step, 'wave'> {
  return {
    name,
    resource: name,
    id,
    kind: want.kind,
    version: kindFor(ports, want.kind).version,
    action: from === null ? 'create' : 'change',
    because: [{ why: 'undo' }],
    mode,
    part,
    from,
    spec: want.spec,
    target: state,
    to: state,
    pointers: [],
    after: [],
    terms: want.terms,
  }
}

function deletion(name: string, held: Held & { readonly resource: string }, from: Json, after: readonly string[]): Omit<Step, 'wave'> {
  return {
    name,
    resource: held.resource,
    id: held.id,
    kind: held.kind,
    version: held.version,
    action: 'delete',
    because: [{ why: 'removed' }],
    mode: 'beside',
    part: held.part,
    from,
    spec: null,
    target: null,
    to: null,
    pointers: [],
    after,
    terms: held.terms,
  }
}

function orderOf(draft: Omit<Step, 'wave'>, drafts: readonly Omit<Step, 'wave'>[], base: Revision | null): readonly string[] {
  const names = (resources: readonly string[]): string[] =>
    drafts.filter(({ resource, action }) => action !== 'delete' && resources.includes(resource)).map(({ name }) => name)
  if (draft.action !== 'delete') return names(draft.terms.dependsOn)
  const users = Object.entries(base?.resources ?? {})
    .filter(([, held]) => held.terms.dependsOn.includes(draft.resource))
    .map(([name]) => name)
  const going = drafts.filter(({ resource, action, name }) => action === 'delete' && users.includes(resource) && name !== draft.name)
  return [...new Set([...draft.after, ...names([...users, draft.resource]), ...going.map(({ name }) => name)])]
}

function liveOf(placed: readonly Placed[], gone: readonly Gone[], seen: ReadonlyMap<string, Seen<Json, Json> | null>): Plan['live'] {
  const live: Record<string, Live> = {}
  const add = (id: string, kind: string, part: Json, spec: Json, terms: Terms): void => {
    const now = seen.get(id)
    if (now) live[id] = { id, kind, part, spec, state: now.state, out: now.out, unmanaged: now.unmanaged, terms }
  }
  for (const { id, want, part, held } of placed) add(id, want.kind, part, held?.spec ?? want.spec, want.terms)
  for (const { held } of gone) add(held.id, held.kind, held.part, held.spec, held.terms)
  return live
}
