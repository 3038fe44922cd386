// Owns: the names of the resources in a YAML or JSON stack file, for a shell that completes them.
// Never: complains; a file that is broken or a module names none.
import { createComplaints } from './complaints.ts'
import { loadText } from './load-stack-file.ts'
import { memberOf } from './located.ts'

/** Also those of the layers within the file, each once. */
export function namedResources(bytes: Uint8Array): readonly string[] {
  const tree = loadText('', bytes, false, createComplaints())
  if (tree?.type !== 'map') return []
  const layers = memberOf(tree, 'layers')
  const places = [tree, ...(layers?.type === 'map' ? [...layers.members.values()].map(({ value }) => value) : [])]
  const names = places.flatMap((place) => {
    const resources = memberOf(place, 'resources')
    return resources?.type === 'map' ? [...resources.members.keys()] : []
  })
  return [...new Set(names)]
}
