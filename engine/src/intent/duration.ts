// Owns: lengths of time as people write them: `500ms`, `30s`, `1h30m`.
// Never: guesses a unit.

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds, or null when it is not a duration. Each unit at most once, the bigger first; at most 365 days. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m(?!s))?(\d+(\.\d+)?s)?(\d+ms)?$/.test(text) || text === '') return null
  let sum = 0
  for (const [, amount = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) sum += Number(amount) * (unitMs[unit] ?? 0)
  return sum <= 365 * 86_400_000 ? Math.round(sum) : null
}
