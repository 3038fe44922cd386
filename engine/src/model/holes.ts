// Owns: what stands in a spec for values that are known later: finding and filling.
// Never: guesses; a hole that cannot be filled stays and is reported.
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import type { Hole } from './intent.ts'

export type Outputs = (name: string, output: string) => Json | undefined

/** The hole that a value is, or null. */
export function holeIn(value: Json): Hole | null {
  if (!isObject(value)) return null
  const { $ref, output } = value
  return typeof $ref === 'string' && typeof output === 'string' ? { $ref, output } : null
}

function joinedIn(value: Json): readonly Json[] | null {
  if (!isObject(value)) return null
  const { $join } = value
  return Array.isArray($join) ? $join : null
}

/** All holes of a spec with the path to the value they stand in. */
export function holesOf(spec: Json): readonly { readonly hole: Hole; readonly path: readonly (string | number)[] }[] {
  const found: { hole: Hole; path: (string | number)[] }[] = []
  const walk = (value: Json, path: (string | number)[]): void => {
    const hole = holeIn(value)
    const joined = joinedIn(value)
    if (hole !== null) found.push({ hole, path })
    else if (joined !== null) for (const part of joined) walk(part, path)
    else if (Array.isArray(value)) value.forEach((item: Json, index) => walk(item, [...path, index]))
    else if (isObject(value)) for (const [key, member] of Object.entries(value)) walk(member, [...path, key])
  }
  walk(spec, [])
  return found
}

/** The spec with all holes filled that `outputs` knows. Whole values keep their type; parts of a text become text. */
export function fillHoles(spec: Json, outputs: Outputs): { readonly spec: Json; readonly open: readonly Hole[] } {
  const open: Hole[] = []
  const fill = (value: Json): Json => {
    const hole = holeIn(value)
    if (hole !== null) {
      const known = outputs(hole.$ref, hole.output)
      if (known !== undefined) return known
      open.push(hole)
      return value
    }
    const joined = joinedIn(value)
    if (joined !== null) {
      const parts = joined.map((part) => fill(part))
      if (parts.some((part) => isObject(part))) return { $join: parts }
      return parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join('')
    }
    if (Array.isArray(value)) return value.map((item: Json) => fill(item))
    if (isObject(value)) {
      const copy: Record<string, Json> = {}
      for (const [key, member] of Object.entries(value)) copy[key] = fill(member)
      return copy
    }
    return value
  }
  return { spec: fill(spec), open }
}
