// Owns: `recover`.
// Never: decides what a person has to.
import { Fault } from '@understudy/contract'
import { decideHeld, loadStack, recover, revive, withLease } from '@understudy/engine'
import type { Revived } from '@understudy/engine'
import type { Context } from '../context.ts'
import { listIn } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { settledExit, settledText } from '../render/settled-text.ts'

export function recoverVerb(context: Context, values: Readonly<Record<string, unknown>>): Promise<Exit> {
  return context.withStore(async ({ ports }) => {
    const decision = {
      resume: values['resume'] === true,
      skip: listIn(values, 'skip'),
      force: listIn(values, 'force'),
      abandon: values['abandon'] === true,
    }
    refuseSeveral(decision)
    if (decision.resume || decision.abandon || decision.skip.length + decision.force.length > 0) {
      const done = await withLease(ports, 'recover', (writable) => decideHeld(writable, decision))
      context.renderer.result(
        'recover',
        done,
        () => `Change ${done.change} is ${done.outcome}${done.left.length === 0 ? '' : `; left as they are: ${done.left.join(', ')}`}.`,
      )
      return done.outcome === 'undone' || done.outcome === 'kept' ? 'ok' : 'held'
    }
    const recovered = await recover(ports)
    const { changes } = await loadStack(ports.store, ports.stack)
    const held = Object.values(changes).find(({ change, phase }) => phase === 'held' && !recovered.some((one) => one.change === change))
    const revived = await revive(ports)
    context.renderer.result('recover', { recovered, held: held?.change ?? null, revived }, () => {
      const lines = [...settledText(recovered), ...revivedText(revived)]
      if (held !== undefined) lines.push(`Change ${held.change} is HELD (${held.why}): decide with --resume, --skip, --force or --abandon.`)
      return lines.length === 0 ? 'Nothing to recover.' : lines.join('\n')
    })
    if (held !== undefined) return 'held'
    return settledExit(recovered, revived.some(({ fault }) => fault !== null) ? 'unverified' : 'ok')
  })
}

function revivedText(revived: readonly Revived[]): readonly string[] {
  return revived.map(({ resource, fault }) =>
    fault === null
      ? `${resource} had ended and is started again, where it was.`
      : `${resource} has ended and could NOT be started again: ${fault.code} ${fault.detail} \`understudy apply\` starts a fresh one, \`rollback\` goes back.`,
  )
}

/** `--skip` and `--force` say it resource by resource; the others are about the whole change. */
function refuseSeveral({ resume, skip, force, abandon }: Parameters<typeof decideHeld>[1]): void {
  const said = [
    ...(resume ? ['--resume'] : []),
    ...(abandon ? ['--abandon'] : []),
    ...(skip.length + force.length > 0 ? ['--skip, --force'] : []),
  ]
  const twice = skip.find((name) => force.includes(name))
  if (twice !== undefined) said.splice(0, said.length, `--skip ${twice}`, `--force ${twice}`)
  if (said.length < 2) return
  throw new Fault({
    code: 'cli.both',
    class: 'invalid',
    summary: 'These cannot be decided together.',
    detail: said.join(' and '),
    hint: 'Say --resume, or --abandon, or --skip and --force with the names of resources.',
  })
}
