// Owns: `npm test`: everything. Puts missing components in place, runs tools/suites.ts in order, and ends with the
// one line `N passed, N failed`; exit 1 if anything failed or nothing ran.
// Never: counts as passed what did not run: that is a line `skipped: …` of its own, or, where root is missing, a failure.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { components } from './components.ts'
import { suites } from './suites.ts'
import type { Outcome } from './testing/read-report.ts'
import { runSuite } from './testing/run-suite.ts'
import { install, missingOf, rootAccess } from './testing/set-up-components.ts'
import { root } from './testing/tool-environment.ts'

const userOnly = process.argv.includes('--user')
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))

const access = userOnly ? 'none' : rootAccess()
const rows: { name: string; outcome: Outcome; seconds: number }[] = []

rows.push(timed('components', performance.now(), setUp()))
const folder = mkdtempSync(join(tmpdir(), 'understudy-test-'))
try {
  for (const suite of suites) {
    if (named.length > 0 && !named.includes(suite.name)) continue
    if (suite.needsRoot && userOnly) continue
    if (suite.after !== undefined && !existsSync(join(root, suite.after))) {
      console.log(`\n── ${suite.name}: not there yet (${suite.after})`)
      continue
    }
    console.log(`\n── ${suite.name}`)
    const start = performance.now()
    const row = timed(
      suite.name,
      start,
      suite.needsRoot && access === 'none' ? withoutRoot(suite.name) : await runSuite(suite, folder, access, console.log),
    )
    rows.push(row)
    console.log(`   ${suite.name}: ${row.outcome.passed} passed, ${row.outcome.failed.length} failed, ${row.seconds.toFixed(1)} s`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
summarise()

/** Components that are still missing after trying to install them. */
function setUp(): Outcome {
  const wanted = components.filter(({ rootOnly }) => !(rootOnly && userOnly))
  install([...new Set(missingOf(wanted).map((component) => component.package))], access)
  const failed = missingOf(wanted).map((component) => `${component.name} is missing (Debian package ${component.package})`)
  return { passed: 0, failed, skipped: [] }
}

function withoutRoot(name: string): Outcome {
  return { passed: 0, failed: [`${name}: needs root (or sudo without a password)`], skipped: [] }
}

function timed(name: string, start: number, outcome: Outcome): (typeof rows)[number] {
  return { name, outcome, seconds: (performance.now() - start) / 1000 }
}

function summarise(): void {
  console.log('\n── order and time')
  for (const { name, outcome, seconds } of rows) {
    const count = (text: string, n: number): string => `${n} ${text}`.padStart(12)
    console.log(
      `${name.padEnd(14)}${count('passed', outcome.passed)}${count('failed', outcome.failed.length)}${seconds.toFixed(1).padStart(9)} s`,
    )
  }
  for (const { outcome } of rows) for (const name of outcome.skipped) console.log(`skipped: ${name}`)
  for (const { outcome } of rows) for (const name of outcome.failed) console.log(`failed: ${name}`)
  const passed = rows.reduce((sum, { outcome }) => sum + outcome.passed, 0)
  const failed = rows.reduce((sum, { outcome }) => sum + outcome.failed.length, 0)
  if (passed + failed === 0) console.log('nothing ran')
  const rootless = !userOnly && access === 'none'
  if (rootless) console.log('hint: run it as root on Debian, in a container for instance; npm run test:user is the part that needs no root')
  if (failed > 0 || passed === 0) process.exitCode = 1
  console.log(`${passed} passed, ${failed} failed`)
}
