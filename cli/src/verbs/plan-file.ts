// Owns: plans kept in a file (`plan -o`), sealed under the store's key.
// Never: trusts one: it is applied exactly as it was made, or refused: here when it was edited, by the engine when the
// world is another.
import { readFileSync, writeFileSync } from 'node:fs'
import { Fault, isObject } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { Intent, Plan, Store } from '@understudy/engine'
import { writing } from '../writing.ts'

export interface PlanFile {
  readonly understudy: 'plan'
  readonly intent: Intent
  readonly plan: Plan
  /** Names the rest, under the store's key. */
  readonly seal: Digest
}

export function writePlanFile(file: string, { objects }: Store, intent: Intent, plan: Plan): void {
  const content: PlanFile = { understudy: 'plan', intent, plan, seal: sealOf(objects, intent, plan) }
  writing(file, () => writeFileSync(file, `${JSON.stringify(content)}\n`, { mode: 0o600 }))
}

function sealOf(objects: Store['objects'], intent: Intent, plan: Plan): Digest {
  return objects.name(Buffer.from(JSON.stringify({ intent, plan })))
}

export function readPlanFile(file: string, { objects }: Store): PlanFile {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (thrown) {
    throw notAPlan(file, thrown instanceof Error ? thrown.message : String(thrown))
  }
  if (!isPlanFile(value)) throw notAPlan(file, 'it is not what `understudy plan -o` writes')
  if (value.seal !== sealOf(objects, value.intent, value.plan)) throw edited(file)
  return value
}

function isPlanFile(value: unknown): value is PlanFile {
  if (!isObject(value) || value['understudy'] !== 'plan') return false
  const { plan, intent } = value
  return (
    isObject(plan) && plan['artefact'] === 'plan' && Array.isArray(plan['steps']) && isObject(intent) && intent['artefact'] === 'intent'
  )
}

function edited(file: string): Fault {
  return new Fault({
    code: 'cli.plan-edited',
    class: 'invalid',
    summary: 'This is not the plan that was made here.',
    detail: `${file}: its content does not fit its seal: it was edited, or made with another store`,
    hint: 'Change the stack file and make a new plan: `understudy plan -o FILE`.',
  })
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
