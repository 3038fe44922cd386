// Owns: from the spec as written to the spec of the intent: variables filled, outputs as holes, secrets as seals.
// Never: looks anything up that is not in its arguments.
import type { Json } from '@understudy/contract'
import type { Hole } from '../model/intent.ts'
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import { outputsOf } from './kind-table.ts'
import type { KindTable } from './kind-table.ts'
import type { Leaf, Span, Tree } from './located.ts'
import { isSecretReference, knownValue, RESERVED, templateOf } from './scope.ts'
import type { Scope } from './scope.ts'
import type { Sealed } from './seal-secrets.ts'
import { quoted } from './snippet.ts'
import type { Reference } from '../model/template.ts'

/** One resource refers to another: where. */
export interface Edge {
  readonly to: string
  readonly span: Span
}

export interface Names {
  readonly scope: Scope
  readonly sealed: Sealed
  readonly kinds: KindTable
  /** Each resource with its kind; null where that is not known. */
  readonly kindOf: ReadonlyMap<string, string | null>
  /** Former name → the name it has now. */
  readonly moved: ReadonlyMap<string, string>
}

export interface Resolved {
  readonly spec: Json
  readonly edges: readonly Edge[]
}

/** Stands for what has been complained about already; nothing with it leaves the stage. */
const unknown: Hole = { $ref: 'var', output: 'unknown' }

export function resolveSpec(tree: Tree, resource: string, names: Names, complaints: Complaints): Resolved {
  const edges: Edge[] = []
  const resolve = (node: Tree): Json => {
    if (node.type === 'unknown') return { ...unknown }
    if (node.type === 'list') return node.items.map(resolve)
    if (node.type === 'leaf') return typeof node.value === 'string' && node.value.includes('${') ? text(node.value, node) : node.value
    const entries: [string, Json][] = []
    for (const [key, member] of node.members) {
      if (key.startsWith('$') || key.includes('${')) {
        const hint = 'Keys that begin with $ or hold a reference are not supported; only values can refer.'
        complaints.add({ code: 'intent.refused-key', span: member.key, detail: `key ${quoted(key)}`, hint, resource })
      } else entries.push([key, resolve(member.value)])
    }
    return Object.fromEntries(entries)
  }
  const text = (written: string, leaf: Leaf): Json => {
    const seal = names.sealed.get(written)
    if (seal !== undefined) return { secret: seal.secret, mac: seal.mac }
    const parts = templateOf(written, leaf, complaints, resource)
    if (parts === null) return { ...unknown }
    // What is wrong with a text that holds a secret has been said when it was to be sealed.
    const said = parts.some((part) => typeof part !== 'string' && isSecretReference(part, names.scope))
    const values = parts.map((part) => (typeof part === 'string' ? part : valueOf(part, leaf, said)))
    const [first = ''] = values
    return values.length === 1 ? plainHole(first) : joined(values)
  }
  const valueOf = (part: Reference, leaf: Leaf, said: boolean): string | number | boolean | Hole => {
    if (said && RESERVED.includes(part.name)) return unknown
    if (RESERVED.includes(part.name)) return knownValue(part, names.scope, leaf, complaints) ?? unknown
    if (checkReference(part, resource, leaf.span, names, complaints)) edges.push({ to: part.name, span: leaf.span })
    return { $ref: part.name, output: part.output }
  }
  return { spec: resolve(tree), edges }
}

function plainHole(value: string | number | boolean | Hole): Json {
  return typeof value === 'object' ? { $ref: value.$ref, output: value.output } : value
}

/** Text when nothing is open; else the parts, neighbouring text put together. */
function joined(values: readonly (string | number | boolean | Hole)[]): Json {
  const parts: (string | Hole)[] = []
  for (const value of values) {
    const last = parts.at(-1)
    if (typeof value === 'object') parts.push(value)
    else if (typeof last === 'string') parts[parts.length - 1] = last + String(value)
    else parts.push(String(value))
  }
  const [only] = parts
  return parts.length === 1 && typeof only === 'string' ? only : { $join: parts.map(plainHole) }
}

/** True where the resource is there (the edge counts for cycles). */
function checkReference({ name, output }: Reference, resource: string, span: Span, names: Names, complaints: Complaints): boolean {
  const written = `\${${name}.${output}}`
  const kind = names.kindOf.get(name)
  if (kind === undefined) {
    const hint = () => resourceHint(name, names)
    complaints.add({ code: 'intent.unknown-resource', span, detail: written, hint, resource })
    return false
  }
  const shape = kind === null ? null : names.kinds.schemaOf(kind)
  const outputs = shape === null ? null : outputsOf(shape)
  if (outputs !== null && !outputs.includes(output)) {
    const hint = () => didYouMean(output, outputs, `outputs of ${kind}`)
    complaints.add({ code: 'intent.unknown-output', span, detail: `${written}: ${name} is a ${kind}`, hint, resource })
  }
  return true
}

/** What may have been meant by the name of a resource that is not there. */
export function resourceHint(name: string, names: Names): string {
  const now = names.moved.get(name)
  if (now !== undefined) return `It is called "${now}" now (movedFrom: ${name}).`
  return didYouMean(name, [...names.kindOf.keys()], 'resources')
}
