// Owns: `unlock`: who holds the stack, and taking it from a holder that is stuck.
// Never: takes it from a living one without --force, which ends that process first.
import { loadStack, recover } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { setTimeout as sleep } from 'node:timers/promises'

const END_MS_MAX = 5_000 // a stopped process is gone at once; one in a system call may take a moment

export function unlockVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const lease = await ports.store.leaseOf(stack)
    if (lease === null) {
      context.renderer.result('unlock', { holder: null }, () => 'Nobody holds the stack.')
      return 'ok'
    }
    const { holder } = lease
    const who = `${holder.who} on ${holder.host}, pid ${holder.pid}, ${holder.doing}, since ${new Date(lease.takenAt).toISOString()}`
    if (!ports.gone(holder)) {
      if (values['force'] !== true || holder.host !== ports.self.host) {
        context.renderer.result(
          'unlock',
          { holder, alive: true },
          () => `Held by ${who}. It lives; --force ends it (on its own host) and settles what it left.`,
        )
        return 'busy'
      }
      process.kill(holder.pid, 'SIGKILL')
      const until = performance.now() + END_MS_MAX
      while (!ports.gone(holder) && performance.now() < until) await sleep(10)
    }
    const recovered = await recover(ports)
    const state = await loadStack(ports.store, stack)
    context.renderer.result(
      'unlock',
      { holder, alive: false, recovered },
      () =>
        `Taken from ${who}. ${recovered.length === 0 ? 'It left nothing unfinished.' : `${recovered.length} unfinished settled.`} Revision ${state.revisions.at(-1)?.n ?? 0} is live.`,
    )
    return 'ok'
  })
}
