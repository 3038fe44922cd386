// Owns: JSON as the only thing that crosses the seam, and its one canonical text.
// Never: accepts what JSON cannot say (undefined, functions, NaN, cycles); that is an error, not a guess.

/** Any JSON value. Artefacts, specs, states and mementos are made of nothing else. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json }

/** Name of some bytes: `h:` and 64 hex digits of a keyed hash. Two contents are equal if and only if their digests are. */
export type Digest = `h:${string}`

/** True for a JSON object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for something that has the shape of a digest. */
export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && /^h:[0-9a-f]{64}$/.test(value)
}

/**
 * Canonical text of a JSON value: keys sorted by UTF-16 code unit, no white space, numbers as ECMAScript prints them
 * (RFC 8785, JSON Canonicalization Scheme, except that lone surrogates are written as \udXXX escapes so that file
 * names that are not UTF-8 survive). Equal values give equal texts.
 * @throws TypeError for undefined, functions, symbols, bigint, non-finite numbers and cycles (by depth, 512).
 */
export function canonical(value: Json): string {
  return write(value, 0)
}

const DEPTH_MAX = 512 // deeper than any real document; bounds the stack against hostile input

function write(value: Json, depth: number): string {
  if (depth > DEPTH_MAX) throw new TypeError(`JSON nested deeper than ${DEPTH_MAX} levels`)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON number`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item: Json) => write(item, depth + 1)).join(',')}]`
  if (isObject(value)) {
    const members: string[] = []
    for (const key of Object.keys(value).sort()) {
      const member = value[key]
      if (member === undefined) throw new TypeError(`member ${JSON.stringify(key)} is undefined`)
      members.push(`${JSON.stringify(key)}:${write(member, depth + 1)}`)
    }
    return `{${members.join(',')}}`
  }
  throw new TypeError(`${typeof value} is not JSON`)
}

/** True if two JSON values are the same value (member order does not count). */
export function equal(a: Json, b: Json): boolean {
  return a === b || canonical(a) === canonical(b)
}
