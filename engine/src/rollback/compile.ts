// Owns: the undo that has to be planned: what the resources should be, merged with what was written since.
// Never: guesses at a conflict: base, ours and theirs are named.
import { equal, Fault } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { CallLog } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import { outputOf } from '../exec/prepare.ts'
import { holesOf } from '../model/holes.ts'
import type { Held, Revision } from '../model/plan.ts'
import { writtenFault, writtenTo } from '../plan/desired.ts'
import type { Desired } from '../plan/desired.ts'
import type { HandBack } from '../plan/draft.ts'
import { observe, primaryWorld } from '../plan/observe.ts'
import type { Original } from './originals.ts'
import type { Selected } from './selection.ts'

/** `ours`, `theirs`: what wins where both were written to; `saved`: the saved state, whatever was written (`drift --revert`). */
export type Resolve = 'ours' | 'theirs' | 'saved'

export interface Compilation {
  readonly head: Revision
  readonly wanted: Revision | null
  /** Empty: all. */
  readonly chosen: readonly Selected[]
  /** What to do where something else was written since and it cannot be merged: take the undo's, or leave it. */
  readonly resolve: Resolve | null
  /** What has no way back: it stays as it is. */
  readonly oneWay: readonly string[]
}

export async function compileDesired(
  ports: Ports,
  { head, wanted, chosen, resolve, oneWay }: Compilation,
  log: CallLog,
): Promise<Readonly<Record<string, Desired>>> {
  const desired: Record<string, Desired> = {}
  const names = new Set([
    ...Object.keys(head.resources),
    ...(chosen.length === 0 ? Object.keys(wanted?.resources ?? {}) : chosen.map(({ resource }) => resource)),
  ])
  for (const name of names) {
    const then = wanted?.resources[name]
    // What was renamed since is known by what it is.
    const called = Object.keys(head.resources).find((other) => head.resources[other]?.id === then?.id) ?? name
    const now = head.resources[name] ?? head.resources[called]
    const movedFrom = called === name || wanted?.resources[called] !== undefined ? null : called
    const picks = chosen.filter(({ resource }) => resource === name)
    if (chosen.length > 0 && picks.length === 0) {
      if (now !== undefined) desired[name] = { ...asDesired(now), target: null, still: true }
      continue
    }
    if (oneWay.includes(name)) {
      if (now !== undefined) desired[name] = { ...asDesired(now), target: null, still: true, leave: 'no-way-back' }
      continue
    }
    const pointers = picks.flatMap(({ pointer }) => (pointer === null ? [] : [pointer]))
    if (pointers.length > 0 && picks.every(({ pointer }) => pointer !== null)) {
      desired[name] = await withComponents(ports, name, now, then, pointers, { head, wanted, resolve }, log)
    } else if (then !== undefined) {
      const merged =
        now === undefined || now.id !== then.id ? asIs(then.state) : await mergedState(ports, name, now, then, head, resolve, log)
      desired[name] =
        now !== undefined && merged === THEIRS
          ? { ...asDesired(now), target: null, still: true, leave: 'written-since' }
          : { ...asDesired(then), movedFrom, ...targetOf(merged === THEIRS ? asIs(then.state) : merged), still: false }
    }
  }
  return desired
}

/**
 * What was there before it was looked after goes back to how it was found: it is not ours to delete. What was written to it
 * since is merged or named like everything else (L17).
 */
export async function compileHandBack(
  ports: Ports,
  { head, chosen, resolve, oneWay }: Compilation,
  originals: readonly Original[],
  log: CallLog,
): Promise<readonly HandBack[]> {
  const names = new Map(Object.entries(head.resources).map(([name, { id }]) => [id, name]))
  const back: HandBack[] = []
  for (const { name, id, part, state, kind, asked, spec, terms } of originals) {
    const called = names.get(id) ?? name
    if (oneWay.includes(called) || (chosen.length > 0 && !chosen.some(({ resource }) => resource === called))) continue
    const now = names.has(id) ? head.resources[called] : undefined
    const merged =
      now === undefined || state === null
        ? { state, over: [] }
        : await mergedState(ports, called, now, { ...now, state }, head, resolve, log)
    const want = { kind, asked, spec, terms, movedFrom: null }
    const goal = merged === THEIRS ? null : merged.state
    const stays = merged === THEIRS ? 'somebody else wrote to it since' : goal === null ? 'what it was before cannot be read any more' : ''
    back.push({ name: called, id, part, want, state: goal, stays })
  }
  return back
}

function asDesired({ kind, asked, spec, terms }: Held): Omit<Desired, 'target' | 'still'> {
  return { kind, asked, spec, terms, movedFrom: null }
}

const ROUNDS_MAX = 8 // what is decided may bring another conflict to light

const THEIRS = Symbol('what is there stays')

interface Merged {
  readonly state: Json
  /** What somebody else wrote that is not in it; '' is the whole. */
  readonly over: readonly string[]
}

function asIs(state: Json): Merged {
  return { state, over: [] }
}

function targetOf({ state, over }: Merged): Pick<Desired, 'target' | 'over'> {
  return { target: { state, pointers: [] }, over }
}

/** Three ways: what the last change left (base), what the undo wants (ours), what is there (theirs). */
async function mergedState(
  ports: Ports,
  name: string,
  now: Held,
  then: Held,
  head: Revision,
  resolve: Resolve | null,
  log: CallLog,
): Promise<Merged | typeof THEIRS> {
  const world = primaryWorld(head)
  const live = (await observe(ports, world, now, now.state, now.terms, log))?.state ?? null
  if (live === null || equal(live, then.state) || resolve === 'saved' || !writtenTo(ports, now, live)) return asIs(then.state)
  // What it would be is known only when what it refers to is prepared: there is nothing yet to merge with.
  if (holesOf(then.spec).length > 0) {
    if (resolve === 'ours') return { state: then.state, over: [''] }
    if (resolve === 'theirs') return THEIRS
    throw writtenFault(name, name)
  }
  const { merge, components } = kindFor(ports, now.kind)
  const bound = { world, resource: now.id, during: 'merge', limits: now.terms, log }
  const result =
    merge === null ? { conflicts: [{ pointer: '' }] } : await reading(ports, bound, (call) => merge(now.state, then.state, live, call))
  if ('merged' in result && result.merged !== null) return asIs(result.merged)
  if (resolve === 'theirs') return THEIRS
  if (resolve === 'ours') {
    const settled = await reading(ports, bound, async (call) => {
      if (merge === null || components === null || !('conflicts' in result)) return null
      // Only what is in conflict is decided; what else was written since stays (L17).
      let theirs: Json = live
      let { conflicts } = result
      const over = new Set<string>()
      for (let round = 0; round < ROUNDS_MAX && conflicts.every(({ pointer }) => pointer !== ''); round += 1) {
        for (const { pointer } of conflicts) {
          over.add(pointer)
          theirs = await components.set(theirs, pointer, await components.get(then.state, pointer, call), call)
        }
        const again = await merge(now.state, then.state, theirs, call)
        if ('merged' in again) return again.merged === null ? null : { state: again.merged, over: [...over] }
        conflicts = again.conflicts
      }
      return null // the whole is in conflict
    })
    return settled ?? { state: then.state, over: [''] }
  }
  const where = 'conflicts' in result ? result.conflicts.map(({ pointer }) => `${name}#${pointer}`).join(', ') : name
  throw writtenFault(name, where)
}

/** Whether two components, absent ones undefined, are the same. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equal(a, b)
}

/** A part of a state may hold what its spec refers to: it can go back alone only while that is what it was. */
function sameReferences(name: string, now: Held, then: Held, head: Revision, wanted: Revision | null): void {
  for (const { hole } of [...holesOf(now.spec), ...holesOf(then.spec)]) {
    const [is, was] = [head, wanted].map((revision) => outputOf(revision?.resources[hole.$ref]?.out, hole.output))
    if (same(is, was)) continue
    throw new Fault({
      code: 'rollback.refers',
      class: 'conflict',
      summary: 'Parts of this resource cannot go back alone: what it refers to is another one now.',
      detail: `${name} refers to ${hole.$ref}.${hole.output}`,
      hint: `Roll back the whole of it: --only ${name}`,
      resource: name,
      stage: 'rollback',
    })
  }
}

/** The live state with only these components as they were. */
async function withComponents(
  ports: Ports,
  name: string,
  now: Held | undefined,
  then: Held | undefined,
  pointers: readonly string[],
  { head, wanted, resolve }: Pick<Compilation, 'head' | 'wanted' | 'resolve'>,
  log: CallLog,
): Promise<Desired> {
  const components = now === undefined ? null : kindFor(ports, now.kind).components
  if (now === undefined || then === undefined || components === null) {
    throw new Fault({
      code: 'rollback.no-components',
      class: 'invalid',
      summary: 'Parts of this resource cannot be chosen.',
      detail: now === undefined || then === undefined ? `${name} is not in both revisions` : `${name} (${now.kind}) has no components`,
      hint: `Roll back the whole of it: --only ${name}`,
      resource: name,
    })
  }
  sameReferences(name, now, then, head, wanted)
  const world = primaryWorld(head)
  const live = (await observe(ports, world, now, now.state, now.terms, log))?.state ?? now.state
  const bound = { world, resource: now.id, during: 'select', limits: now.terms, log }
  const over: string[] = []
  const state = await reading(ports, bound, async (call) => {
    let mixed = live
    for (const pointer of pointers) {
      const was = await components.get(then.state, pointer, call)
      const is = await components.get(live, pointer, call)
      if (was === undefined && is === undefined) {
        throw new Fault({
          code: 'rollback.no-such-component',
          class: 'invalid',
          summary: 'There is no such component, neither now nor then.',
          detail: `${name}#${pointer}`,
          hint: `\`understudy show ${name}\` lists its components.`,
          resource: name,
        })
      }
      const left = await components.get(now.state, pointer, call)
      const foreign = !same(is, left) && !same(is, was)
      if (foreign && resolve === null) throw writtenFault(name, `${name}#${pointer}`)
      if (foreign && resolve === 'ours') over.push(pointer)
      if (!foreign || resolve === 'ours' || resolve === 'saved') mixed = await components.set(mixed, pointer, was, call)
    }
    return mixed
  })
  return { ...asDesired(now), target: { state, pointers }, still: false, over }
}
