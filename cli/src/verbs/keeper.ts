// Owns: `keeper start | run | stop | status`.
// Never: needs a readable stack file.
import { Fault } from '@understudy/contract'
import { askKeeper, runKeeper } from '@understudy/engine'
import type { Ports } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { ensureKeeper } from '../keeper-client.ts'

export function keeperVerb(context: Context, _values: object, args: readonly string[]): Promise<Exit> {
  const [action = 'status'] = args
  return context.withStacks(async (session): Promise<Exit> => {
    switch (action) {
      case 'run': {
        const portsOf = (stack: string): Ports => session.ports(stack, 'keeper')
        const why = await runKeeper(portsOf(''), session.dir, portsOf)
        context.renderer.result('keeper', { ended: why }, () =>
          why === 'other' ? 'A keeper of this store runs already.' : `The keeper ended (${why}).`,
        )
        return 'ok'
      }
      case 'start':
        context.renderer.result('keeper', { running: await ensureKeeper(session) }, () => 'The keeper runs.')
        return 'ok'
      case 'stop': {
        const running = await askKeeper(session.dir, '/stop')
        context.renderer.result('keeper', { stopped: running }, () =>
          running === null ? 'No keeper runs.' : 'The keeper ends; what it started goes on.',
        )
        return 'ok'
      }
      case 'status': {
        const running = await askKeeper(session.dir, '/')
        context.renderer.result('keeper', { running }, () =>
          running === null
            ? 'No keeper runs.'
            : `The keeper runs: pid ${JSON.stringify(running['pid'])}, since ${new Date(Number(running['since'])).toISOString()}.`,
        )
        return 'ok'
      }
      default:
        throw new Fault({
          code: 'cli.no-such-action',
          class: 'invalid',
          summary: 'The keeper does not know this.',
          detail: JSON.stringify(action),
          hint: 'It knows start, run, stop and status.',
        })
    }
  })
}
