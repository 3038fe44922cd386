// Owns: finding two resources of a stack file that own the same thing, before anything is planned.
// Never: runs a command of the stack; writes anything but frozen sources into the store.
import { dirname } from 'node:path'
import { faultOf } from '@understudy/contract'
import type { CallLog } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { Intent } from '../model/intent.ts'
import { checkClaims, checkStoreUnclaimed } from './claims.ts'
import { freezeIntent, whereWritten } from './desired.ts'
import { judgeSpec } from './holed.ts'
import { askClaims } from './other-stacks.ts'

/** Faults `plan.claimed-twice` with the place. What is known only when something is run, or when its sources are there, is left to the plan. */
export async function validateClaims(ports: Ports, intent: Intent, base: string, log: CallLog): Promise<void> {
  const claims: Record<string, readonly string[]> = {}
  for (const name of Object.keys(intent.resources)) claims[name] = await claimsOf(ports, intent, name, base, log)
  try {
    checkClaims(claims)
    checkStoreUnclaimed(claims, dirname(ports.rooms))
  } catch (thrown) {
    throw whereWritten(thrown, intent)
  }
}

async function claimsOf(ports: Ports, intent: Intent, name: string, base: string, log: CallLog): Promise<readonly string[]> {
  const wish = intent.resources[name]
  if (wish === undefined || kindFor(ports, wish.kind).source?.once === true) return []
  try {
    const want = (await freezeIntent(ports, { ...intent, resources: { [name]: wish } }, null, base, 0, log))[name]
    if (want === undefined) return []
    const { kind, spec, terms } = want
    return await askClaims(ports, { id: name, kind, part: judgeSpec(kindFor(ports, kind), name, spec).home, spec, terms }, null, log)
  } catch (thrown) {
    if (faultOf(thrown).class === 'bug') throw thrown
    return []
  }
}
