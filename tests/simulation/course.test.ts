import { describe, expect, test } from 'vitest'
import { runCourse } from './course.ts'
import type { Scenario } from './scenario.ts'

/** Violations that were found once, by seed; each was the engine's. Thousands more run in `npm test` (tools/suites.ts). */
const redo: Scenario = {
  resources: [
    { name: 'r0', kind: 'sim.beside', uses: [] },
    { name: 'r1', kind: 'sim.inplace', uses: ['r0'] },
  ],
  actions: [{ act: 'apply', wanted: { r0: 'a', r1: 'c' } }, { act: 'undo' }, { act: 'undo to', back: 1 }],
}
const first: Scenario = {
  resources: redo.resources,
  actions: [
    { act: 'apply', wanted: { r0: 'a', r1: 'b' } },
    { act: 'undo one', name: 'r0' },
  ],
}

describe('every crash of a course of events ends with what was before, or after', () => {
  test.each([
    ['a redo, which has no change of its own', redo],
    ['one resource of a first change, which another one refers to', first],
  ])('%s', async (_, scenario) => {
    for (let seed = 1; seed <= 12; seed += 1) {
      const { schedules, found } = await runCourse(seed, { scenario })
      expect(found).toEqual([])
      expect(schedules).toBeGreaterThan(30)
    }
  })
})

test('the same seed gives the same course of events, to the last entry of the log', async () => {
  const [one, other]: [string[], string[]] = [[], []]
  for (const lines of [one, other]) await runCourse(7, { tell: (line) => void lines.push(line) })
  expect(one.length).toBeGreaterThan(500)
  expect(other).toEqual(one)
})
