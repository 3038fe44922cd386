// Owns: proving that a value is JSON, by making a copy of it that is.
// Never: casts.
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'

const DEPTH_MAX = 512 // as canonical(): deeper than any real document

/** A copy of a value as JSON. Members that are undefined are left out. @throws TypeError for what JSON cannot say. */
export function jsonOf(value: unknown, depth = 0): Json {
  if (depth > DEPTH_MAX) throw new TypeError(`nested deeper than ${DEPTH_MAX} levels`)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is not a JSON number`)
    return value
  }
  if (Array.isArray(value)) return value.map((item: unknown) => jsonOf(item, depth + 1))
  if (isObject(value)) {
    const copy: Record<string, Json> = {}
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue
      // `__proto__` as a plain member, not as the prototype.
      Object.defineProperty(copy, key, { value: jsonOf(member, depth + 1), enumerable: true, writable: true, configurable: true })
    }
    return copy
  }
  throw new TypeError(`${typeof value} is not JSON`)
}
