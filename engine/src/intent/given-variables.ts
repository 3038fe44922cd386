// Owns: the values that come from outside the stack: files of variables, then `--var`, later over earlier.
// Never: quotes a line of a file of variables: there may be secrets in it.
import type { Complaints } from './complaints.ts'
import { fieldsOf } from './fields.ts'
import { loadText, readBytes } from './load-stack-file.ts'
import type { Source } from './located.ts'
import type { IntentInput, ReadFile } from './intent-input.ts'
import type { Sources } from '../world/sources.ts'
import type { Given } from './variables.ts'

export async function readGiven(
  { vars, varFiles }: IntentInput,
  sources: Sources,
  files: ReadFile[],
  complaints: Complaints,
): Promise<ReadonlyMap<string, Given>> {
  const given = new Map<string, Given>()
  for (const file of varFiles) {
    const before = complaints.count
    const bytes = await readBytes(file, sources, complaints)
    if (bytes === null) {
      const source: Source = { file, text: null, shown: false, root: null }
      const hint = 'The path of --var-file starts at the current folder.'
      const span = { source, start: 0, end: 0 }
      if (complaints.count === before) complaints.add({ code: 'intent.missing-file', span, detail: 'given as --var-file', hint })
      continue
    }
    files.push({ file, bytes })
    const tree = loadText(file, bytes, false, complaints)
    if (tree === null || (tree.type === 'leaf' && tree.value === null)) continue
    for (const [name, { key, value }] of fieldsOf(complaints).mapping(tree, 'a file of variables')?.members ?? []) {
      given.set(name, { tree: value, key })
    }
  }
  for (const [name, text] of Object.entries(vars)) given.set(name, { text })
  return given
}
