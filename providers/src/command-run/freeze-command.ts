// Owns: the one run of a confined command, while planning: what it changed is captured and stands in the frozen spec.
// Never: runs an unconfined command; lets a confined one touch the real thing.
import { posix } from 'node:path'
import { isObject } from '@understudy/contract'
import type { Hands, Json } from '@understudy/contract'
import { someOf } from '../files-tree/tree-fault.ts'
import { captureDiff } from './capture-diff.ts'
import { diffBytes } from './entries.ts'
import type { Diff } from './entries.ts'
import { plainEnv } from './plain-env.ts'
import { lastLines, runFault } from './run-fault.ts'
import { runTrial } from './sandbox.ts'
import { absolutePath, specSchema } from './spec.ts'
import type { CommandSpec } from './spec.ts'

const STDOUT_MAX = 4_096 // characters of the output that others may refer to; the whole of it is in the store
const FOLDERS = 'trial-'

export async function freezeCommand(spec: Json, base: string, call: Hands): Promise<Json> {
  if (!isObject(spec) || spec['ran'] !== undefined) return spec
  refuseHoles(spec, '')
  const parsed = specSchema.safeParse(spec)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const detail = `/${issue?.path.map(String).join('/') ?? ''}: ${issue?.message ?? 'it does not parse'}`
    throw runFault('bad-spec', 'invalid', 'This is not a command.', detail, 'Correct the spec in the stack file.')
  }
  const placed = place(parsed.data, base)
  const whole: Json = {
    ...spec,
    cwd: placed.cwd,
    writes: placed.writes,
    ...(placed.creates === undefined ? {} : { creates: placed.creates }),
  }
  if (placed.confine === 'none') return whole
  return { ...whole, ran: await ranOnce(placed, base, call) }
}

function refuseHoles(value: Json, path: string): void {
  if (Array.isArray(value)) value.forEach((item: Json, index) => refuseHoles(item, `${path}/${index}`))
  else if (isObject(value) && '$ref' in value) {
    const hint = 'Write it as text: the command is run while planning, so all of it must be known then.'
    throw runFault(
      'known-too-late',
      'invalid',
      'The command refers to what is known only later.',
      `${path}: ${JSON.stringify(value)}`,
      hint,
    )
  } else if (isObject(value)) for (const [key, member] of Object.entries(value)) refuseHoles(member, `${path}/${key}`)
}

type Placed = CommandSpec & { readonly cwd: string }

function place(spec: CommandSpec, base: string): Placed {
  const all = [...new Set(spec.writes.map((path) => absolutePath(base, path)))].toSorted()
  const writes = all.filter((path) => !all.some((other) => other !== path && path.startsWith(`${other}/`)))
  const placed = { ...spec, writes, cwd: absolutePath(base, spec.cwd ?? '.') }
  return spec.creates === undefined ? placed : { ...placed, creates: absolutePath(base, spec.creates) }
}

async function ranOnce(spec: Placed, base: string, call: Hands): Promise<Json> {
  const put = (text: string): Promise<string> => call.put(Buffer.from(text, 'utf8'))
  const none: Diff = { roots: spec.writes, before: {}, after: {} }
  if (spec.creates !== undefined && exists(spec.creates, call))
    return frozen(spec, { exitCode: 0, stdout: '', stderr: '', durationMs: 0 }, none, [], call)
  const { env, secrets } = await plainEnv(spec.env, call)
  const room = call.fx.fs.open(call.room)
  try {
    // What a kill left over of an earlier run is nobody's.
    for (const { name } of room.list('')) if (name.startsWith(FOLDERS)) removeTrial(call, name)
    const name = `${FOLDERS}${call.fx.time.now()}`
    room.mkdir(name, 0o700)
    try {
      const folder = `${call.room}/${name}`
      const { command, cwd, writes, network, timeoutMs } = spec
      const surroundings = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/tmp', LANG: 'C.UTF-8', ...env }
      const result = await runTrial({ command, cwd, env: surroundings, writes, base, network, timeoutMs }, folder, call)
      if (result.exitCode !== 0) {
        const detail = `${command.join(' ')}: exit ${result.exitCode}. ${hidden(lastLines(result.stderr), secrets)}`
        const hint = outsideHint(result.stderr, spec.writes)
        throw runFault('failed', 'invalid', 'The command failed in its trial run; nothing was changed.', detail, hint)
      }
      const diff = await capture(spec.writes, result.uppers, folder, call)
      return await frozen(spec, result, diff, secrets, call)
    } finally {
      removeTrial(call, name)
    }
  } finally {
    room.close()
  }

  async function frozen(
    { effects: _effects }: Placed,
    result: { readonly exitCode: number; readonly stdout: string; readonly stderr: string; readonly durationMs: number },
    diff: Diff,
    hide: readonly string[],
    hands: Hands,
  ): Promise<Json> {
    const stdout = hidden(result.stdout, hide)
    const run = { exitCode: result.exitCode, stdout: stdout.slice(0, STDOUT_MAX).trimEnd() }
    return {
      exitCode: result.exitCode,
      stdout: await put(stdout),
      stderr: await put(hidden(result.stderr, hide)),
      durationMs: Math.round(result.durationMs),
      diff: await hands.put(diffBytes(diff)),
      run: await put(JSON.stringify(run)),
    }
  }
}

async function capture(writes: readonly string[], uppers: readonly string[], folder: string, call: Hands): Promise<Diff> {
  const before: Record<string, Diff['before'][string]> = {}
  const after: Record<string, Diff['after'][string]> = {}
  for (const [index, root] of writes.entries()) {
    const lower = call.fx.fs.open(root)
    const upper = call.fx.fs.open(`${folder}/${uppers[index] ?? ''}`)
    try {
      const diff = await captureDiff(root, lower, upper, call)
      if (diff.skipped.length > 0) {
        const hint = 'Let the command end its server, or leave the directory out of `writes`.'
        throw runFault('left-socket', 'invalid', 'The command left a socket behind.', `${someOf(diff.skipped)}.`, hint)
      }
      Object.assign(before, diff.before)
      Object.assign(after, diff.after)
    } finally {
      lower.close()
      upper.close()
    }
  }
  return { roots: writes, before, after }
}

function exists(path: string, call: Hands): boolean {
  const root = call.fx.fs.open('/')
  try {
    return root.stat(path.slice(1)) !== null
  } finally {
    root.close()
  }
}

/** An overlay's work directory forbids its owner to look into it; only root may not care. */
function removeTrial(call: Hands, name: string): void {
  const room = call.fx.fs.open(call.room)
  try {
    for (const entry of room.list(name)) {
      const inner = `${name}/${entry.name}/work`
      if (entry.name.startsWith('work') && room.stat(inner)?.type === 'dir') room.chmod(inner, 0o700)
    }
    room.remove(name)
  } finally {
    room.close()
  }
}

function hidden(text: string, secrets: readonly string[]): string {
  return secrets.reduce((clean, secret) => (secret.length < 4 ? clean : clean.replaceAll(secret, '***')), text)
}

function outsideHint(stderr: string, writes: readonly string[]): string {
  if (!/read-only file system/i.test(stderr)) return 'Correct the command; it runs as it is, without a shell.'
  return `It may only change ${someOf(writes)}: add to \`writes\` what else it has to change. ${posix.sep}tmp is its own.`
}
