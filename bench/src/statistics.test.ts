import { expect, test } from 'vitest'
import { seeded, summarise } from './statistics.ts'

test('a summary holds the median, the quartiles and the extremes, whatever the order', () => {
  expect(summarise([5, 1, 3, 2, 4])).toEqual({ runs: 5, median: 3, low: 2, high: 4, min: 1, max: 5 })
  expect(summarise([4, 1])).toEqual({ runs: 2, median: 2.5, low: 1.75, high: 3.25, min: 1, max: 4 })
  expect(summarise([7])).toEqual({ runs: 1, median: 7, low: 7, high: 7, min: 7, max: 7 })
})

test('one wild run does not move the median', () => {
  expect(summarise([1, 1, 1, 1, 1_000]).median).toBe(1)
})

test('no measurement, or one that is no number, is an error and not a figure', () => {
  expect(() => summarise([])).toThrow('nothing was measured')
  expect(() => summarise([1, Number.NaN])).toThrow('NaN is no measurement')
})

test('a seed gives the same numbers every time, another seed others, all from 0 to below 1', () => {
  const take = (seed: number): number[] => Array.from({ length: 1_000 }, seeded(seed))
  expect(take(1)).toEqual(take(1))
  expect(take(1)).not.toEqual(take(2))
  expect(take(7).every((number) => number >= 0 && number < 1)).toBe(true)
  expect(new Set(take(7)).size).toBeGreaterThan(990)
})
