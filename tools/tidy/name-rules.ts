// Owns: how files and exported things are named.
// Never: judges names inside a file.

import type { Problem } from './problem.ts'
import type { SourceFile } from './source-file.ts'

/** Words that say nothing about what a thing is: "something without a home is a design question". */
const refused = new Set(['manager', 'managers', 'helper', 'helpers', 'util', 'utils'])
/** As the whole name of a file or folder. */
const homeless = new Set(['common', 'misc', 'base', 'shared', 'stuff'])
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/

/** Asks for names of files that people write code or styles in; README.md and LICENSE are named by custom. */
export function checkPath(path: string): Problem[] {
  if (!/\.(ts|tsx|mts|mjs|js|css|sh)$/.test(path)) return []
  const problem = (what: string, hint: string): Problem => ({ path, line: 1, rule: 'file-name', what, hint })
  return path.split('/').flatMap((part) => {
    if (part.startsWith('.')) return []
    const name = part.split('.')[0] ?? ''
    const word = name.split('-').find((piece) => refused.has(piece)) ?? (homeless.has(name) ? name : undefined)
    if (word !== undefined)
      return [
        problem(`refused word "${word}" in ${part}`, 'name it for its one main export; something without a home is a design question'),
      ]
    if (!kebab.test(part)) return [problem(`${part} is not kebab case`, 'write it like-this.ts')]
    return []
  })
}

export function checkExportedNames(file: SourceFile): Problem[] {
  return file.exports.flatMap(({ name, line }) => {
    const words = name.split(/(?=[A-Z])|_|-/).map((word) => word.toLowerCase())
    const word = words.find((piece) => refused.has(piece))
    if (word === undefined) return []
    return [
      {
        path: file.path,
        line,
        rule: 'exported-name',
        what: `refused word "${word}" in ${name}`,
        hint: "use DESIGN section 3's words, or name what it makes",
      },
    ]
  })
}
