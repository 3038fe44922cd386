import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Rehearsal, RehearsedStep } from '../model/artefacts.ts'
import type { Plan, Step } from '../model/plan.ts'
import { scoreRisk } from './risk.ts'

const terms = { dependsOn: [], labels: {}, protect: false, onRemove: 'delete', retries: 0, timeoutMs: 1, guard: false } as const

function step(name: string, mode: Step['mode'], action: Step['action']): Step {
  return {
    name,
    resource: name,
    id: name,
    kind: 'k.k',
    version: 1,
    action,
    because: [{ why: 'asked' }],
    mode,
    wave: 0,
    part: null,
    from: null,
    spec: null,
    target: null,
    to: null,
    pointers: [],
    after: [],
    terms,
  }
}

interface Shape {
  readonly beside: number
  readonly inPlace: number
  readonly deleted: number
  readonly drifted: number
  readonly losses: number
  readonly downtime: number
}

function scored(shape: Shape, undoMs = 10, undone = 0) {
  const steps = [
    ...Array.from({ length: shape.beside }, (_, n) => step(`b${n}`, 'beside', 'change')),
    ...Array.from({ length: shape.inPlace }, (_, n) => step(`i${n}`, 'in-place', 'change')),
    ...Array.from({ length: shape.deleted }, (_, n) => step(`d${n}`, 'beside', 'delete')),
  ]
  const losses = Array.from({ length: shape.losses }, (_, n) => `loss ${n}`)
  const certificate = { grade: 'exact', except: [], losses, reason: '' } as const
  const plan: Plan = {
    artefact: 'plan',
    stack: 's',
    goal: 'apply',
    intent: null,
    base: 1,
    undoes: null,
    steps,
    waves: [],
    unchanged: [],
    resources: {},
    live: {},
    notes: Array.from({ length: shape.drifted }, (_, n) => ({ code: 'drift' as const, resource: `r${n}`, text: '' })),
    content: 'h:0',
  }
  const rehearsal: Rehearsal = {
    artefact: 'rehearsal',
    plan: 'h:0',
    world: 'w',
    certificate,
    failed: null,
    probes: [],
    backMs: [],
    forkMs: 0,
    totalMs: 0,
    log: 'h:0',
    downtime: Array.from({ length: shape.downtime }, (_, n) => `r${n}`),
    steps: steps.map(({ name }): RehearsedStep => ({
      step: name,
      certificate,
      reversal: 'switch',
      fidelity: 'exact',
      because: '',
      prepareMs: 1,
      turnMs: [1],
      undoMs: [1],
      bytesHeld: 0,
      idle: false,
    })),
  }
  return scoreRisk(plan, rehearsal, undoMs, { changes: 10, undone, aroundMs: [], byResource: {} })
}

const counts = fc.record({
  beside: fc.nat(5),
  inPlace: fc.nat(3),
  deleted: fc.nat(3),
  drifted: fc.nat(3),
  losses: fc.nat(2),
  downtime: fc.nat(2),
})

describe('risk', () => {
  test('points add up to the score, which stays within 0 and 100', () => {
    fc.assert(
      fc.property(counts, (shape) => {
        const { risk, contributions } = scored(shape)
        expect(risk).toBeGreaterThanOrEqual(0)
        expect(risk).toBeLessThanOrEqual(100)
        const sum = contributions.reduce((total, { points }) => total + points, 0)
        expect(Math.abs(sum - risk)).toBeLessThanOrEqual(0.05 * (contributions.length + 1) + 1e-9)
      }),
    )
  })

  test('many small exact steps are no risk by their number alone; many deletions are asked about, not refused', () => {
    const none = { beside: 0, inPlace: 0, deleted: 0, drifted: 0, losses: 0, downtime: 0 }
    expect(scored({ ...none, beside: 400 }).risk).toBeLessThan(20)
    expect(scored({ ...none, beside: 4_000 }).risk).toBeLessThan(20)
    const { risk, contributions } = scored({ ...none, deleted: 400 })
    expect(risk).toBeGreaterThan(40)
    expect(risk).toBeLessThan(80)
    expect(contributions.find(({ name }) => name === 'deletions')?.text).toBe('d0, d1, d2, d3, d4 and 395 more would be deleted')
  })

  test('what is lost adds up', () => {
    const none = { beside: 1, inPlace: 0, deleted: 0, drifted: 0, losses: 0, downtime: 0 }
    expect(scored({ ...none, losses: 4 }).risk).toBeGreaterThan(80)
  })

  test('more of any cause never lowers it', () => {
    fc.assert(
      fc.property(counts, fc.constantFrom('beside', 'inPlace', 'deleted', 'drifted', 'losses', 'downtime'), (shape, key) => {
        expect(scored({ ...shape, [key]: shape[key] + 1 }).risk).toBeGreaterThanOrEqual(scored(shape).risk)
      }),
    )
  })

  test('a slower undo and a worse history never lower it', () => {
    fc.assert(
      fc.property(counts, fc.nat(100_000), fc.nat(100_000), fc.nat(10), (shape, ms, more, undone) => {
        expect(scored(shape, ms + more, undone).risk).toBeGreaterThanOrEqual(scored(shape, ms, undone).risk)
        expect(scored(shape, ms, undone).risk).toBeGreaterThanOrEqual(scored(shape, ms, 0).risk)
      }),
    )
  })

  test('every contribution says why', () => {
    const { contributions } = scored({ beside: 2, inPlace: 1, deleted: 1, drifted: 1, losses: 1, downtime: 1 })
    expect(contributions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['steps', 'in-place', 'deletions', 'drift', 'losses', 'downtime']),
    )
    for (const { text } of contributions) expect(text).not.toBe('')
  })
})
