// Owns: how what is live and recorded compares with the revision that an undo wants.
// Never: changes anything.
import { canonical, equal } from '@understudy/contract'
import { holesOf } from '../model/holes.ts'
import type { Held, Plan, Revision } from '../model/plan.ts'
import type { Desired } from '../plan/desired.ts'
import type { Selected } from './selection.ts'

/** Chosen ones that nothing was planned for and that are not as they were: what they refer to is another one now. */
export function unmoved(head: Revision, wanted: Revision | null, only: readonly Selected[]): readonly { name: string; refers: string }[] {
  const names = [...new Set(only.flatMap(({ resource, pointer }) => (pointer === null ? [resource] : [])))]
  return names.flatMap((name) => {
    const chosen = [{ resource: name, pointer: null }]
    if (alike(head, wanted, chosen)) return []
    const holes = holesOf(wanted?.resources[name]?.spec ?? null).map(({ hole }) => hole.$ref)
    const refers = holes.find((other) => !alike(head, wanted, [{ resource: other, pointer: null }]))
    return refers === undefined ? [] : [{ name, refers }]
  })
}

/**
 * What an undo to this revision has merged with what was written since: that is what the undo made of it (L9, L17), and going
 * there once more does not go over it.
 */
export function mergedIn(head: Revision, before: Revision | null, wanted: Revision): Revision['resources'] {
  const merged = Object.entries(head.resources).filter(([name, now]) => {
    const [was, then] = [before?.resources[name], wanted.resources[name]]
    const moved = was === undefined || !equal(was.state, now.state)
    return moved && then !== undefined && then.id === now.id && !equal(then.state, now.state)
  })
  return Object.fromEntries(merged)
}

/** What somebody has put back by hand already: live it is as the undo wants it, and the last revision says something else. */
export function alreadyThere(
  { steps, resources, live }: Plan,
  desired: Readonly<Record<string, Desired>>,
  head: Revision,
  wanted: Revision | null,
): Revision['resources'] {
  const held = Object.entries(desired).flatMap(([name, { target }]): [string, Held][] => {
    const [planned, was] = [resources[name], head.resources[name]]
    const now = planned === undefined ? undefined : live[planned.id]
    // Of single parts the rest is nobody's business: what is there of it is not for this undo to record.
    if (target === null || target.pointers.length > 0 || planned === undefined || now === undefined) return []
    if (steps.some((step) => step.resource === name) || !equal(wanted?.resources[name]?.state ?? null, now.state)) return []
    return was !== undefined && equal(was.state, now.state) ? [] : [[name, { ...planned, state: now.state, out: now.out }]]
  })
  return Object.fromEntries(held)
}

/** Whether these resources are in both revisions what they are in the other; with no names all of them. */
export function alike(head: Revision, wanted: Revision | null, only: readonly Selected[]): boolean {
  const names = only.length === 0 ? Object.keys({ ...head.resources, ...wanted?.resources }) : only.map(({ resource }) => resource)
  const key = (held: Held | undefined): string =>
    canonical(held === undefined ? null : { id: held.id, kind: held.kind, part: held.part, state: held.state })
  return names.every((name) => key(head.resources[name]) === key(wanted?.resources[name]))
}

/** It would delete what is not to be deleted. */
export function losesProtected(head: Revision, wanted: Revision | null): boolean {
  const stays = new Set(Object.values(wanted?.resources ?? {}).map(({ id }) => id))
  return Object.values(head.resources).some(({ id, terms }) => terms.protect && !stays.has(id))
}
