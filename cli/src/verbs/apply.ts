// Owns: `apply` and `destroy`.
// Never: decides; says what was decided.
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { apply, liesAside, loadStack, overdueChange, watchedChange } from '@understudy/engine'
import type { ApplyOutcome, Foreseen, Lasts } from '@understudy/engine'
import type { Context } from '../context.ts'
import { otherStack, textIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { exitOf } from '../exit-codes.ts'
import { instantOf } from '../instant.ts'
import { millisecondsOf } from '../milliseconds.ts'
import { duration } from '../render/amounts.ts'
import { asideText } from '../render/aside-text.ts'
import { lastingText, willLastText } from '../render/lasting-text.ts'
import { planText } from '../render/plan-text.ts'
import { ensureKeeper } from '../keeper-client.ts'
import { changeRequest, foreseenData } from './plan.ts'
import { readPlanFile } from './plan-file.ts'

type Values = Readonly<Record<string, unknown>>

export async function applyVerb(context: Context, values: Values, args: readonly string[]): Promise<Exit> {
  return changeVerb(context, values, 'apply', args[0] ?? null)
}

export async function destroyVerb(context: Context, values: Values): Promise<Exit> {
  return changeVerb(context, { ...values, destroy: true }, 'destroy', null)
}

function changeVerb(context: Context, values: Values, verb: 'apply' | 'destroy', file: string | null): Promise<Exit> {
  return context.withIntent(async ({ session, intent, ports }) => {
    const kept = file === null ? null : readPlanFile(file, session.store)
    if (kept !== null && kept.intent.stack !== intent.stack)
      throw otherStack(`plan of stack ${kept.intent.stack}`, intent.stack, session.file)
    const used = kept?.intent ?? intent
    const within = textIn(values, 'confirmWithin')
    const lasts = lastsOf(values)
    let shown = false
    const show = (foreseen: Foreseen): void => {
      if (!shown && !context.renderer.json)
        context.renderer.note([planText(foreseen), ...willLastText(lasts, textIn(values, 'for'))].join('\n'))
      shown = true
    }
    const outcome = await apply(ports, changeRequest(session, used, values, context.yes), {
      message: textIn(values, 'message') ?? '',
      confirmWithinMs: within === null ? null : soonOf('--confirm-within', within),
      lasts,
      planned: kept?.plan ?? null,
      always: verb === 'destroy',
      foreseen: show,
      arm: async () => void (await ensureKeeper(session)),
      ask: (foreseen) => context.ask(verb === 'destroy' ? `Remove all of ${intent.stack}?` : `Apply this to ${foreseen.plan.stack}?`),
    })
    if (outcome.outcome === 'refused' && outcome.assessment !== null) show(outcome)
    const fault = faultIn(outcome)
    if (fault !== null && !context.signal.aborted) context.renderer.fault(fault)
    const live = outcome.outcome === 'ended' && outcome.result.outcome === 'committed' ? outcome.result.revision : null
    const aside = await liesAside(ports, live)
    const state = await loadStack(ports.store, ports.stack)
    const watched = watchedChange(state, Date.now())
    const ends = { confirmBy: watched?.confirmBy ?? null, lastsUntil: watched?.lastsUntil ?? null }
    context.renderer.result(verb, { ...foreseenData(outcome), ...ending(outcome), ...ends, aside }, () =>
      [sayOutcome(outcome), ...lastingText(watched, overdueChange(state, ports) !== null), ...asideText(aside)].join('\n'),
    )
    return exitFor(context, outcome)
  })
}

/** The command line takes one of them. */
function lastsOf(values: Values): Lasts | null {
  const [length, until] = [textIn(values, 'for'), textIn(values, 'until')]
  if (length !== null) return { forMs: soonOf('--for', length) }
  return until === null ? null : { until: instantOf(until, Date.now()) }
}

/** A deadline that is over at once would only be an undo. */
function soonOf(option: string, text: string): number {
  const ms = millisecondsOf(text)
  if (ms > 0) return ms
  throw new Fault({
    code: 'cli.bad-time',
    class: 'invalid',
    summary: 'This is no time at all.',
    detail: `${option} ${text}`,
    hint: `For example: ${option} 10m`,
  })
}

function ending(outcome: ApplyOutcome): object {
  if (outcome.outcome === 'ended') return { outcome: outcome.result.outcome, result: outcome.result }
  if (outcome.outcome === 'recorded') return { outcome: 'recorded', n: outcome.n }
  return outcome.outcome === 'refused' ? { outcome: 'refused', by: outcome.by, fault: outcome.fault } : { outcome: 'nothing' }
}

function exitFor(context: Context, outcome: ApplyOutcome): Exit {
  if (outcome.outcome === 'nothing' || outcome.outcome === 'recorded') return 'ok'
  if (outcome.outcome === 'refused') {
    if (context.signal.aborted) return 'cancelled'
    if (outcome.by === 'policy' && outcome.rehearsal?.failed?.during === 'fork' && outcome.fault?.class === 'conflict') return 'conflict'
    return outcome.by === 'world-changed' ? 'conflict' : 'refused'
  }
  const { result } = outcome
  if (result.outcome === 'committed') return 'ok'
  if (result.outcome === 'held') return 'held'
  if (context.signal.aborted) return 'cancelled'
  if (result.touched) return 'rolled-back'
  const exit = exitOf(result.fault)
  return exit === 'conflict' || exit === 'forbidden' ? exit : 'failed'
}

/** What stopped it, where something did: said before the outcome, with what to do about it. */
function faultIn(outcome: ApplyOutcome): FaultData | null {
  if (outcome.outcome === 'refused') return outcome.fault
  return outcome.outcome === 'ended' && outcome.result.outcome !== 'committed' ? outcome.result.fault : null
}

function sayOutcome(outcome: ApplyOutcome): string {
  if (outcome.outcome === 'nothing') return 'Nothing to do: everything is as wanted.'
  if (outcome.outcome === 'recorded') return `${planText(outcome)}\nRecorded as revision ${outcome.n}. \`understudy rollback\` undoes it.`
  if (outcome.outcome === 'refused') {
    const gates = outcome.assessment?.gates.filter((gate) => gate.decision === 'refuse' || outcome.by === 'person') ?? []
    return ['Refused; the primary was not touched.', ...gates.map(({ name, text }) => `  ${name}: ${text}`)].join('\n')
  }
  const { result } = outcome
  switch (result.outcome) {
    case 'committed':
      return `Applied as revision ${result.n}, verified. Prepared in ${duration(result.receipt.prepareMs)}, turned in ${duration(result.receipt.turnMs)}. \`understudy rollback\` undoes it.`
    case 'undone':
      return result.touched
        ? `Failed and turned back, verified: ${result.fault.code} ${result.fault.detail}`
        : `Failed before anything was turned; the primary was not touched: ${result.fault.code} ${result.fault.detail}`
    case 'held':
      return `HELD: ${result.left.join(', ')} could not be turned back, or is not what it was. \`understudy status\` says what stands; \`understudy recover\` decides.`
    default:
      return result satisfies never
  }
}
