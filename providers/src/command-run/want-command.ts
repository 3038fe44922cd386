// Owns: the state that a frozen command asks for, and reading the one that is there.
// Never: runs anything.
import { posix } from 'node:path'
import type { At, Look, Seen, Wanted } from '@understudy/contract'
import { listBytes, loadDiff, loadList, loadRun, noEntries } from './entries.ts'
import type { Entries, Entry } from './entries.ts'
import { holdsSecret } from './plain-env.ts'
import { readPaths } from './read-entry.ts'
import { halfRun, runFault } from './run-fault.ts'
import { readRecord } from './run-record.ts'
import type { CommandOut, CommandPart, CommandSpec, CommandState } from './spec.ts'

export async function wantCommand({ part }: At<CommandPart>, spec: CommandSpec, call: Look): Promise<Wanted<CommandState>> {
  const { effects, confine, ran } = spec
  const record = readRecord(call)
  const known = record === null ? noEntries : await loadList(record.origin, call)
  const secret = holdsSecret(spec.env) || record?.secret === true
  const shared = { effects, secret }
  if (confine === 'none') {
    const bare = { command: spec.command, cwd: spec.cwd ?? '/', env: spec.env, timeoutMs: spec.timeoutMs, undo: spec.undo ?? null }
    const none = await call.put(listBytes(noEntries))
    const run = await call.put(Buffer.from(JSON.stringify({ exitCode: 0, stdout: '' })))
    return { state: { ...shared, paths: none, origin: none, run, bare }, claims: [] }
  }
  if (ran === undefined)
    throw runFault('not-frozen', 'bug', 'The command was not run while planning.', spec.command.join(' '), 'Plan it again.')
  const diff = await loadDiff(ran.diff, call)
  const roots = joined(known.roots, diff.roots)
  const origin = { roots, entries: { ...diff.before, ...known.entries } }
  const others = Object.keys(known.entries).filter((path) => !(path in diff.after))
  const now = await readPaths(part.root, roots, others, call, async (bytes) => call.name(bytes))
  const paths = { roots, entries: { ...withGround(now.entries, diff.after), ...diff.after } }
  const state: CommandState = {
    ...shared,
    paths: await call.put(listBytes(paths)),
    origin: await call.put(listBytes(origin)),
    run: ran.run,
    bare: null,
  }
  return { state, claims: Object.entries(diff.after).map(([path, entry]) => claimOf(path, entry, diff.before[path] ?? null)) }
}

/**
 * What stood below a directory that the command removes or replaces goes with it, also what came there by an earlier run
 * that this one did not see when it was tried. Only paths of our own are told here: what others put there refuses the turn.
 */
function withGround(entries: Entries, after: Entries): Entries {
  const goes = (path: string): boolean => {
    for (let above = posix.dirname(path); above !== posix.dirname(above); above = posix.dirname(above)) {
      const entry = after[above]
      if (entry !== undefined && entry?.type !== 'dir') return true
    }
    return false
  }
  return Object.fromEntries(Object.entries(entries).map(([path, entry]) => [path, goes(path) ? null : entry]))
}

/** A directory is claimed with all below only where it comes or goes; one whose mode changes is not ours. */
function claimOf(path: string, after: Entry | null, before: Entry | null): string {
  const whole = [after, before].some((entry) => entry?.type === 'dir') && (after?.type !== 'dir' || before?.type !== 'dir')
  return whole ? `file:${path}/` : `file:${path}`
}

export function joined(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])].toSorted()
}

export async function readCommand({ part }: At<CommandPart>, call: Look): Promise<Seen<CommandState, CommandOut> | null> {
  const record = readRecord(call)
  if (record === null) return null
  const { origin, run, effects, secret, bare, begun } = record
  if (begun) throw halfRun(bare?.command ?? [])
  const known = await loadList(origin, call)
  const now = await readPaths(part.root, known.roots, Object.keys(known.entries).toSorted(), call, async (bytes) => call.name(bytes))
  const times = [...now.stats].filter(([, stat]) => stat.type !== 'dir').map(([path, { mtimeNs }]) => `${path} ${mtimeNs}\n`)
  return {
    state: { paths: await call.put(listBytes({ roots: known.roots, entries: now.entries })), origin, run, effects, secret, bare },
    out: await loadRun(run, call),
    unmanaged: { times: call.name(Buffer.from(times.join(''), 'utf8')) },
    volatile: null,
  }
}
