// Owns: a plan for people: every line with its undo column, notes, the summary.
// Never: a column that was not measured or planned.
import { styleText } from 'node:util'
import { onlyRecords } from '@understudy/engine'
import type { Certificate, Foreseen, Reason, RehearsedStep, Step } from '@understudy/engine'
import { amount, duration } from './amounts.ts'
import { oneLine, printable } from './renderer.ts'

const marks = { create: '+', change: '~', delete: '-' } as const
const colours = { create: 'green', change: 'yellow', delete: 'red' } as const

export function planText({ plan, rehearsal, assessment }: Pick<Foreseen, 'plan' | 'rehearsal' | 'assessment'>): string {
  const lines: string[] = []
  const records = onlyRecords(plan)
  if (records) lines.push('Nothing to turn; this would be recorded:')
  else if (plan.steps.length === 0) lines.push(`Nothing to do: ${plan.unchanged.length} resources are as wanted.`)
  const width = Math.max(8, ...plan.steps.map(({ name }) => name.length))
  for (const [wave, names] of plan.waves.entries()) {
    if (plan.waves.length > 1) lines.push(styleText('dim', `wave ${wave + 1}`, { stream: process.stdout }))
    for (const name of names) {
      const step = plan.steps.find((one) => one.name === name)
      if (step === undefined) continue
      const seen = rehearsal?.steps.find((one) => one.step === name)
      const mark = styleText(colours[step.action], marks[step.action], { stream: process.stdout })
      lines.push(
        `  ${mark} ${oneLine(name).padEnd(width)}  ${step.kind.padEnd(16)}  ${reasons(step).padEnd(24)}  ${undoColumn(seen, rehearsal?.failed !== null)}`,
      )
    }
  }
  for (const { resource, text } of plan.notes) lines.push(`  · ${oneLine(resource)}: ${oneLine(text)}`)
  if (rehearsal !== null)
    for (const probe of rehearsal.probes)
      if (!probe.fit) lines.push(`  · ${probe.resource} cannot stand on the new data: ${oneLine(probe.detail)}`)
  if (assessment !== null) {
    for (const { points, text, name } of assessment.contributions.slice(0, 3))
      lines.push(`  · risk ${points}: ${name}: ${printable(firstLine(text))}`)
    for (const gate of assessment.gates)
      lines.push(
        `  ${gate.decision === 'refuse' ? '✗' : '?'} ${gate.name}: ${gate.text
          .split('\n')
          .map((line) => printable(line))
          .join('\n      ')}`,
      )
  }
  lines.push(summary({ plan, rehearsal, assessment }))
  return lines.join('\n')
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n')
  return line === text ? line : `${line} …`
}

function reasons(step: Step): string {
  return step.because.map(reasonText).join(', ')
}

function reasonText(reason: Reason): string {
  switch (reason.why) {
    case 'follows':
      return `follows ${reason.of}`
    case 'moved-home':
      return 'moves'
    case 'new':
      return 'new'
    case 'asked':
      return 'changed'
    case 'drift':
      return 'drifted'
    case 'removed':
      return 'removed'
    case 'forced':
      return 'replaced as asked'
    case 'undo':
      return 'undo'
    default:
      return reason satisfies never
  }
}

/** How it is undone, what the rehearsal proved, how long it takes, what it holds. */
function undoColumn(seen: RehearsedStep | undefined, failed: boolean): string {
  if (seen === undefined) return 'undo: not rehearsed'
  if (failed) return 'undo: not proved'
  if (seen.idle) return 'undo: nothing to do'
  const time = seen.undoMs.length === 0 ? '' : `, ${duration(Math.max(...seen.undoMs))}`
  return `undo: ${seen.reversal}, ${gradeText(seen.certificate)}${time}, ${amount(seen.bytesHeld)}`
}

export function gradeText({ grade, except, losses, reason }: Certificate): string {
  switch (grade) {
    case 'exact':
      return 'exact'
    case 'exact-except':
      return `exact except ${except.join('; ')}`
    case 'lossy':
      return `lossy: ${losses.join(', ')}`
    case 'impossible':
      return `impossible: ${printable(reason)}`
    default:
      return grade satisfies never
  }
}

function summary({ plan, rehearsal, assessment }: Pick<Foreseen, 'plan' | 'rehearsal' | 'assessment'>): string {
  const count = (action: Step['action']): number => plan.steps.filter((step) => step.action === action).length
  const parts = (['create', 'change', 'delete'] as const).flatMap((action) => (count(action) === 0 ? [] : [`${count(action)} ${action}`]))
  const none = onlyRecords(plan) ? 'nothing to turn' : 'nothing to do'
  const head = `Plan: ${parts.length === 0 ? none : parts.join(', ')}`
  if (rehearsal === null || assessment === null) return head
  const exact = rehearsal.steps.filter(({ certificate }) => certificate.grade === 'exact').length
  const { undoMs, bytesHeld } = assessment.forecast
  return `${head} · undo: ${exact}/${rehearsal.steps.length} exact, ≤ ${duration(undoMs.high)}, ${amount(bytesHeld)} · risk ${assessment.risk}`
}
