// Owns: laying one stack file over another: JSON Merge Patch (RFC 7396) with two exceptions, for variables and secrets.
// Never: merges lists: a list in the layer stands for the whole list.
import type { Mapping, Member, Tree } from './located.ts'

/** The base with the layer over it. `null` in the layer takes a key out. */
export function mergeLayer(base: Tree, layer: Tree): Tree {
  return merge(base, layer, [])
}

function merge(base: Tree | undefined, layer: Tree, path: readonly string[]): Tree {
  const [section, , ...below] = path
  const isEntry = path.length === 2 && below.length === 0
  // `variables: {replicas: 3}` sets the value and keeps type and description.
  if (section === 'variables' && isEntry && base?.type === 'map' && layer.type === 'leaf') return withDefault(base, layer)
  // `env:` and `file:` exclude each other, so a secret is replaced as a whole.
  if (layer.type !== 'map' || (section === 'secrets' && isEntry)) return layer
  const members = new Map<string, Member>(base?.type === 'map' ? base.members : [])
  for (const [key, { key: keySpan, value }] of layer.members) {
    const under = members.get(key)
    if (value.type === 'leaf' && value.value === null) members.delete(key)
    else members.set(key, { key: under?.key ?? keySpan, value: merge(under?.value, value, [...path, key]) })
  }
  return { type: 'map', span: base?.type === 'map' ? base.span : layer.span, members }
}

function withDefault(base: Mapping, value: Tree): Mapping {
  const members = new Map(base.members)
  members.set('default', { key: value.span, value })
  return { ...base, members }
}
