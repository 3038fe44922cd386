// Owns: what the intent needs to know of the kinds: names, specs, outputs.
// Never: calls a provider.
import { isObject } from '@understudy/contract'
import type { Issue, Json } from '@understudy/contract'

export interface KindShape {
  parseSpec(value: Json): { readonly ok: boolean; readonly issues: readonly Issue[] }
  /** JSON Schema (2020-12) of the spec, and of the outputs. */
  describeSpec(): Json
  describeOut(): Json
}

export interface KindTable {
  /** Sorted. */
  readonly kinds: readonly string[]
  schemaOf(kind: string): KindShape | null
}

/** The table of registered kinds; descriptions are made once. */
export function kindTable(kinds: ReadonlyMap<string, KindShape>): KindTable {
  const shapes = new Map<string, KindShape>()
  for (const [name, kind] of kinds) {
    let spec: Json | undefined
    let out: Json | undefined
    shapes.set(name, {
      parseSpec: (value) => kind.parseSpec(value),
      describeSpec: () => (spec ??= kind.describeSpec()),
      describeOut: () => (out ??= kind.describeOut()),
    })
  }
  return { kinds: [...shapes.keys()].toSorted(), schemaOf: (kind) => shapes.get(kind) ?? null }
}

/** Names of the outputs, or null where the description leaves them open. */
export function outputsOf(shape: KindShape): readonly string[] | null {
  const names = namesIn(shape.describeOut())
  return names === null ? null : [...new Set(names)].toSorted()
}

function namesIn(schema: Json): readonly string[] | null {
  if (!isObject(schema)) return null
  const { properties, additionalProperties, anyOf, oneOf } = schema
  for (const variants of [anyOf, oneOf]) {
    if (!Array.isArray(variants)) continue
    const names = variants.map((variant: Json) => namesIn(variant))
    return names.some((found) => found === null) ? null : names.flatMap((found) => found ?? [])
  }
  const open = additionalProperties === true || isObject(additionalProperties)
  return isObject(properties) && !open ? Object.keys(properties) : null
}
