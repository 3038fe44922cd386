// Owns: `keeper start | run | stop | status`.
// Never: needs a readable stack file.
import { Fault } from '@understudy/contract'
import { askKeeper, loadStack, runKeeper, watchedChange } from '@understudy/engine'
import type { Ports } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { ensureKeeper } from '../keeper-client.ts'
import type { Session } from '../session.ts'
import { storedStacks } from '../session.ts'

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
        const unwatched = running === null ? [] : await unwatchedIn(session)
        context.renderer.result('keeper', { stopped: running, unwatched }, () =>
          running === null ? 'No keeper runs.' : ['The keeper ends; what it started goes on.', ...unwatched.map(unwatchedText)].join('\n'),
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

interface Unwatched {
  readonly stack: string
  readonly change: string
  readonly confirmBy: number | null
  readonly lastsUntil: number | null
}

/** What only a keeper sees to in time. */
async function unwatchedIn(session: Session): Promise<readonly Unwatched[]> {
  const found: Unwatched[] = []
  for (const stack of await storedStacks(session)) {
    const watched = watchedChange(await loadStack(session.store, stack), Date.now())
    if (watched !== null) found.push({ stack, change: watched.change, confirmBy: watched.confirmBy, lastsUntil: watched.lastsUntil })
  }
  return found
}

function unwatchedText({ stack, change, confirmBy, lastsUntil }: Unwatched): string {
  const does = lastsUntil === null ? 'waits to be confirmed' : 'is temporary and lasts'
  const what = confirmBy === null ? 'is guarded' : `${does} until ${new Date(confirmBy).toISOString()}`
  return `${stack}: change ${change} ${what}, and nobody sees to it until the next verb or \`understudy keeper start\`.`
}
