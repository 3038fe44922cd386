// Owns: how long a change and its undo would take and what they need, from what the rehearsal measured.
// Never: a single number; two measurements give an interval, and its basis is said.
import type { Assessment, Interval, Rehearsal } from '../model/artefacts.ts'
import type { Plan } from '../model/plan.ts'

const FLUSH_MS = { low: 0.3, mid: 1.5, high: 8 } // one durable append: measured 0.2–0.7 ms quiet, up to 4 ms beside a busy neighbour (PERFORMANCE 5)
const SPREAD = 1.5 // two runs say little about the tail: the interval reaches this far beyond what was seen

export function forecast(plan: Plan, rehearsal: Rehearsal): Assessment['forecast'] {
  const of = (name: string) => rehearsal.steps.find(({ step }) => step === name)
  const sum = (intervals: readonly Interval[]): Interval => ({
    low: round(intervals.reduce((total, { low }) => total + low, 0)),
    mid: round(intervals.reduce((total, { mid }) => total + mid, 0)),
    high: round(intervals.reduce((total, { high }) => total + high, 0)),
  })
  const busy = plan.steps.filter(({ name }) => of(name)?.idle !== true)
  const flushes = busy.length === 0 ? [] : [FLUSH_MS, FLUSH_MS]
  const undo = busy.map(({ name }) => interval(of(name)?.undoMs ?? []))
  const turn = busy.map(({ name }) => interval(of(name)?.turnMs ?? []))
  // Steps of a wave are prepared side by side: the slowest chain counts, not the sum.
  const chain = new Map<string, number>()
  for (const step of plan.steps) {
    chain.set(step.name, (of(step.name)?.prepareMs ?? 0) + Math.max(0, ...step.after.map((dep) => chain.get(dep) ?? 0)))
  }
  const prepare = interval([Math.max(0, ...chain.values())])
  const exclusive = plan.steps.filter((step) => rehearsal.downtime.includes(step.id))
  return {
    undoMs: sum([...undo, ...flushes]),
    turnMs: sum([...turn, ...flushes]),
    prepareMs: prepare,
    downtimeMs: exclusive.length === 0 ? { low: 0, mid: 0, high: 0 } : sum([prepare, ...turn]),
    bytesHeld: rehearsal.steps.reduce((total, { bytesHeld }) => total + bytesHeld, 0),
    basis: `each step was turned ${rehearsal.steps[0]?.turnMs.length ?? 0}x and undone ${rehearsal.steps[0]?.undoMs.length ?? 0}x in the shadow on this machine; two flushes of the journal on top`,
  }
}

function interval(measured: readonly number[]): Interval {
  if (measured.length === 0) return { low: 0, mid: 0, high: 0 }
  const mid = measured.reduce((total, ms) => total + ms, 0) / measured.length
  return { low: Math.min(...measured) / SPREAD, mid, high: Math.max(...measured) * SPREAD }
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
