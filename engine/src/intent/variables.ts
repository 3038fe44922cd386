// Owns: the variables of a stack: declared where, given where, with which value.
// Never: shows the value of a secret one; never lets a typing error pass as a new variable.
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import { fieldsOf, namedMembers } from './fields.ts'
import { memberOf, nameOfType } from './located.ts'
import type { Span, Tree } from './located.ts'
import { quoted } from './snippet.ts'

export type VariableType = 'string' | 'number' | 'boolean'

export interface Variable {
  /** Undefined: it has none, and that has been complained about. */
  readonly value: string | number | boolean | undefined
  readonly secret: boolean
}

/** What was given from outside: as text by `--var`, or as a value of a file. */
export type Given = { readonly text: string } | { readonly tree: Tree; readonly key: Span }

export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/
const types: readonly VariableType[] = ['string', 'number', 'boolean']
const hintByType: Readonly<Record<VariableType, string>> = {
  string: 'Put it in quotes.',
  number: 'Write it in digits, without quotes.',
  boolean: 'Write true or false, without quotes.',
}

/** `used`: names that a module has asked for itself, which need no declaration. */
export function readVariables(
  declared: Tree | undefined,
  given: ReadonlyMap<string, Given>,
  used: ReadonlySet<string>,
  complaints: Complaints,
): ReadonlyMap<string, Variable> {
  const fields = fieldsOf(complaints)
  const map = fields.mapping(declared, 'variables')
  const variables = new Map<string, Variable>()
  const nameRule = 'Letters, digits, hyphens and underscores, beginning with a letter, at most 63.'
  for (const [name, { key, value }] of namedMembers(map, 'variable', VARIABLE, nameRule, complaints)) {
    variables.set(name, readVariable(name, key, value, given.get(name), complaints))
  }
  const names = [...(map?.members.keys() ?? [])]
  for (const [name, item] of given) {
    if (names.includes(name) || used.has(name)) continue
    const detail = 'text' in item ? `--var ${quoted(name)}` : `variable ${quoted(name)}`
    const hint = () => `${didYouMean(name, names, 'variables')} Variables are declared under \`variables:\` in the stack file.`
    complaints.add({ code: 'intent.unknown-variable', span: 'text' in item ? null : item.key, detail, hint })
  }
  return variables
}

function readVariable(name: string, key: Span, tree: Tree, given: Given | undefined, complaints: Complaints): Variable {
  const fields = fieldsOf(complaints)
  if (tree.type === 'map') fields.known(tree, ['default', 'description', 'type', 'secret'], `variable ${name}`)
  const fallback = tree.type === 'map' ? memberOf(tree, 'default') : tree
  const secret = fields.flag(memberOf(tree, 'secret'), `secret of variable ${name}`) ?? false
  const type = fields.choice(memberOf(tree, 'type'), `type of variable ${name}`, types) ?? typeOf(fallback)
  fields.text(memberOf(tree, 'description'), `description of variable ${name}`)
  const hasDefault = fallback !== undefined && !(fallback.type === 'leaf' && fallback.value === null)
  if (secret && hasDefault) {
    hideLeaf(fallback, complaints)
    const hint = 'A secret does not belong into the stack file: remove the default and give it by --var-file or `secrets:`.'
    complaints.add({ code: 'intent.secret-place', span: key, detail: `default of the secret variable ${name}`, hint })
    return { value: undefined, secret }
  }
  if (given !== undefined) {
    const value = 'text' in given ? fromText(name, given.text, type, secret, complaints) : fromTree(name, given.tree, type, complaints)
    if (secret && typeof value === 'string') complaints.hide(value)
    return { value, secret }
  }
  if (hasDefault) return { value: fromTree(name, fallback, type, complaints), secret }
  const hint = `Give it with \`--var ${name}=…\` or in a file with \`--var-file\`, or declare a default.`
  complaints.add({ code: 'intent.missing-variable', span: key, detail: `variable ${name}`, hint })
  return { value: undefined, secret }
}

function typeOf(fallback: Tree | undefined): VariableType {
  const kind = fallback?.type === 'leaf' ? typeof fallback.value : 'string'
  return kind === 'number' || kind === 'boolean' ? kind : 'string'
}

function fromText(name: string, text: string, type: VariableType, secret: boolean, complaints: Complaints) {
  if (type === 'string') return text
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  if (type === 'number' && /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text))) return Number(text)
  const shown = secret ? '' : `, not ${quoted(text)}`
  const hint = type === 'boolean' ? 'Write true or false.' : 'Write a number in digits.'
  complaints.add({ code: 'intent.wrong-value', span: null, detail: `--var ${name}: a ${type} is wanted${shown}`, hint })
  return undefined
}

function fromTree(name: string, tree: Tree, type: VariableType, complaints: Complaints) {
  if (tree.type === 'leaf' && tree.value !== null && typeof tree.value === type) {
    if (typeof tree.value !== 'string' || !tree.value.includes('${')) return tree.value
    const hint = 'The value of a variable is plain text; put references where the variable is used.'
    complaints.add({ code: 'intent.bad-reference', span: tree.span, detail: `value of variable ${name}`, hint })
    return undefined
  }
  if (tree.type === 'unknown') return undefined
  const detail = `value of variable ${name} must be a ${type}, not ${nameOfType(tree)}`
  complaints.add({ code: 'intent.wrong-type', span: tree.span, detail, hint: hintByType[type] })
  return undefined
}

function hideLeaf(tree: Tree, complaints: Complaints): void {
  if (tree.type === 'leaf' && tree.value !== null) complaints.hide(String(tree.value))
}
