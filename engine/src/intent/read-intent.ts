// Owns: stage 1: from a stack file with layers, variables and secrets to the intent, or to all that is wrong with it.
// Never: reads the live things; never keeps a secret's value.
import { canonical, faultOf } from '@understudy/contract'
import type { Digest, FaultData, Json } from '@understudy/contract'
import type { Intent } from '../model/intent.ts'
import { createComplaints } from './complaints.ts'
import type { Complaints } from './complaints.ts'
import { fieldsOf } from './fields.ts'
import { readGiven } from './given-variables.ts'
import type { KindTable } from './kind-table.ts'
import type { IntentInput, ReadFile } from './intent-input.ts'
import { layStack } from './lay-stack.ts'
import { memberOf, nameOfType } from './located.ts'
import type { Mapping, Tree } from './located.ts'
import { readLabels } from './read-labels.ts'
import { readPolicy } from './read-policy.ts'
import { readResources } from './read-resources.ts'
import { readStackName } from './read-stack-name.ts'
import { fillPlain } from './scope.ts'
import type { Scope } from './scope.ts'
import { quoted } from './snippet.ts'
import type { Sources } from '../world/sources.ts'
import { readVariables } from './variables.ts'
import type { Variable } from './variables.ts'

export type IntentResult = { readonly ok: true; readonly intent: Intent } | { readonly ok: false; readonly faults: readonly FaultData[] }

export const topKeys = ['stack', 'variables', 'secrets', 'labels', 'policy', 'providers', 'layers', 'resources']

/** Reports everything that is wrong at once (at most 20). Only a broken port throws. */
export async function readIntent(input: IntentInput, sources: Sources, kinds: KindTable): Promise<IntentResult> {
  const complaints = createComplaints()
  try {
    const intent = await read(input, sources, kinds, complaints)
    if (intent !== null && complaints.count === 0) return { ok: true, intent }
    return { ok: false, faults: complaints.faults() }
  } catch (thrown) {
    return { ok: false, faults: [faultOf(thrown, { stage: 'intent' })] }
  }
}

async function read(input: IntentInput, sources: Sources, kinds: KindTable, complaints: Complaints): Promise<Intent | null> {
  const files: ReadFile[] = []
  const given = await readGiven(input, sources, files, complaints)
  const laid = await layStack(input, given, sources, files, complaints)
  const root = laid === null ? null : rootOf(laid.tree, complaints)
  if (laid === null || root === null) return null
  const variables = readVariables(memberOf(root, 'variables'), given, laid.used, complaints)
  const stack = readStackName(root, { variables, stack: null }, complaints)
  const scope: Scope = { variables, stack }
  const filled = (key: string): Tree | undefined => {
    const tree = memberOf(root, key)
    return tree === undefined ? undefined : fillPlain(tree, scope, complaints)
  }
  const labels = readLabels(filled('labels'), 'the stack', complaints)
  const policy = readPolicy(filled('policy'), complaints)
  const providers = readProviders(filled('providers'), input.unusable ?? {}, complaints)
  const secrets = filled('secrets')
  const resources = await readResources(
    { file: input.file, resources: memberOf(root, 'resources'), secrets, scope, kinds },
    sources,
    complaints,
  )
  if (complaints.count > 0 || stack === null) return null
  const source = await nameSource(files, variables, input, sources)
  return { artefact: 'intent', stack, resources, policy, providers, labels, source }
}

function rootOf(tree: Tree, complaints: Complaints): Mapping | null {
  const fields = fieldsOf(complaints)
  if (tree.type !== 'map') {
    const hint = 'A stack file begins with `stack: NAME` and `resources:`.'
    const empty = tree.type === 'leaf' && tree.value === null
    const detail = empty ? 'the file is empty' : `a stack file is a mapping, not ${nameOfType(tree)}`
    complaints.add({ code: 'intent.wrong-type', span: tree.span, detail, hint })
    return null
  }
  fields.known(tree, topKeys, 'the stack file')
  return tree
}

/** Name of an npm package as the registry takes it: no path, no URL, no version. */
const PACKAGE = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/

function readProviders(tree: Tree | undefined, unusable: Readonly<Record<string, string>>, complaints: Complaints): readonly string[] {
  const fields = fieldsOf(complaints)
  const names: string[] = []
  for (const item of fields.list(tree, 'providers')) {
    const name = fields.text(item, 'a provider')
    if (name === null) continue
    if (!PACKAGE.test(name) || name.length > 214) {
      const hint = 'Write the name of an installed npm package, without version or path.'
      complaints.add({ code: 'intent.wrong-name', span: item.span, detail: `${quoted(name)} as the name of a package`, hint })
    } else if (names.includes(name)) {
      complaints.add({ code: 'intent.duplicate-key', span: item.span, detail: `provider ${name}`, hint: 'Name it once.' })
    } else names.push(name)
    const why = unusable[name]
    if (why === undefined) continue
    const hint = 'Install it beside the stack file (npm install), or correct its name under `providers:`.'
    complaints.add({ code: 'kind.no-package', span: item.span, detail: `${name}: ${why}`, hint })
  }
  return names
}

/** What was read, kept sealed and named: files by content, variables by value, secret ones by their seal. */
async function nameSource(
  files: readonly ReadFile[],
  variables: ReadonlyMap<string, Variable>,
  { env, layers = [] }: IntentInput,
  sources: Sources,
): Promise<Digest> {
  const bytesOf = (text: string) => new TextEncoder().encode(text)
  const read: Json[] = []
  for (const { file, bytes } of files) read.push({ file: file.slice(file.lastIndexOf('/') + 1), content: await sources.seal(bytes) })
  const values: [string, Json][] = []
  for (const [name, { value, secret }] of variables) {
    values.push([name, secret ? { secret: name, mac: await sources.seal(bytesOf(String(value))) } : (value ?? null)])
  }
  const source: Json = { files: read, variables: Object.fromEntries(values), env: env ?? null, layers: [...layers] }
  return sources.seal(bytesOf(canonical(source)))
}
