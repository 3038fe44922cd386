// Owns: what may stand in no file at all, whatever its kind: paths of one machine and hosts of a package registry.
// Never: parses anything.

import type { Problem, Rule } from './problem.ts'
import type { TextFile } from './source-file.ts'

const banned: readonly { readonly rule: Rule; readonly pattern: RegExp; readonly hint: string }[] = [
  {
    rule: 'machine-path',
    // Not within a longer path: ${dir}/work/ and overlay/work/ are fine.
    pattern: /(?<![\w.}\])\-/])\/(work|root|farm)\//,
    hint: 'make it relative to the file (import.meta.dirname), a temporary directory (mkdtemp) or an argument',
  },
  {
    rule: 'registry-host',
    pattern: /\b(registry\.(npmjs\.org|yarnpkg\.com)|npm\.pkg\.github\.com|(deb|security)\.debian\.org)\b/,
    hint: 'name the package only: which registry it comes from is the setting of the machine',
  },
]

export function checkText(file: TextFile): Problem[] {
  if (!banned.some(({ pattern }) => pattern.test(file.text))) return []
  return file.text.split('\n').flatMap((text, index) =>
    banned.flatMap(({ rule, pattern, hint }) => {
      const found = pattern.exec(text)
      return found ? [{ path: file.path, line: index + 1, rule, what: found[0], hint }] : []
    }),
  )
}
