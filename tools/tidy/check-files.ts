// Owns: all rules over a set of files, and what the allow list takes away again.
// Never: reads the disk or prints.

import type { Allowed } from './allowed.ts'
import { checkCode } from './code-rules.ts'
import { checkImports } from './import-rules.ts'
import { checkExportedNames, checkPath } from './name-rules.ts'
import { checkPackages } from './package-rules.ts'
import type { Problem } from './problem.ts'
import { isSource, parse, type TextFile } from './source-file.ts'
import { checkText } from './text-rules.ts'

export function checkFiles(files: readonly TextFile[], allowed: readonly Allowed[]): Problem[] {
  const sources = files.filter(({ path }) => isSource(path)).map(parse)
  const found = [
    ...files.flatMap((file) => [...checkPath(file.path), ...checkText(file)]),
    ...sources.flatMap((file) => [...checkImports(file), ...checkCode(file), ...checkExportedNames(file)]),
    ...checkPackages(files, sources),
  ]
  const covers = (entry: Allowed, problem: Problem): boolean => entry.path === problem.path && entry.rule === problem.rule
  const idle = allowed.filter((entry) => !found.some((problem) => covers(entry, problem)))
  return [
    ...found.filter((problem) => !allowed.some((entry) => covers(entry, problem))),
    ...idle.map((entry): Problem => ({
      path: entry.path,
      line: 1,
      rule: 'allow-list',
      what: `needs no exception from ${entry.rule}`,
      hint: 'take it off tools/tidy/allowed.ts',
    })),
  ].toSorted((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1))
}
