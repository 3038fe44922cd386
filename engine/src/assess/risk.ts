// Owns: the risk score: how likely a rollback will be wanted, how hard it would be, and both as points with reasons.
// Never: a point without a name; the sum of the points is the score.
import type { Contribution, Rehearsal } from '../model/artefacts.ts'
import type { Plan } from '../model/plan.ts'

/** What earlier changes of the stack say. */
export interface Baseline {
  readonly changes: number
  readonly undone: number
  /** What undos took beyond what their rehearsals had measured, ms, oldest first. */
  readonly aroundMs: readonly number[]
  /** By resource: changes that touched it, and how many of those were undone. */
  readonly byResource: Readonly<Record<string, { readonly changes: number; readonly undone: number }>>
}

export interface Risk {
  readonly risk: number
  /** Probability 0–1 that a rollback will be wanted. */
  readonly likelihood: number
  /** 0–1: how hard it would be. */
  readonly hardness: number
  readonly contributions: readonly Contribution[]
}

const PRIOR_RATE = 0.0168 // of 638,985 commits in 28 public configuration repositories, reverted later (PREDICTION)
const PRIOR_WEIGHT = 20 // pseudo-counts of the prior (PREDICTION, tier 1)
const FLOOR_FAILED = 100 // a rehearsal that failed (PREDICTION: hard gate)
const FLOOR_IRREVERSIBLE = 80 // a step without a way back (PREDICTION: U3)

/**
 * R = 100·(1 − exp(−Σ wᵢ)) (PREDICTION section 1): each wᵢ ≥ 0 and grows with its cause, so the score does too. Points are
 * R shared out in proportion to the wᵢ. What is counted (steps, deletions …) weighs `each` for the first one and never more than
 * `most` for all: ten times as many are not ten times as hard to undo when each of them is proved exact. Losses add up.
 */
export function scoreRisk(plan: Plan, rehearsal: Rehearsal, undoMsHigh: number, baseline: Baseline): Risk {
  const weights: { name: string; weight: number; text: string }[] = []
  const add = (name: string, weight: number, text: string): void => {
    if (weight > 0) weights.push({ name, weight, text })
  }
  const busy = plan.steps.filter((step) => rehearsal.steps.find((one) => one.step === step.name)?.idle !== true)
  const changing = new Set(busy.map(({ resource }) => resource))
  const rate = likelihoodOf(plan, baseline)
  add(
    'history',
    0.15 * Math.max(0, Math.log(rate / PRIOR_RATE)),
    `${percent(rate)} of changes like this were undone (${baseline.undone} of ${baseline.changes} in this stack; all stacks ${percent(PRIOR_RATE)})`,
  )
  const many = (each: number, n: number, most: number): number => most * (1 - Math.exp((-each * n) / most))
  add(
    'steps',
    many(0.02, busy.length, 0.2),
    `${changing.size} of ${new Set([...Object.keys(plan.resources), ...plan.steps.map(({ resource }) => resource)]).size} resources change`,
  )
  const followers = busy.filter(({ because }) => because.every(({ why }) => why === 'follows')).length
  add('dependants', many(0.02, followers, 0.2), `${followers} change only because they refer to what changes`)
  const inPlace = busy.filter(({ mode }) => mode === 'in-place')
  add('in-place', many(0.06, inPlace.length, 0.4), `${names(inPlace)}: both sides share the data`)
  const deletes = busy.filter(({ action }) => action === 'delete')
  add('deletions', many(0.08, deletes.length, 0.4), `${names(deletes)} would be deleted`)
  const compensated = rehearsal.steps.filter(({ reversal, idle }) => !idle && reversal === 'compensate')
  add(
    'compensation',
    many(0.2, compensated.length, 0.8),
    `${listed(compensated.map(({ step }) => step))}: undone by an opposite action, traces remain`,
  )
  add('undo-time', 0.05 * Math.log2(1 + undoMsHigh / 1_000), `an undo may take up to ${Math.round(undoMsHigh)} ms`)
  const drifted = plan.notes.filter(({ code }) => code === 'drift')
  add('drift', many(0.15, drifted.length, 0.6), `${listed(drifted.map(({ resource }) => resource))} changed outside since the last change`)
  const blurred = rehearsal.steps.filter(({ fidelity, idle }) => !idle && fidelity !== 'exact')
  add(
    'fidelity',
    many(0.08, blurred.length, 0.4),
    `${listed(blurred.map(({ step, because }) => `${step} (${because})`))}: the shadow is not exact`,
  )
  add('downtime', many(0.3, rehearsal.downtime.length, 1.5), `${listed(rehearsal.downtime)} cannot stand on the new data`)
  add('exceptions', many(0.1, rehearsal.certificate.except.length, 0.5), listed(rehearsal.certificate.except, '; '))
  add('losses', 0.5 * rehearsal.certificate.losses.length, `an undo would lose ${listed(rehearsal.certificate.losses)}`)

  const sum = weights.reduce((total, { weight }) => total + weight, 0)
  const base = 100 * (1 - Math.exp(-sum))
  const irreversible = rehearsal.steps.filter(({ reversal, idle }) => !idle && reversal === 'none')
  const floor = rehearsal.failed !== null ? FLOOR_FAILED : irreversible.length > 0 ? FLOOR_IRREVERSIBLE : 0
  const risk = Math.round(Math.max(base, floor) * 10) / 10
  const contributions = weights.map(({ name, weight, text }) => ({
    name,
    text,
    points: sum === 0 ? 0 : Math.round(((base * weight) / sum) * 10) / 10,
  }))
  if (floor > base) {
    const text =
      rehearsal.failed === null ? `${irreversible.map(({ step }) => step).join(', ')} has no way back` : rehearsal.certificate.reason
    contributions.push({
      name: rehearsal.failed === null ? 'irreversible' : 'rehearsal',
      points: Math.round((risk - base) * 10) / 10,
      text,
    })
  }
  const hard = weights.filter(({ name }) => name !== 'history').reduce((total, { weight }) => total + weight, 0)
  return {
    risk,
    likelihood: rate,
    hardness: floor === 100 ? 1 : 1 - Math.exp(-hard),
    contributions: contributions.toSorted((a, b) => b.points - a.points),
  }
}

/** Beta-Binomial: the worst rate among what changes, drawn towards the prior while little is known. */
function likelihoodOf(plan: Plan, baseline: Baseline): number {
  const rate = (changes: number, undone: number): number => (undone + PRIOR_RATE * PRIOR_WEIGHT) / (changes + PRIOR_WEIGHT)
  const rates = plan.steps.map(({ resource }) => {
    const row = baseline.byResource[resource]
    return row === undefined ? PRIOR_RATE : rate(row.changes, row.undone)
  })
  return Math.max(rate(baseline.changes, baseline.undone), PRIOR_RATE, ...rates)
}

function names(steps: readonly { readonly name: string }[]): string {
  return listed(steps.map(({ name }) => name))
}

const LISTED_MAX = 5

function listed(all: readonly string[], between = ', '): string {
  const more = all.length - LISTED_MAX
  return more > 1 ? `${all.slice(0, LISTED_MAX).join(between)} and ${more} more` : all.join(between)
}

function percent(rate: number): string {
  return `${(rate * 100).toFixed(1)} %`
}
