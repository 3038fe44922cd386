// Owns: what went wrong, as data. One shape for providers and engine.
// Never: carries a live error object, a stack trace or a secret across the seam.
import type { Json } from './json.ts'

/**
 * What the caller may do about it:
 * - `forbidden`: rights are missing; retrying is useless.
 * - `conflict`: the world is not what the plan saw; nothing was overwritten.
 * - `transient`: may go away; the engine retries, a provider never does.
 * - `outcome-unknown`: the effect may or may not have happened; only a look decides.
 * - `invalid`: the input is wrong; says where.
 * - `bug`: ours.
 */
export type FaultClass = 'forbidden' | 'conflict' | 'transient' | 'outcome-unknown' | 'invalid' | 'bug'

/** A fault as it is journalled and shown. `code` is `stage-or-kind.what-happened`, e.g. `files.outside-tree`. */
export interface FaultData {
  readonly code: string
  readonly class: FaultClass
  /** One fixed sentence for this code. */
  readonly summary: string
  /** What exactly: the wrong value and where it stands. */
  readonly detail: string
  /** What to do about it; a next command where there is one. */
  readonly hint: string
  readonly resource?: string
  readonly stage?: string
  /** Anything structured: paths, base/ours/theirs, numbers. Already redacted. */
  readonly data?: Json
  readonly cause?: FaultData
}

const BRAND = Symbol.for('understudy.fault')

/**
 * The one error class that crosses the seam. Anything else that is thrown is a `bug` with its message as detail. A provider's
 * package may bring a copy of this class: a fault of either copy is an `instanceof` of both.
 */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly [BRAND] = true
  readonly fault: FaultData
  static override [Symbol.hasInstance](value: unknown): value is Fault {
    return typeof value === 'object' && value !== null && BRAND in value
  }
  constructor(fault: FaultData) {
    super(`${fault.code}: ${fault.summary}${fault.detail ? ` ${fault.detail}` : ''}`)
    this.fault = fault
  }
}

/** Makes a fault of any thrown value; a Fault keeps its data, `extra` fills resource and stage where they are missing. */
export function faultOf(thrown: unknown, extra: { resource?: string; stage?: string } = {}): FaultData {
  if (thrown instanceof Fault) return { ...extra, ...thrown.fault }
  const detail = thrown instanceof Error ? thrown.message : String(thrown)
  return {
    code: 'internal.unexpected',
    class: 'bug',
    summary: 'Something failed in a way that nobody foresaw.',
    detail,
    hint: 'This is a bug: run the command again with --json and report its last events.',
    ...extra,
  }
}
