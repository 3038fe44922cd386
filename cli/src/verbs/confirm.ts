// Owns: `confirm`.
// Never: confirms anything but the change that waits, or one whose time has passed.
import { confirm } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { settledExit, settledText } from '../render/settled-text.ts'

export function confirmVerb(context: Context): Promise<Exit> {
  return context.withStore(async ({ ports }) => {
    const result = await confirm(ports)
    context.renderer.result('confirm', result, () => {
      if (result.outcome === 'nothing') return 'Nothing waits to be confirmed.'
      if (result.outcome === 'confirmed') {
        const stays = result.wasTemporary ? 'was temporary and is permanent now' : 'stays'
        return `Confirmed: revision ${result.n ?? '?'} ${stays}, its guards end.`
      }
      return ['Refused: there is nothing to confirm any more.', ...settledText(result.settled)].join('\n')
    })
    if (result.outcome !== 'settled') return 'ok'
    return settledExit(result.settled, 'refused')
  })
}
