// Owns: the packages named under `providers:` of a YAML stack file, read before the kinds are known.
// Never: complains; `readIntent` does.
import { createComplaints } from './complaints.ts'
import { loadText } from './load-stack-file.ts'
import { memberOf } from './located.ts'

export function namedProviders(bytes: Uint8Array): readonly string[] {
  const tree = loadText('', bytes, false, createComplaints())
  if (tree?.type !== 'map') return []
  const list = memberOf(tree, 'providers')
  if (list?.type !== 'list') return []
  return list.items.flatMap((item) => (item.type === 'leaf' && typeof item.value === 'string' ? [item.value] : []))
}
