// Owns: from a path to the tree of a stack file, layer or file of variables: YAML, JSON or a module.
// Never: knows what is to be in it.
import { Fault, isObject } from '@understudy/contract'
import type { Complaints } from './complaints.ts'
import { decodeText } from './decode-text.ts'
import type { StackContext } from './define-stack.ts'
import type { Source, Span, Tree } from './located.ts'
import { placeInModule } from './module-error.ts'
import { treeOfValue } from './read-module.ts'
import { readYaml } from './read-yaml.ts'
import type { Sources } from '../world/sources.ts'
import { codeOf } from './place-in-code.ts'

export interface Loaded {
  readonly tree: Tree
  readonly bytes: Uint8Array
}

export function isModule(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file)
}

/** Null when it is not there. Faults that the port throws are complaints. */
export async function readBytes(file: string, sources: Sources, complaints: Complaints): Promise<Uint8Array | null> {
  try {
    return await sources.read(file)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    const { detail, hint } = thrown.fault
    const source: Source = { file, text: null, shown: false, root: null }
    complaints.add({ code: 'intent.unreadable-file', span: { source, start: 0, end: 0 }, detail, hint })
    return null
  }
}

/** The tree of YAML or JSON bytes. `shown`: lines of it may be quoted in errors. */
export function loadText(file: string, bytes: Uint8Array, shown: boolean, complaints: Complaints): Tree | null {
  const source = decodeText(file, bytes, shown, complaints)
  return source === null ? null : readYaml(source, complaints)
}

/** The tree of what a module exports as default: an object, or what a function (also an async one) gives. */
export async function loadModule(
  file: string,
  bytes: Uint8Array,
  context: StackContext,
  sources: Sources,
  complaints: Complaints,
): Promise<Tree | null> {
  const source: Source = { file, text: null, shown: false, code: new TextDecoder().decode(bytes), root: null }
  const refuse = (detail: string, hint: string, span: Span = { source, start: 0, end: 0 }): null => {
    complaints.add({ code: 'intent.module-failed', span, detail, hint })
    return null
  }
  const threw = (what: string, thrown: unknown, hint: string): null => {
    const { span, elsewhere } = placeInModule(thrown, codeOf(source) ?? source)
    return refuse(`${what}${textOf(thrown)}${elsewhere === null ? '' : ` (at ${elsewhere})`}`, hint, span ?? undefined)
  }
  let exported: unknown
  try {
    exported = await sources.importModule(file)
  } catch (thrown) {
    return threw('', thrown, 'The module must load on its own: try `node` on it.')
  }
  if (!isObject(exported) || !('default' in exported)) {
    return refuse('it has no default export', 'Write `export default defineStack({ stack: …, resources: { … } })`.')
  }
  let value: unknown = exported['default']
  if (typeof value === 'function') {
    try {
      value = await Reflect.apply(value, undefined, [context])
    } catch (thrown) {
      return threw('its function threw: ', thrown, 'Correct the function.')
    }
  }
  return treeOfValue(value, source, complaints)
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}
