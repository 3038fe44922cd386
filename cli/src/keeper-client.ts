// Owns: starting the keeper of a store when it is needed, and waiting until it answers.
// Never: starts a second one.
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Fault, faultOf } from '@understudy/contract'
import { askKeeper, loadStack, needsKeeper } from '@understudy/engine'
import type { Renderer } from './render/renderer.ts'
import type { Session } from './session.ts'

const START_MS_MAX = 10_000 // a cold start on a busy machine takes a second

/** The keeper's own words about itself, once it runs. Faults `keeper.no-start` with the end of its log. */
export async function ensureKeeper(session: Session): Promise<object> {
  const running = await askKeeper(session.dir, '/')
  if (running !== null) return running
  const log = join(session.dir, 'keeper.log')
  const start = process.argv[1]
  if (start === undefined) throw new Error('no program to start')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', start, '-f', session.file, 'keeper', 'run'], {
    cwd: session.base,
    detached: true,
    stdio: ['ignore', openSync(log, 'a', 0o600), openSync(log, 'a', 0o600)],
  })
  child.unref()
  const until = performance.now() + START_MS_MAX
  while (performance.now() < until) {
    const answer = await askKeeper(session.dir, '/')
    if (answer !== null) return answer
    await sleep(20)
  }
  throw new Fault({
    code: 'keeper.no-start',
    class: 'transient',
    summary: 'The keeper did not start.',
    detail: `nothing answers; its log is ${log}`,
    hint: 'Run `understudy keeper run` to see why. Without it nobody watches the change: confirm or roll back by hand.',
  })
}

/** Starts the keeper where one is needed and none runs: one that died is not missed for longer than until the next verb (L8). */
export async function watchOver(session: Session, stack: string, renderer: Renderer): Promise<void> {
  try {
    if (needsKeeper(await loadStack(session.store, stack), Date.now())) await ensureKeeper(session)
  } catch (thrown) {
    // The verb's own end is what counts; that nobody watches is said beside it.
    renderer.fault(faultOf(thrown))
  }
}
