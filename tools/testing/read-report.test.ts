import { expect, test } from 'vitest'
import { readLines, readVitestReport } from './read-report.ts'

const file = (status: string, ...tests: string[]): object => ({
  name: '/checkout/engine/a.test.ts',
  status,
  message: tests.length === 0 ? 'Cannot find module x\n  at y' : '',
  assertionResults: tests.map((status, index) => ({ fullName: `test ${index}`, status })),
})
const read = (exitCode: number | null, ...testResults: object[]) => readVitestReport(JSON.stringify({ testResults }), exitCode, '/checkout')

test('counts what passed and names what failed or was skipped', () => {
  expect(read(1, file('failed', 'passed', 'failed', 'pending', 'todo'), file('passed', 'passed'))).toEqual({
    passed: 2,
    failed: ['engine/a.test.ts: test 1'],
    skipped: ['engine/a.test.ts: test 2 (pending)', 'engine/a.test.ts: test 3 (todo)'],
  })
})

test('a file that does not load is a failure of its own', () => {
  expect(read(1, file('failed')).failed).toEqual(['engine/a.test.ts: the file itself (Cannot find module x)'])
})

test('a file whose tests passed but whose tear-down failed is a failure', () => {
  expect(read(1, file('failed', 'passed')).failed).toHaveLength(1)
})

test('an error outside of any test, a crash and a missing report are failures', () => {
  expect(read(1, file('passed', 'passed')).failed).toHaveLength(1)
  expect(read(null, file('passed', 'passed')).failed).toHaveLength(1)
  expect(readVitestReport(null, 1, '/checkout').failed).toHaveLength(1)
  expect(readVitestReport(null, 0, '/checkout').failed).toEqual(['vitest wrote no report'])
})

test('a program counts as one test by its exit code', () => {
  expect(readLines('demo', ['hello'], 0)).toEqual({ passed: 1, failed: [], skipped: [] })
  expect(readLines('demo', ['hello'], 2)).toEqual({ passed: 0, failed: ['demo ended with 2'], skipped: [] })
  expect(readLines('demo', [], null).failed).toEqual(['demo ended with a signal'])
})

test('a program that counts is believed, except against its exit code', () => {
  expect(readLines('docs', ['skipped: kubectl', '3 passed, 0 failed'], 0)).toEqual({ passed: 3, failed: [], skipped: ['kubectl'] })
  expect(readLines('docs', ['3 passed, 2 failed'], 1).failed).toHaveLength(2)
  expect(readLines('docs', ['3 passed, 0 failed'], 1).failed).toEqual(['docs ended with 1'])
  expect(readLines('docs', ['0 passed, 0 failed'], 0).failed).toEqual(['docs ran nothing'])
})
