// Owns: the stack file with its layers laid over: those inside it and those in files beside it.
// Never: looks at what the values mean.
import { dirname, extname, join } from 'node:path'
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import { fieldsOf } from './fields.ts'
import { isModule, loadModule, loadText, readBytes } from './load-stack-file.ts'
import type { StackContext } from './define-stack.ts'
import { memberOf } from './located.ts'
import type { Mapping, Source, Span, Tree } from './located.ts'
import { mergeLayer } from './merge-layers.ts'
import type { IntentInput, ReadFile } from './intent-input.ts'
import { quoted } from './snippet.ts'
import type { Sources } from '../world/sources.ts'
import type { Given } from './variables.ts'

export interface Laid {
  readonly tree: Tree
  /** Names of variables that a module has asked for. */
  readonly used: ReadonlySet<string>
}

export const layerKeys = ['stack', 'variables', 'secrets', 'labels', 'policy', 'providers', 'resources']

export async function layStack(
  input: IntentInput,
  given: ReadonlyMap<string, Given>,
  sources: Sources,
  files: ReadFile[],
  complaints: Complaints,
): Promise<Laid | null> {
  const used = new Set<string>()
  const context = contextOf(given, input.env ?? null, used)
  /** Undefined: not there. Null: there, and of no use. */
  const load = async (file: string): Promise<Tree | null | undefined> => {
    const before = complaints.count
    const bytes = await readBytes(file, sources, complaints)
    if (bytes === null) return complaints.count > before ? null : undefined
    files.push({ file, bytes })
    return isModule(file) ? loadModule(file, bytes, context, sources, complaints) : loadText(file, bytes, true, complaints)
  }
  const tree = await load(input.file)
  if (tree === undefined) {
    const hint = '`understudy init` makes one; `-f FILE` names another.'
    complaints.add({ code: 'intent.missing-file', span: fileSpan(input.file), detail: 'there is no stack file', hint })
  }
  if (tree === undefined || tree === null) return null
  const inline = readInline(tree, complaints)
  let laid = tree
  for (const name of [...(input.env === undefined ? [] : [input.env]), ...(input.layers ?? [])]) {
    const parts = await layersOf(name, input.file, inline, load, complaints)
    for (const layer of parts) laid = layer.type === 'map' && laid.type === 'map' ? mergeLayer(laid, layer) : laid
  }
  return { tree: laid, used }
}

function fileSpan(file: string): Span {
  const source: Source = { file, text: null, shown: false, root: null }
  return { source, start: 0, end: 0 }
}

/** All layers in the stack file, used or not: a typing error in another environment's is an error today. */
function readInline(tree: Tree, complaints: Complaints): ReadonlyMap<string, Mapping> {
  const fields = fieldsOf(complaints)
  const layers = new Map<string, Mapping>()
  for (const [name, { value }] of fields.mapping(memberOf(tree, 'layers'), 'layers')?.members ?? []) {
    const map = fields.mapping(value, `layer ${name}`)
    if (map === null) continue
    fields.known(map, layerKeys, `layer ${name}`)
    layers.set(name, map)
  }
  return layers
}

async function layersOf(
  name: string,
  stackFile: string,
  inline: ReadonlyMap<string, Mapping>,
  load: (file: string) => Promise<Tree | null | undefined>,
  complaints: Complaints,
): Promise<readonly Tree[]> {
  const fields = fieldsOf(complaints)
  const checked = (tree: Tree, file: string): readonly Tree[] => {
    if (tree.type === 'leaf' && tree.value === null) return []
    const map = fields.mapping(tree, 'a layer')
    if (map !== null) fields.known(map, layerKeys, `layer ${file}`)
    return map === null ? [] : [map]
  }
  const found: Tree[] = []
  const own = inline.get(name)
  if (own !== undefined) found.push(own)
  const candidates = /[/.]/.test(name) ? [name] : besides(stackFile, name)
  for (const file of candidates) {
    const tree = await load(file)
    if (tree === undefined) continue
    return tree === null ? found : [...found, ...checked(tree, file)]
  }
  if (own === undefined) {
    const hint = () => `${didYouMean(name, [...inline.keys()], 'layers in the stack file')} It could also be the file ${candidates[0]}.`
    complaints.add({ code: 'intent.unknown-layer', span: null, detail: `layer ${quoted(name)}`, hint })
  }
  return found
}

/** `understudy.staging.yaml` beside `understudy.yaml`; beside a module also a module. */
function besides(stackFile: string, name: string): readonly string[] {
  const own = extname(stackFile)
  const stem = join(dirname(stackFile), stackFile.slice(stackFile.lastIndexOf('/') + 1, stackFile.length - own.length))
  return [...new Set([own, '.yaml', '.yml'])].map((extension) => `${stem}.${name}${extension}`)
}

function contextOf(given: ReadonlyMap<string, Given>, env: string | null, used: Set<string>): StackContext {
  const entries: [string, string | number | boolean][] = []
  for (const [name, item] of given) {
    if ('text' in item) entries.push([name, item.text])
    else if (item.tree.type === 'leaf' && item.tree.value !== null) entries.push([name, item.tree.value])
  }
  // What a module asks for itself needs no declaration, so asking is taken note of.
  const vars = new Proxy(Object.fromEntries(entries), {
    get(target, name) {
      if (typeof name !== 'string') return undefined
      used.add(name)
      return Object.hasOwn(target, name) ? target[name] : undefined
    },
    ownKeys(target) {
      for (const name of Object.keys(target)) used.add(name)
      return Object.keys(target)
    },
  })
  return { vars, env }
}
