// Owns: `plan` and `whatif`.
// Never: changes the primary.
import { foresee, onlyRecords, plan } from '@understudy/engine'
import type { ChangeRequest, Foreseen, Intent } from '@understudy/engine'
import type { Context } from '../context.ts'
import { listIn, textIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { planText } from '../render/plan-text.ts'
import type { Session } from '../session.ts'
import { writePlanFile } from './plan-file.ts'

type Values = Readonly<Record<string, unknown>>

export function changeRequest(session: Session, intent: Intent, values: Values, yes: boolean): ChangeRequest {
  return {
    intent,
    base: session.base,
    only: listIn(values, 'only'),
    replace: listIn(values, 'replace'),
    consent: { irreversible: listIn(values, 'acceptIrreversible'), loss: listIn(values, 'acceptLoss'), yes },
    destroy: values['destroy'] === true,
  }
}

/** What a program gets of a foreseen change. */
export function foreseenData({ plan: made, planDigest, rehearsal, assessment }: Foreseen): object {
  return { digest: planDigest, plan: made, rehearsal, assessment }
}

export async function planVerb(context: Context, values: Values): Promise<Exit> {
  return foreseeVerb(context, values, 'plan', values['rehearse'] !== false)
}

export async function whatifVerb(context: Context, values: Values): Promise<Exit> {
  return foreseeVerb(context, values, 'whatif', true)
}

function foreseeVerb(context: Context, values: Values, type: 'plan' | 'whatif', rehearsed: boolean): Promise<Exit> {
  return context.withIntent(async ({ session, intent, ports }) => {
    const request = changeRequest(session, intent, values, context.yes)
    const planned = await plan(ports, request)
    const foreseen = rehearsed ? await foresee(ports, planned, intent.policy, request.consent) : planned
    await session.store.objects.flush()
    const failed = foreseen.rehearsal?.failed ?? null
    if (failed !== null) context.renderer.fault(failed.fault)
    context.renderer.result(type, foreseenData(foreseen), () => planText(foreseen))
    const out = textIn(values, 'out')
    if (out !== null) {
      writePlanFile(out, session.store, intent, foreseen.plan)
      context.renderer.note(`kept in ${out}; \`understudy apply ${out}\` applies exactly that`)
    }
    if (foreseen.assessment?.decision === 'refuse') return 'refused'
    const differs = foreseen.plan.steps.length > 0 || onlyRecords(foreseen.plan)
    return values['exitCode'] === true && differs ? 'differences' : 'ok'
  })
}
