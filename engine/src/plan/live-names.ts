// Owns: telling who is given a live name where it should be given a side: what it reads while it is prepared is the old one.
// Never: refuses: a program that reads anew with every request is right with the live name.
import type { Json } from '@understudy/contract'
import { isObject } from '@understudy/contract'
import type { Kind } from '../exec/kind.ts'
import { holesOf } from '../model/holes.ts'
import type { PlanNote } from '../model/plan.ts'

export interface Named {
  readonly name: string
  readonly kind: Kind
  readonly mode: 'beside' | 'in-place'
  readonly spec: Json
}

/**
 * What runs (it can be probed) opens what it is given when it starts, and it starts before its wave is turned. An output
 * that lasts then still leads to the old side of what is prepared beside. `changing`: names with a step that makes something.
 */
export function liveNames(resources: readonly Named[], changing: ReadonlySet<string>): readonly PlanNote[] {
  return resources.flatMap(({ name, kind, spec }) => {
    if (kind.probe === null) return []
    const told = holesOf(spec).flatMap(({ hole: { $ref, output } }) => {
      const other = resources.find((resource) => resource.name === $ref)
      if (other === undefined || other.mode !== 'beside' || !changing.has($ref) || !other.kind.lasting.includes(output)) return []
      const bound = outputsOf(other.kind).find((known) => !other.kind.lasting.includes(known))
      if (bound === undefined) return []
      const why = changing.has(name) ? 'it is started before that leads to what comes' : 'it does not follow what changes there'
      return [`\${${$ref}.${output}} is a name for outsiders: ${why}. \${${$ref}.${bound}} stays with the content`]
    })
    return [...new Set(told)].map((text) => ({ code: 'live-name', resource: name, text }) as const)
  })
}

function outputsOf(kind: Kind): readonly string[] {
  const schema = kind.describeOut()
  const properties = isObject(schema) ? schema['properties'] : undefined
  return properties !== undefined && isObject(properties) ? Object.keys(properties) : []
}
