import { expect, test } from 'vitest'
import type { Suite } from '../suites.ts'
import type { Outcome } from './read-report.ts'
import { runSuite } from './run-suite.ts'

async function run(code: string, more: Partial<Suite> = {}): Promise<{ outcome: Outcome; printed: string[] }> {
  const printed: string[] = []
  const suite: Suite = { name: 'sample', command: ['node', '-e', code], needsRoot: false, ...more }
  const outcome = await runSuite(suite, import.meta.dirname, 'none', (line) => void printed.push(line))
  return { outcome, printed }
}

test('output is passed on, but for the line that only npm test prints', async () => {
  const { outcome, printed } = await run(
    "console.log('a'); console.log('2 passed, 0 failed'); console.error('b'); console.error('1 passed, 0 failed')",
  )
  expect(outcome.passed).toBe(2)
  expect(printed.toSorted()).toEqual(['a', 'b'])
})

test('suites run on Node 24', async () => {
  const { printed } = await run('console.log(process.versions.node)')
  expect(Number.parseInt(printed[0] ?? '', 10)).toBeGreaterThanOrEqual(24)
})

test('a suite that hangs is ended with all that it started, and failed', async () => {
  const { outcome } = await run("require('node:child_process').spawnSync('sleep', ['60'], { stdio: 'inherit' })", { timeoutMs: 300 })
  expect(outcome.failed).toEqual(['sample ended with a signal'])
})

test('a command that is not there is failed', async () => {
  const { outcome } = await run('', { command: ['no-such-command'] })
  expect(outcome.failed).toHaveLength(1)
})
