// Owns: the nearest of the words that would have been right.
// Never: guesses on the user's behalf: it only suggests.

/** The candidate that was probably meant, or null when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)))
  let best: string | null = null
  let bestDistance = limit + 1
  const plain = plainOf(word)
  for (const candidate of candidates) {
    if (plainOf(candidate) === plain) return candidate
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue
    const distance = distanceBetween(word, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

const LISTED_MAX = 12 // a line or two; more is a reference page, not a hint

/** `Did you mean "x"?`, or what there is to choose from. */
export function didYouMean(word: string, candidates: readonly string[], what: string): string {
  const near = nearest(word, candidates)
  if (near !== null) return `Did you mean "${near}"?`
  if (candidates.length === 0) return `There are no ${what}.`
  const listed = candidates.slice(0, LISTED_MAX).join(', ')
  const more = candidates.length > LISTED_MAX ? ` and ${candidates.length - LISTED_MAX} more` : ''
  return `The ${what} are: ${listed}${more}.`
}

function plainOf(word: string): string {
  return word.replaceAll(/[-_. ]/g, '').toLowerCase()
}

const WORD_MAX = 80 // longer words are not slips of the keyboard; the table grows with the product of both lengths

/** Damerau–Levenshtein distance in its restricted form (optimal string alignment; Boytsov 2011, section 2.2). */
export function distanceBetween(a: string, b: string): number {
  if (a === b) return 0
  if (a.length > WORD_MAX || b.length > WORD_MAX) return Math.max(a.length, b.length)
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
