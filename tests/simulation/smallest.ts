// Owns: a course of events that shows a violation, made smaller, and the test file that holds it.
// Never: takes another violation for the same one.
import { runCourse } from './course.ts'
import type { Found } from './course.ts'
import type { Action, Scenario } from './scenario.ts'

export interface Smallest {
  readonly scenario: Scenario
  readonly found: Found
}

/** Leaves out actions and resources, one at a time, for as long as the same invariant is violated. */
export async function smallest(seed: number, from: Scenario, found: Found): Promise<Smallest> {
  let best: Smallest = { scenario: from, found }
  for (let again = true; again;) {
    again = false
    for (const scenario of smaller(best.scenario)) {
      const other = (await runCourse(seed, { scenario })).found.find(({ invariant }) => invariant === found.invariant)
      if (other === undefined) continue
      best = { scenario, found: other }
      again = true
      break
    }
  }
  return best
}

function* smaller({ resources, actions }: Scenario): Generator<Scenario> {
  for (const action of actions) yield { resources, actions: actions.filter((one) => one !== action) }
  for (const { name } of resources) {
    const rest = resources.filter((one) => one.name !== name).map((one) => ({ ...one, uses: one.uses.filter((other) => other !== name) }))
    const without = actions.flatMap((action): readonly Action[] => {
      if (action.act === 'undo one' && action.name === name) return []
      if (action.act !== 'apply') return [action]
      return [{ ...action, wanted: Object.fromEntries(Object.entries(action.wanted).filter(([key]) => key !== name)) }]
    })
    yield { resources: rest, actions: without }
  }
}

/** Ready to be run; it fails until the violation is mended. */
export function testFileOf(seed: number, { scenario, found: { at, invariant, text } }: Smallest): string {
  return `import { expect, test } from 'vitest'
import { runCourse } from './course.ts'
import type { Action, Scenario } from './scenario.ts'

// ${invariant}: ${text.replaceAll('\n', ' ')}
const scenario: Scenario = ${JSON.stringify(scenario, null, 2)}

test('seed ${seed}, at ${at}', async () => {
  expect((await runCourse(${seed}, { scenario })).found).toEqual([])
})
`
}
