// Owns: what a plan would record of a resource without turning anything: its terms, its spec, its name, that it is looked after.
// Never: looks at a state: whatever leads to another one is a step.
import { canonical, equal } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { jsonOf } from '../model/json-of.ts'
import type { Held, Plan, PlanNote, Revision } from '../model/plan.ts'

type Planned = Plan['resources'][string]

/** True: nothing would be turned, and yet the next revision would hold something else. */
export function onlyRecords(plan: Plan): boolean {
  return plan.steps.length === 0 && recordedNames(plan).length > 0
}

export function recordedNames({ notes }: Plan): readonly string[] {
  return notes.flatMap(({ code, resource }) => (code === 'recorded' || code === 'kept' || code === 'moved' ? [resource] : []))
}

/** One note for each resource of which the next revision would hold something else, that no step is about and no note yet. */
export function recordsOf(
  resources: Plan['resources'],
  steps: Plan['steps'],
  base: Revision | null,
  notes: readonly PlanNote[],
): readonly PlanNote[] {
  const said = notes.filter(({ code }) => code === 'kept' || code === 'moved')
  const turned = new Set([...steps, ...said].map(({ resource }) => resource))
  const held = new Set(Object.values(resources).map(({ id }) => id))
  const note = (resource: string, text: string): PlanNote => ({ code: 'recorded', resource, text })
  const wanted = Object.entries(resources).flatMap(([name, planned]): readonly PlanNote[] => {
    const was = base?.resources[name]
    if (turned.has(name)) return []
    if (was === undefined) return [note(name, 'it is as wanted already and is looked after from now on')]
    const text = differenceOf(was, planned)
    return text === '' ? [] : [note(name, text)]
  })
  const left = Object.entries(base?.resources ?? {}).flatMap(([name, { id }]) =>
    resources[name] !== undefined || turned.has(name) || held.has(id) ? [] : [note(name, 'it is gone and no longer looked after')],
  )
  return [...wanted, ...left]
}

/** What a revision would hold of these resources when nothing is turned. */
export function heldAsTheyAre({ resources, live }: Plan, base: Revision | null): Revision['resources'] {
  const before = new Map(Object.values(base?.resources ?? {}).map((held) => [held.id, held]))
  const held = Object.entries(resources).flatMap(([name, planned]): [string, Held][] => {
    const known = before.get(planned.id) ?? live[planned.id]
    return known === undefined ? [] : [[name, { ...planned, state: known.state, out: known.out }]]
  })
  return Object.fromEntries(held)
}

function differenceOf(was: Planned, is: Planned): string {
  const terms = (Object.keys(is.terms) as (keyof Planned['terms'])[])
    .filter((key) => !equal(jsonOf(was.terms[key]), jsonOf(is.terms[key])))
    .map((key) => `${key}: ${shown(jsonOf(was.terms[key]))} → ${shown(jsonOf(is.terms[key]))}`)
  const same =
    was.id === is.id && was.kind === is.kind && equal(was.part, is.part) && equal(was.asked, is.asked) && equal(was.spec, is.spec)
  return [...terms, ...(same ? [] : ['its spec is written in another way and asks for the same'])].join(', ')
}

function shown(value: Json): string {
  return typeof value === 'string' ? value : canonical(value)
}
