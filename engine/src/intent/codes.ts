// Owns: what can be wrong with a stack file: one code and one fixed sentence each.
// Never: says where or what exactly; that is the fault's detail.

export const intentCodes = {
  'intent.missing-file': 'The file is not there.',
  'intent.unreadable-file': 'The file cannot be read.',
  'intent.too-big': 'The file is too big.',
  'intent.not-utf8': 'The file is not UTF-8 text.',
  'intent.not-yaml': 'The file is not valid YAML.',
  'intent.too-deep': 'The file is nested too deeply.',
  'intent.too-many-aliases': 'The file uses more aliases than a stack needs.',
  'intent.duplicate-key': 'A name is given twice.',
  'intent.refused-key': 'This key cannot be used here.',
  'intent.refused-value': 'This value cannot be used.',
  'intent.module-failed': 'The module could not be loaded.',
  'intent.not-json': 'A stack is made of plain values only.',
  'intent.unknown-key': 'There is no such key here.',
  'intent.missing-key': 'A key is missing.',
  'intent.wrong-type': 'A value has the wrong type.',
  'intent.wrong-value': 'A value is not one of those that can stand here.',
  'intent.wrong-name': 'This is not a name.',
  'intent.unknown-kind': 'There is no such kind of resource.',
  'intent.wrong-spec': 'The spec does not fit its kind.',
  'intent.bad-reference': 'This is not a reference.',
  'intent.unknown-resource': 'A resource is referred to that is not in the stack.',
  'intent.unknown-output': 'The resource has no such output.',
  'intent.unknown-variable': 'There is no such variable.',
  'intent.missing-variable': 'A variable has no value.',
  'intent.unknown-secret': 'There is no such secret.',
  'intent.missing-secret': 'A secret has no value.',
  'intent.secret-place': 'A secret cannot stand here.',
  'intent.unknown-layer': 'There is no such layer.',
  'intent.cycle': 'Resources depend on each other in a circle.',
  'kind.no-package': 'A package with providers cannot be used.',
  'intent.moved-from': 'A resource cannot have moved from there.',
} as const

export type IntentCode = keyof typeof intentCodes
