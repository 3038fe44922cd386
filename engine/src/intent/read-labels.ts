// Owns: labels: short texts by name, of a stack or a resource.
// Never: means anything to the engine.
import type { Complaints } from './complaints.ts'
import { fieldsOf, namedMembers } from './fields.ts'
import type { Tree } from './located.ts'

const LABEL = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/

export function readLabels(tree: Tree | undefined, of: string, complaints: Complaints): Readonly<Record<string, string>> {
  const fields = fieldsOf(complaints)
  const rule = 'Letters, digits and . _ - / in between, at most 63.'
  const members = namedMembers(fields.mapping(tree, `labels of ${of}`), 'label', LABEL, rule, complaints)
  return Object.fromEntries(members.map(([name, { value }]) => [name, fields.text(value, `label ${name} of ${of}`) ?? '']))
}
