import fc from 'fast-check'
import { expect, test } from 'vitest'
import { didYouMean, distanceBetween, nearest } from './did-you-mean.ts'

test('slips of the keyboard are found, other words are not', () => {
  const keys = ['dependsOn', 'protect', 'spec', 'kind', 'timeout']
  expect(nearest('dependOn', keys)).toBe('dependsOn')
  expect(nearest('depends_on', keys)).toBe('dependsOn')
  expect(nearest('sepc', keys)).toBe('spec')
  expect(nearest('TIMEOUT', keys)).toBe('timeout')
  expect(nearest('replicas', keys)).toBeNull()
})

test('the nearest one wins, the first among equals', () => {
  expect(nearest('wen', ['ten', 'web', 'went'])).toBe('ten')
  expect(nearest('app-3', ['app-1', 'app-2'])).toBe('app-1')
})

test('where nothing is near, what there is is listed, up to a line', () => {
  expect(didYouMean('x', ['alpha', 'beta'], 'kinds')).toBe('The kinds are: alpha, beta.')
  expect(didYouMean('x', [], 'layers')).toBe('There are no layers.')
  const many = Array.from({ length: 14 }, (_, index) => `name-${index}`)
  expect(didYouMean('x', many, 'resources')).toMatch(/name-11 and 2 more\.$/)
})

test('the distance is one: symmetric, zero only for the same word, one for one slip', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 })
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(distanceBetween(a, b)).toBe(distanceBetween(b, a))
      expect(distanceBetween(a, b) === 0).toBe(a === b)
      expect(distanceBetween(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      expect(distanceBetween(a, `${a}x`)).toBe(1)
    }),
  )
  expect(distanceBetween('ab', 'ba')).toBe(1)
})
