// Owns: dropping what a change still holds beside the live things.
// Never: drops what an undo may still need; the caller knows.
import { faultOf } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { writing } from './attempt.ts'
import { keyOf, kindFor, placeOf, stepNamed } from './run.ts'
import type { Run } from './run.ts'

/** Releases steps, prepared or left over by a kill. Gives the faults of those that could not; releasing again is fine. */
export async function releaseSteps(
  run: Run,
  names: readonly string[],
): Promise<readonly { readonly step: string; readonly fault: FaultData }[]> {
  const failed: { step: string; fault: FaultData }[] = []
  for (const name of names) {
    const step = stepNamed(run.plan, name)
    const prepared = run.prepared.get(name) ?? null
    const kind = kindFor(run.ports, step.kind)
    const bound = { world: run.world, resource: step.id, limits: step.terms, log: run.log, shielded: true, during: 'release' }
    try {
      await writing(run.ports, bound, prepared?.key ?? keyOf(run.change, name), run.journal.epoch, (call) =>
        kind.release(placeOf(run, step), prepared === null ? null : prepared.memento, call),
      )
    } catch (thrown) {
      const fault = faultOf(thrown, { resource: name, stage: 'release' })
      failed.push({ step: name, fault })
      run.ports.emit('release.failed', { change: run.change, resource: step.resource }, { code: fault.code, detail: fault.detail })
    }
  }
  return failed
}
