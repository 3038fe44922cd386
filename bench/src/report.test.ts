import { expect, test } from 'vitest'
import { figureOf, holds, ratioOf, reportLine, reportText } from './report.ts'

test('the line for machines names each figure with value, unit, goal and whether it holds', () => {
  const figures = [
    figureOf('tree.a', 'x', { op: '<=', value: 1.5 }, [1.4, 1.2, 9]),
    figureOf('tree.b', 'x', { op: '>=', value: 12 }, [11.987654]),
    figureOf('tree.c', 'ms', null, [3]),
  ]
  const line: unknown = JSON.parse(reportLine('rollback', figures, { seed: 1 }))
  expect(line).toMatchObject({
    bench: 'rollback',
    facts: { seed: 1 },
    figures: [
      { name: 'tree.a', value: 1.4, unit: 'x', goal: { op: '<=', value: 1.5 }, holds: true },
      { name: 'tree.b', value: 11.99, unit: 'x', goal: { op: '>=', value: 12 }, holds: false },
      { name: 'tree.c', value: 3, unit: 'ms', goal: null, holds: true },
    ],
  })
  expect(reportLine('rollback', figures, {})).not.toContain('\n')
})

test('a ratio is taken run by run, since runs side by side share the noise of their moment', () => {
  expect(ratioOf('r', null, [10, 100, 30], [1, 10, 2]).value).toBe(10)
  expect(() => ratioOf('r', null, [1], [1, 2])).toThrow('1 runs against 2')
})

test('a goal is met by its own value', () => {
  expect(holds({ value: 2, goal: { op: '<=', value: 2 } })).toBe(true)
  expect(holds({ value: 2, goal: { op: '>=', value: 2 } })).toBe(true)
  expect(holds({ value: 2.001, goal: { op: '<=', value: 2 } })).toBe(false)
})

test('the table for people says which goals are missed', () => {
  const text = reportText([figureOf('tree.a', 'ms', { op: '<=', value: 1 }, [2]), figureOf('tree.b', 'ms', { op: '<=', value: 1 }, [0.5])])
  expect(text).toMatch(/tree\.a +2\.00 ms .*MISSED/)
  expect(text).toMatch(/tree\.b +0\.500 ms .*holds/)
})
