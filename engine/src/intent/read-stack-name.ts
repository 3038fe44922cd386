// Owns: the name of the stack in a stack file: as part of reading it, and alone from a file that may be broken elsewhere.
// Never: guesses: a name that cannot be read is null.
import { createComplaints } from './complaints.ts'
import type { Complaints } from './complaints.ts'
import { fieldsOf, NAME, nameHint } from './fields.ts'
import { readGiven } from './given-variables.ts'
import type { IntentInput } from './intent-input.ts'
import { layStack } from './lay-stack.ts'
import { isModule, readBytes } from './load-stack-file.ts'
import { memberOf } from './located.ts'
import type { Mapping } from './located.ts'
import { fillPlain } from './scope.ts'
import type { Scope } from './scope.ts'
import { quoted } from './snippet.ts'
import type { Sources } from '../world/sources.ts'
import { readVariables } from './variables.ts'

export function readStackName(root: Mapping, scope: Scope, complaints: Complaints): string | null {
  const written = memberOf(root, 'stack')
  if (written === undefined) {
    const span = { ...root.span, end: root.span.start + 1 }
    complaints.add({ code: 'intent.missing-key', span, detail: 'stack is missing', hint: 'Give the stack a name: `stack: shop`.' })
    return null
  }
  const tree = fillPlain(written, scope, complaints)
  const name = fieldsOf(complaints).text(tree, 'stack')
  if (name === null || NAME.test(name)) return name
  complaints.add({ code: 'intent.wrong-name', span: tree.span, detail: `${quoted(name)} as the name of a stack`, hint: nameHint })
  return null
}

/** A line at the left edge is a key of the file itself, whatever is wrong with the lines below. */
const LINE = /^stack[ \t]*:[ \t]+(["']?)([a-z][a-z0-9-]*)\1[ \t]*(?:#.*)?\r?$/gm

/** Null where the file is not there, or its name cannot be read. An undo must not need the rest of the file (L3). */
export async function namedStack(input: IntentInput, sources: Sources): Promise<string | null> {
  const complaints = createComplaints()
  const bytes = await readBytes(input.file, sources, complaints)
  if (bytes === null) return null
  const lines = isModule(input.file) ? [] : [...new TextDecoder().decode(bytes).matchAll(LINE)]
  const line = lines.length === 1 ? (lines[0]?.[2] ?? null) : null
  // Only a layer can say otherwise; without one a big file is not parsed for its first line.
  if (line !== null && input.env === undefined && input.layers === undefined) return line
  const given = await readGiven(input, sources, [], complaints)
  const laid = await layStack(input, given, sources, [], complaints)
  if (laid?.tree.type !== 'map') return line
  const variables = readVariables(memberOf(laid.tree, 'variables'), given, laid.used, complaints)
  return readStackName(laid.tree, { variables, stack: null }, complaints) ?? line
}
