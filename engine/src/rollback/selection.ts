// Owns: what a selective rollback covers: the chosen, and who has to follow because they refer to what changes.
// Never: leaves a follower out silently.
import { Fault } from '@understudy/contract'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import { holesOf } from '../model/holes.ts'
import type { Revision } from '../model/plan.ts'

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
