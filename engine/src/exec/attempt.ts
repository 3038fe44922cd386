// Owns: one call of one provider: recorder, effects, time limit, retries of what is transient.
// Never: retries what may have happened (outcome-unknown) or what was cancelled.
import { Fault, faultOf } from '@understudy/contract'
import type { EffectRecord, FaultData, Hands, Look } from '@understudy/contract'
import { createRecorder } from '../fx/recorder.ts'
import type { World } from '../model/world.ts'
import { roomOf } from '../model/world.ts'
import { handsCall, lookCall } from '../world/call.ts'
import type { Ports } from './ports.ts'

export interface Limits {
  readonly retries: number
  readonly timeoutMs: number
}

/** Where a call belongs and what its effects are noted under. */
export interface Bound {
  readonly world: World
  readonly resource: string
  /** `prepare`, `turn` …, for the change log. */
  readonly during: string
  readonly limits: Limits
  readonly log?: CallLog
  /** True: goes on although the user wants out (an undo that has begun). */
  readonly shielded?: boolean
}

export type CallLog = (row: {
  readonly resource: string
  readonly during: string
  readonly at: number
  readonly durationMs: number
  readonly result: string
  readonly rows: readonly EffectRecord[]
}) => void

const BACKOFF_FIRST_MS = 50 // a lock or a port is often free again at once
const BACKOFF_MAX_MS = 2_000

/** A call that only reads. */
export function reading<T>(ports: Ports, bound: Bound, body: (call: Look) => Promise<T>): Promise<T> {
  return attempt(ports, bound, (options) => body(lookCall(options)))
}

/** A call that may write, named by `key`, fenced by `epoch`. */
export function writing<T>(ports: Ports, bound: Bound, key: string, epoch: number, body: (call: Hands) => Promise<T>): Promise<T> {
  return attempt(ports, bound, (options) => body(handsCall(options, key, epoch)))
}

async function attempt<T>(ports: Ports, bound: Bound, body: (options: Parameters<typeof lookCall>[0]) => Promise<T>): Promise<T> {
  let backoffMs = BACKOFF_FIRST_MS
  for (let tries = 0; ; tries += 1) {
    const deadline = ports.deadline(bound.limits.timeoutMs)
    const signal = bound.shielded === true ? deadline : AbortSignal.any([deadline, ports.signal])
    const started = ports.clock.monotonic()
    const until = started + bound.limits.timeoutMs
    const recorder = createRecorder(ports.clock, signal, until)
    const at = ports.clock.now()
    // What keeps the thread lets no timer fire: the clock knows.
    const past = (): boolean => deadline.aborted || ports.clock.monotonic() >= until
    const end = (result: string): void => {
      const rows = recorder.take()
      bound.log?.({ resource: bound.resource, during: bound.during, at, durationMs: ports.clock.monotonic() - started, result, rows })
    }
    try {
      const value = await untilAborted(
        ports,
        signal,
        body({
          objects: ports.store.objects,
          recorder,
          fx: ports.openEffects(recorder),
          room: roomOf(ports.rooms, bound.world.id, bound.resource),
          progress: (done, of, what) =>
            ports.emit('apply.progress', { resource: bound.resource }, { done, of, what, during: bound.during }),
        }),
      )
      end('ok')
      return value
    } catch (thrown) {
      const fault = redacted(timedOut(faultOf(thrown, { resource: bound.resource, stage: bound.during }), past(), bound), (text) =>
        recorder.redact(text),
      )
      end(fault.code)
      if (fault.class !== 'transient' || tries >= bound.limits.retries || signal.aborted) throw new Fault(fault)
      ports.emit('step.retried', { resource: bound.resource }, { during: bound.during, code: fault.code, again: tries + 1 })
      await ports.wait(backoffMs, signal).catch(() => {
        throw new Fault(timedOut(fault, past(), bound))
      })
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS)
    }
  }
}

const SETTLE_MS = 10_000 // what a provider gets to notice that it is to stop; its effects refuse at once

/**
 * The outcome of `work`; once `signal` aborts it gets a little time to end, so that nothing of it goes on beside what comes
 * next. A provider that ignores even that must not hang the engine: what it still does is settled by a look.
 */
function untilAborted<T>(ports: Ports, signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const givenUp = (): void =>
      reject(
        new Fault({
          code: 'step.cancelled',
          class: 'outcome-unknown',
          summary: 'The step was stopped before it ended.',
          detail: '',
          hint: 'Nothing to do: what it did is looked at before anything else happens.',
        }),
      )
    const abort = (): void => ports.deadline(SETTLE_MS).addEventListener('abort', givenUp, { once: true })
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function timedOut(fault: FaultData, past: boolean, { limits, during }: Bound): FaultData {
  if (!past) return fault
  return {
    ...fault,
    code: 'step.timeout',
    class: 'outcome-unknown',
    summary: 'The step took longer than it may.',
    detail: `${during} was stopped after ${limits.timeoutMs} ms${fault.code === 'step.cancelled' ? '' : ` (${fault.code}: ${fault.detail})`}`,
    hint: 'Give the resource a longer `timeout:` in the stack file, or see with `understudy log` what it was doing.',
  }
}

function redacted(fault: FaultData, redact: (text: string) => string): FaultData {
  const clean: FaultData = { ...fault, detail: redact(fault.detail), summary: redact(fault.summary) }
  return fault.cause === undefined ? clean : { ...clean, cause: redacted(fault.cause, redact) }
}
