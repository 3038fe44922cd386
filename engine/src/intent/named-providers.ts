// Owns: the packages named under `providers:` of a YAML or JSON stack file, read before the kinds are known.
// Never: complains; `readIntent` does.
import { createComplaints } from './complaints.ts'
import { loadText } from './load-stack-file.ts'
import { memberOf } from './located.ts'

/** Also those of the layers within the file, whichever is used. In the order written, each once. */
export function namedProviders(bytes: Uint8Array): readonly string[] {
  // Most stacks name none; a big file is not read twice for that.
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('providers')) return []
  const tree = loadText('', bytes, false, createComplaints())
  if (tree?.type !== 'map') return []
  const layers = memberOf(tree, 'layers')
  const places = [tree, ...(layers?.type === 'map' ? [...layers.members.values()].map(({ value }) => value) : [])]
  const names = places.flatMap((place) => {
    const list = memberOf(place, 'providers')
    if (list?.type !== 'list') return []
    return list.items.flatMap((item) => (item.type === 'leaf' && typeof item.value === 'string' ? [item.value] : []))
  })
  return [...new Set(names)]
}
