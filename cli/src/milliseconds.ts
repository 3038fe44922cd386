// Owns: times as people write them, in milliseconds.
// Never: takes a number without a unit.
import { Fault } from '@understudy/contract'

export const LONGEST_MS = 10 * 365 * 86_400_000 // ten years: more is a slip, and dates end somewhere
const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `30s`, `10m`, `2h`, `1d`. */
export function millisecondsOf(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  const unit = units[found?.[2] ?? '']
  const ms = found === null || unit === undefined ? Infinity : Math.round(Number(found[1]) * unit)
  if (ms <= LONGEST_MS) return ms
  throw new Fault({
    code: 'cli.bad-time',
    class: 'invalid',
    summary: 'A time is a number with a unit, ten years at most.',
    detail: JSON.stringify(text),
    hint: 'For example: 30s, 10m, 2h',
  })
}
