// Owns: whether a spec fits its kind, as far as that can be said before its holes are filled.
// Never: complains about a place that a hole or an unknown value touches.
import { isObject } from '@understudy/contract'
import type { Issue, Json } from '@understudy/contract'
import { holesOf } from '../model/holes.ts'
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import type { KindShape } from './kind-table.ts'
import type { Span, Tree } from './located.ts'
import { quoted } from './snippet.ts'

export interface SpecToCheck {
  readonly resource: string
  readonly kind: string
  readonly spec: Json
  readonly tree: Tree
  /** Where to point when the spec as a whole is meant. */
  readonly whole: Span
}

export function checkSpec({ resource, kind, spec, tree, whole }: SpecToCheck, shape: KindShape, complaints: Complaints): void {
  const { ok, issues } = shape.parseSpec(spec)
  if (ok) return
  const holes = holesOf(spec).map(({ path }) => path.map(String))
  const add = (span: Span, detail: string, hint: string | (() => string)) =>
    complaints.add({ code: 'intent.wrong-spec', span, detail, hint, resource })
  for (const issue of issues) {
    const path = issue.path.map(String)
    const name = path.length === 0 ? 'the spec' : `spec/${path.join('/')}`
    const { node, key, found } = follow(tree, path)
    const extra = extraKeys(issue)
    if (extra.length > 0 && node.type === 'map') {
      const known = keysAt(shape.describeSpec(), path)
      for (const wrong of extra) {
        const hint = () => didYouMean(wrong, known, `keys of ${name}`)
        add(node.members.get(wrong)?.key ?? node.span, `${kind} knows no key ${quoted(wrong)} in ${name}`, hint)
      }
    } else if (!found) {
      if (holes.some((hole) => startsWith(path, hole))) continue
      add(
        path.length === 1 ? whole : (key ?? node.span),
        `${name} is missing`,
        `${kind} needs it (${issue.message.replace('Invalid input: ', '').replace(', received undefined', '')}).`,
      )
    } else if (isSecret(valueAt(spec, path))) {
      const hint = `${kind} takes no secret here: give it where the kind declares one.`
      complaints.add({ code: 'intent.secret-place', span: node.span, detail: `${name} of ${kind}`, hint, resource })
    } else if (!holes.some((hole) => startsWith(hole, path) || startsWith(path, hole))) {
      add(path.length === 0 ? whole : node.span, `${name}: ${issue.message}`, `See the description of ${kind}.`)
    }
  }
}

/** The node at a path, or the deepest one on the way there. */
function follow(tree: Tree, path: readonly string[]): { readonly node: Tree; readonly key: Span | null; readonly found: boolean } {
  let node = tree
  let key: Span | null = null
  for (const step of path) {
    const member = node.type === 'map' ? node.members.get(step) : undefined
    const next = member?.value ?? (node.type === 'list' ? node.items[Number(step)] : undefined)
    if (next === undefined) return { node, key, found: node.type === 'leaf' }
    key = member?.key ?? null
    node = next
  }
  return { node, key, found: true }
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((step, index) => path[index] === step)
}

/** Keys that a strict object does not know, as zod names them beside the message. */
function extraKeys(issue: Issue): readonly string[] {
  if (!('keys' in issue) || !('code' in issue) || issue.code !== 'unrecognized_keys') return []
  const { keys } = issue
  return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : []
}

function isSecret(value: Json | undefined): boolean {
  return isObject(value) && typeof value['secret'] === 'string' && typeof value['mac'] === 'string'
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let at = value
  for (const step of path) {
    if (Array.isArray(at)) at = at[Number(step)]
    else if (isObject(at) && Object.hasOwn(at, step)) at = at[step]
    else return undefined
  }
  return at
}

/** Names of the properties that a JSON Schema has at a path of the value; empty where that is not plain to see. */
export function keysAt(schema: Json, path: readonly string[]): readonly string[] {
  let at: Json | undefined = schema
  for (const step of path) {
    if (!isObject(at)) return []
    const { properties, items, additionalProperties }: Readonly<Record<string, Json>> = at
    at = (isObject(properties) && Object.hasOwn(properties, step) ? properties[step] : undefined) ?? items ?? additionalProperties
  }
  return isObject(at) && isObject(at['properties']) ? Object.keys(at['properties']) : []
}
