// Owns: chance from a seed: the same seed gives the same run.
// Never: asks the machine for anything.

export interface Chance {
  /** A whole number from 0 to below `n`. */
  below(n: number): number
  /** True once in `n` times. */
  once(n: number): boolean
  pick<T>(from: readonly T[]): T
}

/** sfc32 (Chris Doty-Humphrey, PractRand), seeded by two numbers and stirred. */
export function chanceFrom(seed: number, stream = 0): Chance {
  let [a, b, c, counter] = [seed | 0, (seed / 0x1_0000_0000) | 0, stream | 0, 1]
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return sum >>> 0
  }
  for (let n = 0; n < 12; n += 1) next()
  const below = (n: number): number => Math.floor((next() / 0x1_0000_0000) * n)
  return {
    below,
    once: (n) => below(n) === 0,
    pick<T>(from: readonly T[]): T {
      const found = from[below(from.length)]
      if (found === undefined) throw new Error('nothing to pick from')
      return found
    },
  }
}
