// Owns: the rules about what stands in a source file: no any, no default exports, no printing, no hidden clock, no
// partial tests, length and opening comment.
// Never: follows an import (import-rules.ts) or looks at formatting (oxfmt).

import { engineFolder, pureFolders } from './import-rules.ts'
import type { Problem, Rule } from './problem.ts'
import type { SourceFile } from './source-file.ts'

/** Lines. Past this a file owns more than one thing; tests repeat themselves with good reason. */
const linesMax = { source: 500, test: 800 }
const openingLinesMax = 5

/** Where output is made. Everything else returns values or emits events. */
const printers = [
  /^cli\/src\/render(er)?(\/|\.ts$)/,
  /^(tools|bench|examples)\//,
  /^cli\/build\.ts$/,
  /^tests\/simulation\/(simulate|mutants)\.ts$/,
]
const isConfig = (path: string): boolean => /(^|\/)[a-z]+\.config\.(ts|mjs)$/.test(path)

/** Own clock, own randomness, own surroundings, a way around the import rules, as `object.property`. */
const hidden = new Set([
  'Date.now',
  'Math.random',
  'process.env',
  'performance.now',
  'process.hrtime',
  'crypto.randomUUID',
  'crypto.getRandomValues',
  'globalThis.crypto',
  'process.getBuiltinModule',
  'process.binding',
  'process.dlopen',
])
const hiddenCalls = new Set(['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'createRequire', 'require'])
const hiddenClasses = new Set(['WebSocket', 'EventSource'])
/** What randomness of node:crypto is called; digests and ciphers are no surroundings. */
const random = /^(random|generateKey|generatePrime)/

export function checkCode(file: SourceFile): Problem[] {
  const problems: Problem[] = []
  const add = (rule: Rule, line: number, what: string, hint: string): void =>
    void problems.push({ path: file.path, line, rule, what, hint })

  if (file.syntaxError !== null) add('parse', 1, file.syntaxError, 'mend the syntax: no other rule can look at this file')
  checkShape(file, add)
  if (!isConfig(file.path)) {
    for (const { name, line } of file.exports) {
      if (name === 'default') add('default-export', line, 'default export', 'export it by name, the name of the file')
    }
  }
  if (!file.isTest) {
    for (const { text, line } of file.comments) {
      const found = /@ts-(ignore|expect-error|nocheck)/.exec(text)
      if (found) add('no-ts-comment', line, found[0], 'make the types say it: parse at the border, narrow, or write an overload')
    }
  }
  checkSyntax(file, add)
  return problems
}

type Add = (rule: Rule, line: number, what: string, hint: string) => void

function checkShape(file: SourceFile, add: Add): void {
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0)
  const max = file.isTest ? linesMax.test : linesMax.source
  if (lines > max)
    add('file-length', max + 1, `${lines} lines, ${max} allowed`, 'split it by what it owns; the new file is named for its one main export')
  if (file.isTest || /(^|\/)index\.ts$/.test(file.path) || file.path.endsWith('.d.ts')) return
  const opening = openingComment(file.text)
  if (opening === 0)
    add('opening-comment', 1, 'no opening comment', 'say in at most five lines what the file owns and what it must never do')
  if (opening > openingLinesMax) {
    add(
      'opening-comment',
      openingLinesMax + 1,
      `opening comment of ${opening} lines`,
      'five lines at most; a state machine or table goes into a comment of its own, after a blank line',
    )
  }
}

/** Number of lines of the comment that the file opens with. A line `#!` before it does not count. */
function openingComment(text: string): number {
  const lines = text.replace(/^#!.*\n/, '').split('\n')
  if (lines[0]?.startsWith('/*')) return lines.findIndex((line) => line.includes('*/')) + 1
  const end = lines.findIndex((line) => !line.startsWith('//'))
  return end === -1 ? lines.length : end
}

function checkSyntax(file: SourceFile, add: Add): void {
  const folder = engineFolder(file.path)
  const inCore = !file.isTest && folder !== null && pureFolders.includes(folder)
  const inProvider = !file.isTest && file.path.startsWith('providers/')
  const hides = (line: number, what: string): void => {
    if (inCore) add('core-purity', line, what, 'the core has no clock, randomness or surroundings of its own: take them as a port')
    if (inProvider) add('provider-effects', line, what, 'clock, waiting and effects go through call.fx, which binds them to one world')
  }
  const quiet = !printers.some((printer) => printer.test(file.path))
  file.visit({
    TSAnyKeyword(node) {
      if (!file.isTest) add('no-any', file.lineAt(node.start), 'any', 'use unknown and parse at the border, or a type parameter')
    },
    MemberExpression(node) {
      if (node.object.type !== 'Identifier') return
      const line = file.lineAt(node.start)
      const property = node.property.type === 'Identifier' && !node.computed ? node.property.name : ''
      const name = `${node.object.name}.${property}`
      if (quiet && node.object.name === 'console')
        add('no-printing', line, name, 'return a value or emit an event with a code; cli/src/render prints it')
      if (quiet && !file.isTest && !file.path.startsWith('cli/') && /^process\.(stdout|stderr)$/.test(name)) {
        add('no-printing', line, name, 'return a value or emit an event with a code; cli/src/render prints it')
      }
      if (hidden.has(name)) hides(line, name)
    },
    ImportDeclaration(node) {
      if (!/^(node:)?crypto$/.test(node.source.value)) return
      for (const named of node.specifiers) {
        if (named.type !== 'ImportSpecifier') hides(file.lineAt(named.start), 'all of node:crypto')
        else if (named.imported.type === 'Identifier' && random.test(named.imported.name))
          hides(file.lineAt(named.start), named.imported.name)
      }
    },
    NewExpression(node) {
      if (node.callee.type !== 'Identifier') return
      const { name } = node.callee
      if (hiddenClasses.has(name) || (name === 'Date' && node.arguments.length === 0)) hides(file.lineAt(node.start), `new ${name}()`)
    },
    CallExpression(node) {
      const { callee } = node
      if (callee.type === 'Identifier' && hiddenCalls.has(callee.name)) hides(file.lineAt(node.start), callee.name)
      const partial = /^(test|it|describe|suite|bench)\b.*\.(only|skip|todo)$/s.exec(file.text.slice(callee.start, callee.end))
      if (partial)
        add(
          'no-partial-tests',
          file.lineAt(node.start),
          `${partial[1]}.${partial[2]}`,
          'a test runs or is not there; what a machine cannot run is said with .skipIf(reason) and counted apart',
        )
    },
  })
}
