// Owns: every text of the specs that holds a secret: read, put together, sealed, known by what was written.
// Never: keeps or shows a value in the clear; never reads a secret that nothing refers to.
import { dirname } from 'node:path'
import { Fault } from '@understudy/contract'
import type { Secret } from '@understudy/contract'
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import { fieldsOf, namedMembers } from './fields.ts'
import { memberOf } from './located.ts'
import type { Leaf, Member, Tree } from './located.ts'
import { isSecretReference, knownValue, RESERVED, templateOf } from './scope.ts'
import type { Scope } from './scope.ts'
import { quoted } from './snippet.ts'
import type { Sources } from '../world/sources.ts'
import type { Reference, TemplatePart } from '../model/template.ts'
import { VARIABLE } from './variables.ts'

/** Text as it is written in the file → the secret it stands for. */
export type Sealed = ReadonlyMap<string, Secret>

export interface SecretsInput {
  readonly file: string
  /** The section `secrets:`, variables filled. */
  readonly declared: Tree | undefined
  readonly specs: readonly Tree[]
  readonly scope: Scope
}

export async function sealSecrets(input: SecretsInput, sources: Sources, complaints: Complaints): Promise<Sealed> {
  const declared = new Map(declaredSecrets(input.declared, complaints))
  const values = new Map<string, string | null>()
  const sealed = new Map<string, Secret>()
  const valueOf = async (part: Reference, leaf: Leaf): Promise<string | null> => {
    if (part.name !== 'secret') return textOf(knownValue(part, input.scope, leaf, complaints))
    const member = declared.get(part.output)
    if (member === undefined) {
      const hint = () => `${didYouMean(part.output, [...declared.keys()], 'secrets')} Secrets are declared under \`secrets:\`.`
      complaints.add({ code: 'intent.unknown-secret', span: leaf.span, detail: `\${secret.${part.output}}`, hint })
      return null
    }
    let value = values.get(part.output)
    if (value === undefined) {
      value = await readSecret(part.output, member, input.file, sources, complaints)
      if (value !== null) complaints.hide(value)
      values.set(part.output, value)
    }
    return value
  }
  for (const leaf of leavesWithSecrets(input.specs, input.scope)) {
    const { text, parts } = leaf
    if (sealed.has(text)) continue
    if (parts.some((part) => typeof part !== 'string' && !RESERVED.includes(part.name))) {
      const hint = 'A secret and an output that is known later cannot be put together in one text: use two settings.'
      complaints.add({ code: 'intent.secret-place', span: leaf.leaf.span, detail: quoted(text), hint })
      continue
    }
    const whole: (string | null)[] = []
    for (const part of parts) whole.push(typeof part === 'string' ? part : await valueOf(part, leaf.leaf))
    if (!whole.includes(null)) sealed.set(text, { secret: text, mac: await sources.seal(new TextEncoder().encode(whole.join(''))) })
  }
  return sealed
}

function textOf(value: string | number | boolean | undefined): string | null {
  return value === undefined ? null : String(value)
}

function* leavesWithSecrets(
  trees: Iterable<Tree>,
  scope: Scope,
): Generator<{ readonly leaf: Leaf; readonly text: string; readonly parts: readonly TemplatePart[] }> {
  for (const tree of trees) {
    if (tree.type === 'list') yield* leavesWithSecrets(tree.items, scope)
    if (tree.type === 'map')
      yield* leavesWithSecrets(
        [...tree.members.values()].map(({ value }) => value),
        scope,
      )
    if (tree.type !== 'leaf' || typeof tree.value !== 'string' || !tree.value.includes('${')) continue
    // What is not a reference is complained about where the spec is resolved.
    const parts = templateOf(tree.value, tree, silent)
    if (parts?.some((part) => typeof part !== 'string' && isSecretReference(part, scope)) === true)
      yield { leaf: tree, text: tree.value, parts }
  }
}

const silent: Complaints = { add: () => undefined, hide: () => undefined, count: 0, faults: () => [] }

function declaredSecrets(tree: Tree | undefined, complaints: Complaints): readonly [string, Member][] {
  const fields = fieldsOf(complaints)
  const rule = 'Letters, digits, hyphens and underscores, beginning with a letter, at most 63.'
  const members = namedMembers(fields.mapping(tree, 'secrets'), 'secret', VARIABLE, rule, complaints)
  for (const [name, { key, value }] of members) {
    const map = fields.mapping(value, `secret ${name}`)
    if (map === null) continue
    fields.known(map, ['env', 'file'], `secret ${name}`)
    fields.text(memberOf(map, 'env'), `env of secret ${name}`)
    fields.text(memberOf(map, 'file'), `file of secret ${name}`)
    if (map.members.has('env') === map.members.has('file')) {
      const hint = 'Write `{env: NAME}` or `{file: PATH}`.'
      complaints.add({ code: 'intent.missing-key', span: key, detail: `secret ${name} needs either env or file`, hint })
    }
  }
  return members
}

async function readSecret(
  name: string,
  { key, value }: Member,
  stackFile: string,
  sources: Sources,
  complaints: Complaints,
): Promise<string | null> {
  const env = memberOf(value, 'env')
  const file = memberOf(value, 'file')
  const refuse = (detail: string, hint: string): null => {
    complaints.add({ code: 'intent.missing-secret', span: key, detail: `secret ${name}: ${detail}`, hint })
    return null
  }
  if (env?.type === 'leaf' && typeof env.value === 'string') {
    const found = sources.environment(env.value)
    if (found === undefined) return refuse(`${quoted(env.value)} is not set in the environment`, `Set it: ${env.value}=… understudy …`)
    return found === '' ? refuse(`${quoted(env.value)} is empty`, 'Set it to the secret.') : found
  }
  if (file?.type !== 'leaf' || typeof file.value !== 'string') return null
  try {
    const bytes = await sources.read(sources.resolve(dirname(stackFile), file.value))
    if (bytes === null) return refuse(`file ${quoted(file.value)} is not there`, 'The path starts at the folder of the stack file.')
    // Editors and `echo` put a line end behind it that nobody means.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return text === '' ? refuse(`file ${quoted(file.value)} is empty`, 'Write the secret into it.') : text
  } catch (thrown) {
    const why = thrown instanceof Fault ? thrown.fault.detail : 'it is not UTF-8 text'
    return refuse(`file ${quoted(file.value)} cannot be read: ${why}`, 'Check its rights and content.')
  }
}
