import { faultOf } from '@understudy/contract'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { instantOf } from './instant.ts'

const zone = process.env['TZ']
const inZone = (name: string | undefined): void => {
  if (name === undefined) delete process.env['TZ']
  else process.env['TZ'] = name
}
beforeEach(() => inZone('Europe/Berlin'))
afterEach(() => inZone(zone))

const at = (text: string, now: string): string => new Date(instantOf(text, Date.parse(now))).toISOString()

describe('points in time', () => {
  test.each([
    ['a clock time of today', '18:00', '2026-11-27T12:00:00+01:00', '2026-11-27T17:00:00.000Z'],
    ['with seconds', '18:00:30', '2026-11-27T12:00:00+01:00', '2026-11-27T17:00:30.000Z'],
    ['one that has passed is tomorrow’s', '18:00', '2026-11-30T18:00:00+01:00', '2026-12-01T17:00:00.000Z'],
    ['midnight', '00:00', '2026-12-31T23:59:00+01:00', '2026-12-31T23:00:00.000Z'],
    ['over the end of summer time', '18:00', '2026-10-24T19:00:00+02:00', '2026-10-25T17:00:00.000Z'],
    ['one that today leaves out is tomorrow’s', '02:30', '2026-03-29T00:00:00+01:00', '2026-03-30T00:30:00.000Z'],
    ['a date in local time', '2026-12-01T18:00', '2026-11-27T12:00:00Z', '2026-12-01T17:00:00.000Z'],
    ['in Greenwich', '2026-12-01T18:00Z', '2026-11-27T12:00:00Z', '2026-12-01T18:00:00.000Z'],
    ['with an offset', '2026-12-01T18:00:05-03:30', '2026-11-27T12:00:00Z', '2026-12-01T21:30:05.000Z'],
  ])('%s', (_what, text, now, wanted) => {
    expect(at(text, now)).toBe(wanted)
  })

  test.each([
    ['no time', 'soon'],
    ['an hour that is none', '24:00'],
    ['a minute that is none', '18:60'],
    ['a date alone', '2026-12-01'],
    ['a day that is none', '2027-02-30T18:00'],
    ['the same with an offset', '2027-02-30T18:00Z'],
    ['an hour that summer time leaves out', '2027-03-28T02:30'],
    ['one that has passed', '2026-11-27T11:59:59Z'],
    ['now', '2026-11-27T12:00Z'],
    ['more than ten years', '2036-11-28T12:00Z'],
  ])('%s is refused, with an example', (_what, text) => {
    try {
      expect(at(text, '2026-11-27T12:00:00Z')).toBe('refused')
    } catch (thrown) {
      expect(faultOf(thrown)).toMatchObject({ code: 'cli.bad-time', class: 'invalid', hint: expect.stringContaining('18:00') })
    }
  })
})
