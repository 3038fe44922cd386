// Owns: points in time as people write them: `18:00`, `2026-12-01T18:00`, with an offset or without.
// Never: takes a time that does not exist or has passed.
import { Fault } from '@understudy/contract'
import { LONGEST_MS } from './milliseconds.ts'

/** Ms since 1970, after `now`. Without an offset it is local time; a clock time that has passed today is tomorrow's. */
export function instantOf(text: string, now: number): number {
  const at = clockTime(text, now) ?? dateTime(text)
  if (at === null) throw badTime('A time is a clock time or a date with one.', text)
  if (at <= now) throw badTime('This time has passed.', `${text} is ${new Date(at).toISOString()}`)
  if (at - now > LONGEST_MS) throw badTime('A time is at most ten years away.', text)
  return at
}

function badTime(summary: string, detail: string): Fault {
  return new Fault({
    code: 'cli.bad-time',
    class: 'invalid',
    summary,
    detail,
    hint: 'For example: 18:00, 2026-12-01T18:00, 2026-12-01T18:00+01:00',
  })
}

function clockTime(text: string, now: number): number | null {
  if (!/^\d\d:\d\d(:\d\d)?$/.test(text)) return null
  const today = new Date(now)
  const on = (days: number): number | null => {
    const date = new Date(today.getFullYear(), today.getMonth(), today.getDate() + days, 12)
    return dateTime(`${digits(date.getFullYear(), 4)}-${digits(date.getMonth() + 1)}-${digits(date.getDate())}T${text}`)
  }
  const at = on(0)
  return at !== null && at > now ? at : on(1)
}

/** ISO 8601; null when there is no such time, as the 30th of February or the hour that summer time leaves out. */
function dateTime(text: string): number | null {
  const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(Z|[+-]\d\d:\d\d)?$/.exec(text)
  if (found === null) return null
  const [, minutes = '', seconds = ':00', offset = ''] = found
  const at = Date.parse(`${minutes}${seconds}${offset}`)
  if (Number.isNaN(at)) return null
  const east = offset === '' ? -new Date(at).getTimezoneOffset() : eastOf(offset)
  return new Date(at + east * 60_000).toISOString().startsWith(`${minutes}${seconds}`) ? at : null
}

/** Minutes. */
function eastOf(offset: string): number {
  if (offset === 'Z') return 0
  const ahead = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4))
  return offset.startsWith('-') ? -ahead : ahead
}

function digits(n: number, wide = 2): string {
  return String(n).padStart(wide, '0')
}
