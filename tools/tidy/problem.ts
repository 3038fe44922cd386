// Owns: what a broken rule looks like, and its text: file:line, the rule, what is wrong, what to do.
// Never: decides anything.

export const rules = [
  'parse',
  'import-direction',
  'stage-order',
  'core-purity',
  'provider-effects',
  'undeclared-package',
  'file-name',
  'exported-name',
  'default-export',
  'no-any',
  'no-ts-comment',
  'no-partial-tests',
  'file-length',
  'opening-comment',
  'no-printing',
  'machine-path',
  'registry-host',
  'lock-file',
  'pinned-version',
  'install-script',
  'allow-list',
] as const

export type Rule = (typeof rules)[number]

export interface Problem {
  readonly path: string
  /** Counted from 1. */
  readonly line: number
  readonly rule: Rule
  readonly what: string
  readonly hint: string
}

/** `engine/src/plan/a.ts:3  stage-order  plan imports apply` and an indented line saying what to do. */
export function problemText(problem: Problem): string {
  return `${problem.path}:${problem.line}  ${problem.rule}  ${problem.what}\n    → ${problem.hint}`
}
