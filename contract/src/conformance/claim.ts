// Owns: how a check says that a law does not hold.
// Never: prints.
import { AssertionError } from 'node:assert/strict'
import { canonical } from '../json.ts'
import type { Json } from '../json.ts'
import { Fault } from '../fault.ts'
import type { FaultData } from '../fault.ts'

const SHOWN_MAX = 600 // characters of a value in a message; enough to see what it is

/** Throws an AssertionError with this message unless it holds. */
export function claim(holds: false, message: string): never
export function claim(holds: boolean, message: string): asserts holds
export function claim(holds: boolean, message: string): void {
  if (!holds) throw new AssertionError({ message, actual: holds, expected: true, operator: 'claim' })
}

/** Throws unless both are the same JSON value. */
export function same(actual: Json, expected: Json, message: string): void {
  if (canonical(actual) !== canonical(expected)) {
    throw new AssertionError({
      message: `${message}\n  is:     ${text(actual)}\n  wanted: ${text(expected)}`,
      actual,
      expected,
      operator: 'same',
    })
  }
}

/** Throws unless the list is empty; shows its first ten rows. */
export function none(rows: readonly string[], message: string): void {
  claim(rows.length === 0, `${message}: ${rows.slice(0, 10).join(', ')}${rows.length > 10 ? ` and ${rows.length - 10} more` : ''}`)
}

/** The fault that a call ends with. A call that succeeds, or throws something else, breaks the law. */
export async function faultOfCall(call: () => Promise<unknown>, message: string): Promise<FaultData> {
  let value: unknown
  try {
    value = await call()
  } catch (thrown) {
    if (!(thrown instanceof Fault)) return claim(false, `${message}: it threw something that is not a Fault: ${String(thrown)}`)
    const { fault } = thrown
    const wordy = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(fault.code) && fault.summary !== '' && fault.hint !== ''
    claim(wordy, `${message}: a fault needs a code like kind.what-happened, a summary and a hint: ${JSON.stringify(fault)}`)
    return fault
  }
  return claim(false, `${message}: it succeeded with ${text(value)}`)
}

export function text(value: unknown): string {
  const whole = JSON.stringify(value) ?? String(value)
  return whole.length > SHOWN_MAX ? `${whole.slice(0, SHOWN_MAX)}…` : whole
}
