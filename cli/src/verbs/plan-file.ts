// Owns: plans kept in a file (`plan -o`).
// Never: trusts one: it is applied exactly as it is or refused by the engine when the world is another.
import { readFileSync } from 'node:fs'
import { Fault, isObject } from '@understudy/contract'
import type { Intent, Plan } from '@understudy/engine'

export interface PlanFile {
  readonly understudy: 'plan'
  readonly intent: Intent
  readonly plan: Plan
}

export function readPlanFile(file: string): PlanFile {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw notAPlan(file, thrown instanceof Error ? thrown.message : String(thrown))
  }
  if (!isPlanFile(value)) throw notAPlan(file, 'it is not what `understudy plan -o` writes')
  return value
}

function isPlanFile(value: unknown): value is PlanFile {
  if (!isObject(value) || value['understudy'] !== 'plan') return false
  const { plan, intent } = value
  return (
    isObject(plan) && plan['artefact'] === 'plan' && Array.isArray(plan['steps']) && isObject(intent) && intent['artefact'] === 'intent'
  )
}

function notAPlan(file: string, detail: string): Fault {
  return new Fault({
    code: 'cli.not-a-plan',
    class: 'invalid',
    summary: 'This file is not a plan.',
    detail: `${file}: ${detail}`,
    hint: 'Make one with `understudy plan -o FILE`; a stack file is named with -f.',
  })
}
