import { expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

test('durations have units', () => {
  expect(parseDuration('500ms')).toBe(500)
  expect(parseDuration('30s')).toBe(30_000)
  expect(parseDuration('5m')).toBe(300_000)
  expect(parseDuration('1h30m')).toBe(5_400_000)
  expect(parseDuration('1.5s')).toBe(1_500)
  expect(parseDuration('1d2h3m4s5ms')).toBe(93_784_005)
  expect(parseDuration('0s')).toBe(0)
})

test('what is no duration is none', () => {
  for (const text of ['', '5', 's', '30 s', '-1s', '1e3s', '30s1h', '1s1s', '1w', '9999d', '٣s']) expect(parseDuration(text)).toBeNull()
})
