// Owns: what a row of measurements says: median, quartiles, extremes.
// Never: leaves out an outlier; the median is what makes them harmless.

export interface Summary {
  readonly runs: number
  readonly median: number
  /** First and third quartile: half of all runs lie between. */
  readonly low: number
  readonly high: number
  readonly min: number
  readonly max: number
}

/** @throws RangeError without a measurement, or for one that is not a finite number. */
export function summarise(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('nothing was measured')
  const wrong = values.find((value) => !Number.isFinite(value))
  if (wrong !== undefined) throw new RangeError(`${wrong} is no measurement`)
  const sorted = values.toSorted((a, b) => a - b)
  return {
    runs: sorted.length,
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
  }
}

/** By linear interpolation between the two neighbours (type 7 of Hyndman and Fan, 1996). */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? 0
  const above = sorted[Math.ceil(at)] ?? below
  return below + (above - below) * (at - Math.floor(at))
}

/** Numbers between 0 and 1 that are the same for the same seed (mulberry32 by T. Ettinger, public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
