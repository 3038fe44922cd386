// Owns: what one step did, as rows: every effect passes here, is timed, redacted and folded, in this one place.
// Never: keeps a secret that `hide` was told of; never decides what an effect does.
import type { EffectRecord } from '@understudy/contract'

/** Clock as a port: the engine has none of its own. */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock; for records, never for order. */
  now(): number
  /** Milliseconds that only grow; fractions count. */
  monotonic(): number
}

export interface Note {
  readonly channel: EffectRecord['channel']
  readonly verb: string
  readonly target: string
  /** `clock.monotonic()` when it began. */
  readonly startedMs: number
  /** `ok`, `exit 1`, `HTTP 409`, a fault code. */
  readonly result: string
  readonly bytes: number
}

export interface Recorder {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Time left until the step's deadline, ms; for effects that keep the thread, during which no signal can come. */
  leftMs(): number
  /** Takes note of one effect that has ended, well or badly. */
  note(effect: Note): void
  /** From now on, and in all rows not yet taken, this text is blanked out. Shorter than HIDDEN_MIN is not hidden. */
  hide(secret: string): void
  redact(text: string): string
  /** The rows so far, and forgets them. */
  take(): readonly EffectRecord[]
}

export const HIDDEN_MIN = 4 // characters: blanking less would blank half the words there are
const ROWS_MAX = 2_000 // per step; what is more is folded into the last row of its kind, so a step's log stays readable and small

/** @param untilMs the deadline, by `clock.monotonic()` */
export function createRecorder(clock: Clock, signal: AbortSignal, untilMs = Infinity): Recorder {
  let rows: EffectRecord[] = []
  const secrets = new Set<string>()
  const redact = (text: string): string => {
    let clean = text
    for (const secret of secrets) clean = clean.replaceAll(secret, '***')
    return clean
  }
  return {
    clock,
    signal,
    leftMs: () => untilMs - clock.monotonic(),
    note(effect) {
      const durationMs = clock.monotonic() - effect.startedMs
      const last = rows.at(-1)
      const folds =
        last !== undefined &&
        last.channel === effect.channel &&
        last.verb === effect.verb &&
        last.result === effect.result &&
        (rows.length >= ROWS_MAX || (effect.channel === 'fs' && folderOf(last.target) === folderOf(effect.target)))
      if (folds) {
        const sum = { durationMs: last.durationMs + durationMs, bytes: last.bytes + effect.bytes, count: last.count + 1 }
        rows[rows.length - 1] = { ...last, ...sum }
        return
      }
      const { channel, verb, target, result, bytes } = effect
      rows.push({ channel, verb, target, at: clock.now(), durationMs, result, bytes, count: 1 })
    },
    hide(secret) {
      if (secret.length < HIDDEN_MIN) return
      for (const form of [
        secret,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString('base64'),
      ]) {
        secrets.add(form)
      }
    },
    redact,
    take() {
      const taken = rows.map((row) => ({ ...row, target: redact(row.target), result: redact(row.result) }))
      rows = []
      return taken
    },
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}
