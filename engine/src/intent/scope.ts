// Owns: what a reference can name, and filling those that are known at once: variables and the stack's name.
// Never: fills outputs (they are known later) or secrets (they are sealed).
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import type { Leaf, Member, Tree } from './located.ts'
import { quoted } from './snippet.ts'
import { parseTemplate } from '../model/template.ts'
import type { Reference, TemplatePart } from '../model/template.ts'
import type { Variable } from './variables.ts'

/** Names that a resource cannot have: they mean something else in a reference. */
export const RESERVED: readonly string[] = ['var', 'secret', 'stack']

export interface Scope {
  readonly variables: ReadonlyMap<string, Variable>
  /** Null while it is not known. */
  readonly stack: string | null
}

/** The parts of a text, or null (and a complaint) where it is not written as it must be. */
export function templateOf(text: string, leaf: Leaf, complaints: Complaints, resource?: string): readonly TemplatePart[] | null {
  const template = parseTemplate(text)
  if (template.ok) return template.parts
  const named = resource === undefined ? {} : { resource }
  const hint = `A reference is \${resource.output}, \${var.name} or \${secret.name}. If it is meant as plain text, write $${quoted(template.at).slice(1, -1)}`
  const detail = `${quoted(template.at)}: ${template.problem}`
  complaints.add({ code: 'intent.bad-reference', span: leaf.span, detail, hint, ...named })
  return null
}

/** The value of `${var.x}` or `${stack.name}`; undefined where it has none, after a complaint here or earlier. */
export function knownValue({ name, output }: Reference, scope: Scope, leaf: Leaf, complaints: Complaints) {
  if (name === 'stack') {
    if (output === 'name') return scope.stack ?? undefined
    const hint = `There is only \${stack.name}.`
    complaints.add({ code: 'intent.bad-reference', span: leaf.span, detail: `\${stack.${output}}`, hint })
    return undefined
  }
  const variable = scope.variables.get(output)
  if (variable !== undefined) return variable.value
  const hint = () => `${didYouMean(output, [...scope.variables.keys()], 'variables')} Variables are declared under \`variables:\`.`
  complaints.add({ code: 'intent.unknown-variable', span: leaf.span, detail: `\${var.${output}}`, hint })
  return undefined
}

export function isSecretReference({ name, output }: Reference, scope: Scope): boolean {
  return name === 'secret' || (name === 'var' && scope.variables.get(output)?.secret === true)
}

/** A tree outside the specs: variables are filled in, everything else that refers is refused. */
export function fillPlain(tree: Tree, scope: Scope, complaints: Complaints): Tree {
  if (tree.type === 'list') return { ...tree, items: tree.items.map((item) => fillPlain(item, scope, complaints)) }
  if (tree.type === 'map') {
    const members = new Map<string, Member>()
    for (const [key, member] of tree.members) members.set(key, { ...member, value: fillPlain(member.value, scope, complaints) })
    return { ...tree, members }
  }
  if (tree.type !== 'leaf' || typeof tree.value !== 'string' || !tree.value.includes('${')) return tree
  const unknown: Tree = { type: 'unknown', span: tree.span }
  const parts = templateOf(tree.value, tree, complaints)
  if (parts === null) return unknown
  const values: (string | number | boolean)[] = []
  for (const part of parts) {
    const value = typeof part === 'string' ? part : plainValue(part, scope, tree, complaints)
    if (value === undefined) return unknown
    values.push(value)
  }
  const [first = ''] = values
  return { ...tree, value: values.length === 1 ? first : values.map(String).join('') }
}

function plainValue(part: Reference, scope: Scope, leaf: Leaf, complaints: Complaints) {
  const written = `\${${part.name}.${part.output}}`
  if (isSecretReference(part, scope)) {
    const hint = 'Secrets can only stand in the spec of a resource.'
    complaints.add({ code: 'intent.secret-place', span: leaf.span, detail: written, hint })
    return undefined
  }
  if (RESERVED.includes(part.name)) return knownValue(part, scope, leaf, complaints)
  const hint = `Outputs can only be referred to in the spec of a resource; here only \${var.name} can stand.`
  complaints.add({ code: 'intent.bad-reference', span: leaf.span, detail: written, hint })
  return undefined
}
