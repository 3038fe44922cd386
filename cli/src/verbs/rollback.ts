// Owns: `rollback`.
// Never: reads the stack file: an undo carries what it needs (L3).
import { endedResources, parseSelection, rollback } from '@understudy/engine'
import type { ApplyResult, RollbackResult } from '@understudy/engine'
import type { Context } from '../context.ts'
import { listIn, numberIn, textIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { settledExit, settledText } from '../render/settled-text.ts'
import { duration } from '../render/amounts.ts'

export function rollbackVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  return context.withStore(async ({ ports }) => {
    const resolve = textIn(values, 'resolve')
    const result = await rollback(ports, {
      to: numberIn(values, 'to'),
      only: listIn(values, 'only').map((text) => parseSelection(text)),
      withClosure: values['withClosure'] === true,
      resolve: resolve === 'ours' || resolve === 'theirs' ? resolve : null,
      acceptLoss: listIn(values, 'acceptLoss'),
      acceptIrreversible: listIn(values, 'acceptIrreversible'),
      message: textIn(values, 'message') ?? '',
      why: 'asked for',
    })
    if (result.outcome === 'failed' && result.result?.outcome === 'undone') context.renderer.fault(result.result.fault)
    // What took no part in the undo may be down all the same: "verified" must not sound as if it were not.
    const ended = result.outcome === 'undone' ? await endedResources(ports) : []
    const down =
      ended.length === 0 ? [] : [`DOWN: ${ended.join(', ')}; \`understudy recover\` starts again what has ended, or says why not`]
    context.renderer.result('rollback', { ...result, ended }, () => [say(result), ...down].join('\n'))
    return exitFor(result)
  })
}

function exitFor(result: RollbackResult): Exit {
  switch (result.outcome) {
    case 'settled':
      return settledExit(result.settled, 'ok')
    case 'nothing':
    case 'undone':
      return 'ok'
    case 'refused':
      return 'refused'
    case 'failed':
      return result.held ? 'held' : result.result === null ? 'unverified' : failedExit(result.result)
    default:
      return result satisfies never
  }
}

/** Nothing was turned where somebody stood in the way. */
function failedExit(result: ApplyResult): Exit {
  const untouched = result.outcome === 'undone' && !result.touched && result.fault.class === 'conflict'
  return untouched ? 'conflict' : 'rolled-back'
}

/** What would let it go on. */
function adviceFor({ code, names }: Extract<RollbackResult, { outcome: 'refused' }>): string {
  const each = (option: string): string => names.map((name) => `${option} ${name}`).join(' ')
  if (code === 'rollback.refers') return ` Say ${each('--only')} as well.`
  if (code === 'rollback.closure') return ' Say --with-closure to take them along.'
  if (code === 'rollback.irreversible') return ` ${each('--accept-irreversible')} accepts that; what has none is left as it is.`
  return code === 'rollback.lossy' ? ` ${each('--accept-loss')} accepts that.` : ''
}

function say(result: RollbackResult): string {
  switch (result.outcome) {
    case 'nothing':
      return `Nothing to undo: ${result.why}.`
    case 'settled':
      return [...settledText(result.settled), 'That was the last change; nothing else was undone.'].join('\n')
    case 'refused':
      return `Refused (${result.code}): ${result.text}.${adviceFor(result)}`
    case 'undone': {
      if (result.how === 'recorded') {
        return `Undone as revision ${result.n}: only what is recorded of ${result.undoing.restored.join(', ')} went back; nothing live was changed.`
      }
      const late = result.undoing.late.flatMap(({ resource, names }) =>
        names.map((name) => `  kept aside, written after the change: ${resource}: ${name}`),
      )
      return [
        `Undone as revision ${result.n}, verified against the saved state (${result.how}, ${duration(result.undoing.switchMs)} to switch, ${duration(result.undoing.totalMs ?? 0)} in all): ${result.undoing.restored.join(', ')}.`,
        ...late,
        ...(result.plan?.notes ?? [])
          .filter(({ code }) => code === 'kept' || code === 'handed-back' || code === 'written-over')
          .map(({ resource, text }) => `  ${resource}: ${text}`),
        ...(result.undoing.losses ?? []).map((loss) => `  LOST, as accepted when it was applied: ${loss}`),
        ...result.undoing.left.map((name) => `  left as it is, NOT undone: ${name}`),
      ].join('\n')
    }
    case 'failed':
      return result.held
        ? 'HELD: not everything could be turned back. `understudy status` says what stands; `understudy recover` decides.'
        : 'The undo failed; what it had begun was turned back.'
    default:
      return result satisfies never
  }
}
