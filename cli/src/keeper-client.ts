// Owns: starting the keeper of a store when it is needed, and waiting until it answers.
// Never: starts a second one.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
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
  const from = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  const started = startKeeper(session, log)
  const until = performance.now() + START_MS_MAX
  while (performance.now() < until) {
    const answer = await askKeeper(session.dir, '/')
    if (answer !== null) return answer
    const failed = started.failure()
    if (failed !== null) throw noStart(`${failed}${endOf(log, from)}`)
    await sleep(20)
  }
  throw noStart(`nothing answers; its log is ${log}${endOf(log, from)}`)
}

/** `failure` says why it ended; null while it lives, and where it only found another one (that one is waited for). */
function startKeeper(session: Session, log: string): { failure(): string | null } {
  const start = process.argv[1]
  if (start === undefined) throw new Error('no program to start')
  let why: string | null = null
  try {
    const out = openSync(log, 'a', 0o600)
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', start, '-f', session.file, 'keeper', 'run'], {
      cwd: session.base,
      detached: true,
      stdio: ['ignore', out, out],
    })
    closeSync(out)
    child.once('error', ({ message }) => void (why = message))
    child.once('exit', (code, signal) => void (why = code === 0 ? null : `it ended with ${signal ?? code}`))
    child.unref()
  } catch (thrown) {
    throw noStart(thrown instanceof Error ? thrown.message : String(thrown))
  }
  return { failure: () => why }
}

const TAIL_BYTES = 2_048

function endOf(log: string, from: number): string {
  const text = readFileSync(log).subarray(from).subarray(-TAIL_BYTES).toString('utf8').trim()
  return text === '' ? '' : `. Its last lines:\n${text}`
}

function noStart(detail: string): Fault {
  return new Fault({
    code: 'keeper.no-start',
    class: 'transient',
    summary: 'The keeper did not start, and without it nobody watches a change.',
    detail,
    hint: 'Run `understudy keeper run` to see why; without it apply neither with --confirm-within, --for or --until nor with guards. What waits already: `confirm` or `rollback`.',
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
