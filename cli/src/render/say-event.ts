// Owns: the sentence for each event of the engine, for people.
// Never: says something that the event does not.
import type { Json } from '@understudy/contract'
import type { EngineEvent } from '@understudy/engine'
import { duration } from './amounts.ts'

export interface Said {
  /** `passing` is shown while it lasts; `news` stays; `bad` stays, in red. */
  readonly level: 'passing' | 'news' | 'bad'
  readonly text: string
}

/** Null for events that people need not see. */
export function sayEvent({ type, resource, data }: EngineEvent): Said | null {
  const passing = (text: string): Said => ({ level: 'passing', text })
  const news = (text: string): Said => ({ level: 'news', text })
  const bad = (text: string): Said => ({ level: 'bad', text })
  const name = resource ?? ''
  const of = (key: string): string => textOf(data[key])
  const ms = (key: string): string => duration(numberOf(data[key]))
  switch (type) {
    case 'plan.started':
      return passing('plan     reading what is live')
    case 'plan.reading':
      return passing(`plan     reading ${name}`)
    case 'plan.frozen':
      return passing(`plan     ${name}: sources are in the store`)
    case 'plan.drifted':
      return news(`plan     ${name} is not what the last change left${data['gone'] === true ? ': it is gone' : ''}`)
    case 'plan.made':
      return passing(`plan     ${of('steps')} steps`)
    case 'shadow.opening':
      return passing('shadow   opening')
    case 'shadow.forked':
      return passing(`shadow   ${name} stands`)
    case 'shadow.prepared':
      return passing(`shadow   ${name} prepared in ${ms('ms')}`)
    case 'shadow.turned':
      return passing(`shadow   turned ${data['to'] === 'after' ? 'forward' : 'back'}`)
    case 'shadow.compared':
      return passing(`shadow   ${name} is what it should be`)
    case 'shadow.diverged':
      return bad(`shadow   ${name} is not what it should be`)
    case 'shadow.failed':
      return bad(`shadow   stopped${name === '' ? '' : ` at ${name}`}, during ${of('during')}: ${of('code')} ${of('detail')}`)
    case 'shadow.closed':
      return null
    case 'shadow.rehearsed':
      return data['failed'] === true
        ? bad(`shadow   the rehearsal failed after ${ms('ms')}`)
        : news(`shadow   rehearsed forward, back, forward, back in ${ms('ms')}: ${of('grade')}`)
    case 'assess.made':
      return passing(`assess   risk ${of('risk')}: ${of('decision')}`)
    case 'apply.refused':
      return bad(`apply    refused: ${of('code')}`)
    case 'apply.started':
      return null
    case 'apply.preparing':
      return passing(`prepare  ${name}`)
    case 'apply.prepared':
      return news(`prepare  ${name.padEnd(14)} ${ms('ms')}`)
    case 'apply.idle':
      return news(`prepare  ${name.padEnd(14)} nothing to do`)
    case 'apply.progress':
      return passing(`${of('during').padEnd(8)} ${name} ${of('done')}/${of('of')} ${of('what')}`)
    case 'apply.turned':
      return news(`turn     ${listOf(data['steps']).join(', ').padEnd(14)} ${ms('ms')}`)
    case 'apply.step-failed':
      return bad(`apply    ${name === '' ? '' : `${name}: `}${of('code')} ${of('detail')}`)
    case 'apply.committed':
      return null
    case 'verify.started':
      return passing('verify   reading what is live')
    case 'verify.resource':
      return data['equal'] === true ? passing(`verify   ${name} is what it should be`) : bad(`verify   ${name} is not what it should be`)
    case 'verify.finished':
      return data['verified'] === true ? news(`verify   all as it should be, ${ms('ms')}`) : bad('verify   not as it should be')
    case 'rollback.started':
      return null
    case 'rollback.switched':
      return news(`undo     switched back in ${ms('ms')}: ${listOf(data['restored']).join(', ')}`)
    case 'rollback.late':
      return news(`undo     ${name}: written after the change, kept aside: ${listOf(data['names']).join(', ')}`)
    case 'rollback.refused':
      return null
    case 'rollback.finished':
      return null
    case 'recover.started':
      return news('recover  an unfinished change was found')
    case 'recover.finished':
      return news(`recover  it is ${of('outcome')}`)
    case 'recover.revived':
      return news(`recover  ${name} had ended and was started again`)
    case 'recover.not-revived':
      return bad(`recover  ${name} has ended and could not be started again: ${of('code')} ${of('detail')}`)
    case 'guard.watching':
      return news(`guard    ${listOf(data['resources']).join(', ')} watched until ${new Date(numberOf(data['until'])).toISOString()}`)
    case 'guard.failed':
      return bad(`guard    ${name} failed: ${of('detail')}`)
    case 'guard.undoing':
      return bad('guard    undoes the change')
    case 'guard.holding':
      return bad(`guard    holds the change: ${name}: ${of('detail')}`)
    case 'guard.kept':
      return bad(`guard    ${name} failed, the change stays: ${of('detail')}`)
    case 'apply.over':
      return news('apply    the time of the temporary change is over: it is undone')
    case 'confirm.overdue':
      return bad('confirm  it did not come in time: the change is undone')
    case 'keeper.started':
      return passing('keeper   runs')
    case 'keeper.stopped':
      return passing('keeper   ended')
    case 'lease.taken-over':
      return news(
        `lease    ended who held the stack and did not go on: ${listOf(data['pids'])
          .map((pid) => `pid ${pid}`)
          .join(', ')}`,
      )
    case 'step.retried':
      return passing(`${of('during').padEnd(8)} ${name}: ${of('code')}, again`)
    case 'release.failed':
      return news(`release  ${name}: ${of('code')} ${of('detail')}; it is tried again later`)
    default:
      return type satisfies never
  }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}

function listOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map((item: Json) => textOf(item)) : []
}
