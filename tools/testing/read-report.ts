// Owns: counts and names out of what a suite reported: vitest's JSON report, or its lines and exit code.
// Never: takes silence for success: no report, an error outside of any test or a broken file count as failed.

import { relative } from 'node:path'

/** What came of one suite. */
export interface Outcome {
  readonly passed: number
  readonly failed: readonly string[]
  readonly skipped: readonly string[]
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

/**
 * @param json text of the report, or null if vitest wrote none.
 * @param root the checkout, which is left out of the names of files.
 */
export function readVitestReport(json: string | null, exitCode: number | null, root: string): Outcome {
  if (json === null && exitCode === 0) return { passed: 0, failed: ['vitest wrote no report'], skipped: [] }
  const report: VitestReport = json === null ? { testResults: [] } : JSON.parse(json)
  let passed = 0
  const failed: string[] = []
  const skipped: string[] = []
  for (const file of report.testResults) {
    const path = relative(root, file.name)
    for (const { fullName, status } of file.assertionResults) {
      if (status === 'passed') passed += 1
      else if (status === 'failed') failed.push(`${path}: ${fullName}`)
      else skipped.push(`${path}: ${fullName} (${status})`)
    }
    const hasFailure = file.assertionResults.some(({ status }) => status === 'failed')
    if (file.status === 'failed' && !hasFailure) failed.push(`${path}: the file itself (${firstLine(file.message)})`)
  }
  if (exitCode !== 0 && failed.length === 0) failed.push(`vitest ended with ${exitCode ?? 'a signal'}: an error outside of any test`)
  return { passed, failed, skipped }
}

const counts = /^(\d+) passed, (\d+) failed$/
const skip = /^skipped: (.+)$/

/** True for a line that only test.ts itself may print as it is. */
export function isCount(line: string): boolean {
  return counts.test(line)
}

/** Lines of standard output and the exit code of a suite that is a program of its own. */
export function readLines(name: string, lines: readonly string[], exitCode: number | null): Outcome {
  const skipped = lines.flatMap((line) => skip.exec(line)?.[1] ?? [])
  const found = counts.exec(lines.findLast(isCount) ?? '')
  const end = exitCode === 0 ? [] : [`${name} ended with ${exitCode ?? 'a signal'}`]
  if (found === null) return { passed: exitCode === 0 ? 1 : 0, failed: end, skipped }
  const passed = Number(found[1])
  const failed = Array.from({ length: Number(found[2]) }, () => `${name}: see above`)
  if (failed.length === 0 && passed === 0 && exitCode === 0) failed.push(`${name} ran nothing`)
  return { passed, failed: failed.length === 0 ? end : failed, skipped }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
