// Owns: running an unconfined command, or what undoes it, on the real thing: once for each turn.
// Never: runs in a copy of the world; there it is only taken note of.
import type { Hands, Side } from '@understudy/contract'
import { plainEnv } from './plain-env.ts'
import { lastLines, runFault } from './run-fault.ts'
import { writeRecord } from './run-record.ts'
import type { CommandMemento, CommandPart } from './spec.ts'

export async function turnBare({ runs }: CommandPart, { before, after, key }: CommandMemento, to: Side, call: Hands): Promise<void> {
  const bare = after?.bare ?? null
  if (after === null || bare === null || !runs) return
  const argv = to === 'after' ? bare.command : bare.undo
  if (argv === null) {
    const hint = 'Give the command an `undo:`, or leave its effects.'
    throw runFault('no-undo', 'invalid', 'An unconfined command cannot be undone.', bare.command.join(' '), hint)
  }
  // Noted first: whoever finds this knows that it may have happened, and does not run it again.
  writeRecord(call, { ...(to === 'after' ? after : (before ?? after)), by: key, begun: true })
  const { env } = await plainEnv(bare.env, call)
  const result = await call.fx.process.run(argv, {
    cwd: bare.cwd,
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env },
    timeoutMs: bare.timeoutMs,
  })
  if (result.code === 0) return
  const how = result.code === null ? `signal ${result.signal ?? ''}` : `exit ${result.code}`
  const hint = 'It ran on the real thing: see what it did, then say `understudy recover`.'
  throw runFault(
    'failed',
    'outcome-unknown',
    'The unconfined command failed.',
    `${argv.join(' ')}: ${how}. ${lastLines(result.stderr)}`,
    hint,
  )
}
