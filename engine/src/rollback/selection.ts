// Owns: what a selective rollback covers: the chosen, and who has to follow because they refer to what changes.
// Never: leaves a follower out silently.
import { equal, Fault, isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { CallLog } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { outputOf } from '../exec/prepare.ts'
import { kindFor } from '../exec/run.ts'
import { decodeName, encodeName } from '../fx/names.ts'
import { holesOf } from '../model/holes.ts'
import type { Held, Revision } from '../model/plan.ts'
import { primaryWorld } from '../plan/observe.ts'

export interface Selected {
  readonly resource: string
  /** JSON pointer of a component, or null for the whole. */
  readonly pointer: string | null
}

/** `config` or `config#/files/nginx.conf`. */
export function parseSelection(text: string): Selected {
  const hash = text.indexOf('#')
  if (hash === -1) return { resource: text, pointer: null }
  const pointer = text.slice(hash + 1)
  if (pointer.startsWith('/')) return { resource: text.slice(0, hash), pointer }
  throw new Fault({
    code: 'rollback.bad-pointer',
    class: 'invalid',
    summary: 'A component is named by a JSON pointer.',
    detail: `${JSON.stringify(text)}: after # comes a pointer that starts with /`,
    hint: 'For example: --only config#/files/nginx.conf',
  })
}

const SHOWN_BYTE = /\\x([89a-f][0-9a-f])/i

/**
 * The chosen with names as they really are. A byte that is not UTF-8 is shown, and so written, as `\xNN`; a name that is
 * spelled like that in plain letters (systemd's are) goes before.
 */
export async function namedAsShown(
  ports: Ports,
  only: readonly Selected[],
  revisions: readonly (Revision | null)[],
  log: CallLog,
): Promise<readonly Selected[]> {
  const named: Selected[] = []
  for (const one of only) {
    const spelled = one.pointer !== null && SHOWN_BYTE.test(one.pointer) && (await isComponent(ports, one, revisions, log))
    named.push(one.pointer === null || spelled ? one : { ...one, pointer: asBytes(one.pointer) })
  }
  return named
}

async function isComponent(
  ports: Ports,
  { resource, pointer }: Selected,
  revisions: readonly (Revision | null)[],
  log: CallLog,
): Promise<boolean> {
  for (const revision of revisions) {
    const held = revision?.resources[resource]
    const components = held === undefined ? null : kindFor(ports, held.kind).components
    if (held === undefined || components === null || pointer === null) continue
    const bound = { world: primaryWorld(revision), resource: held.id, during: 'select', limits: held.terms, log }
    if ((await reading(ports, bound, (call) => components.get(held.state, pointer, call))) !== undefined) return true
  }
  return false
}

function asBytes(pointer: string): string {
  if (!SHOWN_BYTE.test(pointer)) return pointer
  const parts = pointer.split(new RegExp(SHOWN_BYTE, 'gi'))
  return decodeName(Buffer.concat(parts.map((part, index) => (index % 2 === 0 ? encodeName(part) : Buffer.from(part, 'hex')))))
}

/** Those who refer, directly or through others, to an output that changes with what was chosen. */
export function followersOf(ports: Pick<Ports, 'kinds'>, head: Revision, chosen: readonly Selected[]): readonly string[] {
  const moving = new Set(
    chosen
      .filter(({ resource, pointer }) => pointer === null || kindFor(ports, head.resources[resource]?.kind ?? '').prepareParts === null)
      .map(({ resource }) => resource),
  )
  const followers = new Set<string>()
  for (let before = -1; before !== followers.size;) {
    before = followers.size
    for (const [name, held] of Object.entries(head.resources)) {
      if (moving.has(name)) continue
      const follows = holesOf(held.spec).some(({ hole }) => {
        const other = head.resources[hole.$ref]
        return moving.has(hole.$ref) && other !== undefined && !kindFor(ports, other.kind).lasting.includes(hole.output)
      })
      if (!follows) continue
      moving.add(name)
      followers.add(name)
    }
  }
  return [...followers].toSorted()
}

/** Those who refer, directly or through others, to something chosen that is not there in the wanted revision: it cannot go without them. */
export function usersOfGone(head: Revision, wanted: Revision | null, chosen: readonly Selected[]): readonly string[] {
  const named = chosen.flatMap(({ resource, pointer }) => (pointer === null ? [resource] : []))
  const gone = new Set(named.filter((name) => head.resources[name] !== undefined && wanted?.resources[name] === undefined))
  const users = new Set<string>()
  for (let before = -1; before !== users.size;) {
    before = users.size
    for (const [name, { spec }] of Object.entries(head.resources)) {
      if (gone.has(name) || !holesOf(spec).some(({ hole }) => gone.has(hole.$ref))) continue
      users.add(name)
      if (wanted?.resources[name] === undefined) gone.add(name)
    }
  }
  return [...users].filter((name) => !named.includes(name)).toSorted()
}

/**
 * Those that something chosen refers to, directly or through others, where it comes back and they are not there, or say something
 * else by now: it cannot be what it was without them.
 */
export function neededFor(head: Revision, wanted: Revision | null, chosen: readonly Selected[]): readonly string[] {
  const needed = new Set<string>()
  const visit = (name: string): void => {
    for (const { hole } of holesOf(wanted?.resources[name]?.spec ?? null)) {
      const other = hole.$ref
      const [now, then] = [head.resources[other], wanted?.resources[other]]
      if (then === undefined || needed.has(other)) continue
      if (now !== undefined && equal(outputOf(now.out, hole.output) ?? null, outputOf(then.out, hole.output) ?? null)) continue
      needed.add(other)
      if (now === undefined) visit(other)
    }
  }
  for (const { resource, pointer } of chosen) if (pointer === null && head.resources[resource] === undefined) visit(resource)
  for (const { resource } of chosen) needed.delete(resource)
  return [...needed].toSorted()
}

/** A revision in the names of another one: what was renamed since is known by what it is, not by what it was called. */
export function inNamesOf(head: Revision, revision: Revision): Revision {
  const now = new Map(Object.entries(head.resources).map(([name, { id }]) => [id, name]))
  const names = new Map(Object.entries(revision.resources).map(([name, { id }]) => [name, now.get(id) ?? name]))
  if ([...names].every(([was, is]) => was === is)) return revision
  const renamed = (value: Json): Json => {
    if (Array.isArray(value)) return value.map((item) => renamed(item))
    if (!isObject(value)) return value
    const entries = Object.entries(value).map(([key, member]): [string, Json] => {
      const isName = key === '$ref' && typeof member === 'string' && typeof value['output'] === 'string'
      return [key, isName ? (names.get(member) ?? member) : renamed(member)]
    })
    return Object.fromEntries(entries)
  }
  const resources = Object.entries(revision.resources).map(([name, held]): [string, Held] => {
    const dependsOn = held.terms.dependsOn.map((other) => names.get(other) ?? other)
    return [names.get(name) ?? name, { ...held, spec: renamed(held.spec), asked: renamed(held.asked), terms: { ...held.terms, dependsOn } }]
  })
  return { ...revision, resources: Object.fromEntries(resources) }
}
