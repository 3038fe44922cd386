// Owns: how long a change and its undo would take and what they need: from what the rehearsal measured and earlier undos took.
// Never: a single number, or one that leaves out what people wait for; its basis is said.
import type { Assessment, Interval, Rehearsal } from '../model/artefacts.ts'
import type { Plan } from '../model/plan.ts'

const FLUSH_MS = { low: 0.3, mid: 1.5, high: 8 } // one durable append: measured 0.2–0.7 ms quiet, up to 4 ms beside a busy neighbour (PERFORMANCE 5)
const SPREAD = 1.5 // two runs say little about the tail: the interval reaches this far beyond what was seen
// What an undo costs beside what a rehearsal does: lease, reading the log, the saved states, the next revision, code that runs for
// the first time. Measured from the command line: 50–90 ms quiet, up to 270 ms with three other processes on two cores.
const AROUND_MS = { low: 4, mid: 70, high: 400 }
const KNOWN_AT = 10 // undos measured until the usual high end counts half: they may all have met a quiet machine

/** `aroundMs`: what earlier undos of this stack took beyond what their rehearsals had measured, oldest first. */
export function forecast(plan: Plan, rehearsal: Rehearsal, aroundMs: readonly number[]): Assessment['forecast'] {
  const of = (name: string) => rehearsal.steps.find(({ step }) => step === name)
  const busy = plan.steps.filter(({ name }) => of(name)?.idle !== true)
  const turn = busy.map(({ name }) => interval(of(name)?.turnMs ?? []))
  // Steps of a wave are prepared side by side: the slowest chain counts, not the sum.
  const chain = new Map<string, number>()
  for (const step of plan.steps) {
    chain.set(step.name, (of(step.name)?.prepareMs ?? 0) + Math.max(0, ...step.after.map((dep) => chain.get(dep) ?? 0)))
  }
  const prepare = interval([Math.max(0, ...chain.values())])
  const exclusive = plan.steps.filter((step) => rehearsal.downtime.includes(step.id))
  const back = interval(rehearsal.backMs)
  const around = aroundOf(aroundMs)
  const times = rehearsal.backMs.length
  return {
    undoMs: busy.length === 0 ? sum([]) : sum([back, around]),
    compiledMs: busy.length === 0 ? sum([]) : sum([interval([rehearsal.totalMs]), prepare, ...turn, back, around]),
    turnMs: sum([...turn, ...(busy.length === 0 ? [] : [FLUSH_MS, FLUSH_MS])]),
    prepareMs: prepare,
    downtimeMs: exclusive.length === 0 ? { low: 0, mid: 0, high: 0 } : sum([prepare, ...turn]),
    bytesHeld: rehearsal.steps.reduce((total, { bytesHeld }) => total + bytesHeld, 0),
    basis: [
      `from the request to the verdict, without starting the program: the whole way back was measured ${times}x in the shadow on this machine`,
      `(${range(back)} with a margin), what comes around it (lease, log, next revision) ${range(around)}:`,
      aroundMs.length === 0
        ? 'no undo of this stack was measured yet, so what is usual'
        : `measured in ${aroundMs.length} ${aroundMs.length === 1 ? 'undo' : 'undos'} of this stack`,
    ].join(' '),
  }
}

/** What was measured; the usual high end counts the less the more was measured. */
function aroundOf(measured: readonly number[]): Interval {
  if (measured.length === 0) return AROUND_MS
  const sorted = measured.toSorted((a, b) => a - b)
  const { low, high } = interval(sorted)
  return {
    low: Math.min(low, AROUND_MS.low),
    mid: sorted[Math.floor(sorted.length / 2)] ?? 0,
    high: Math.max(high, AROUND_MS.high / (1 + measured.length / KNOWN_AT)),
  }
}

function interval(measured: readonly number[]): Interval {
  if (measured.length === 0) return { low: 0, mid: 0, high: 0 }
  const mid = measured.reduce((total, ms) => total + ms, 0) / measured.length
  return { low: Math.min(...measured) / SPREAD, mid, high: Math.max(...measured) * SPREAD }
}

function sum(intervals: readonly Interval[]): Interval {
  const of = (key: keyof Interval): number => round(intervals.reduce((total, one) => total + one[key], 0))
  return { low: of('low'), mid: of('mid'), high: of('high') }
}

function range({ low, high }: Interval): string {
  return `${Math.round(low)}–${Math.round(high)} ms`
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
