// Owns: one trial run of a command: the operations that build its sandbox, the run, and what became of it.
// Never: lets a write through to anything but the upper directories.
import { posix } from 'node:path'
import { Fault } from '@understudy/contract'
import type { DirWrites, Hands } from '@understudy/contract'
import { xattrsOf } from '../files-tree/read-tree.ts'
import { shown } from '../files-tree/tree-fault.ts'
import { isWithin, mountTable } from './mount-table.ts'
import type { Mount } from './mount-table.ts'
import { lastLines, runFault } from './run-fault.ts'
import { innerScript, insideScript, outerScript } from './sandbox-script.ts'

export interface Trial {
  readonly command: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Absolute, no one within another. */
  readonly writes: readonly string[]
  /** The folder of the stack file: readable even where it lies under /tmp. */
  readonly base: string
  readonly network: boolean
  readonly timeoutMs: number
}

export interface TrialResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly durationMs: number
  /** For each of `writes`, in order, its upper directory within `folder`. */
  readonly uppers: readonly string[]
}

/** Empty in the sandbox, so that sockets, locks and scratch of other processes are out of reach. */
const FRESH = ['/tmp', '/var/tmp', '/run', '/dev/shm'] as const
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const
/** The scripts' own tools; the command gets what its spec says. */
const TOOLS_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
const GRACE_MS = 3_000 // for building the sandbox, on top of what the command may take

/** Runs it in `folder` (a fresh directory, absolute). The caller removes the folder. */
export async function runTrial(trial: Trial, folder: string, call: Hands): Promise<TrialResult> {
  const mounts = mountTable(call)
  checkPlaces(trial, mounts, folder)
  const dir = call.fx.fs.open(folder)
  try {
    const operations = layOut(trial, mounts, folder, dir, call)
    const env = Object.entries(trial.env)
      .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
      .join('')
    const root = process.getuid?.() === 0
    const argv = ['setpriv', '--pdeathsig', 'KILL', '--', 'sh', '-c', outerScript, 'sandbox', innerScript, insideScript]
    const ids = [root ? '1' : '0', idMap('uid', root, call), idMap('gid', root, call)]
    const startedMs = call.fx.time.monotonic()
    const result = await run(
      trial,
      [...argv, ...ids, trial.network ? '' : '--net', trial.cwd, ...operations, '--', ...trial.command],
      folder,
      env,
      call,
    )
    const durationMs = call.fx.time.monotonic() - startedMs
    const status = dir.stat('status') === null ? '' : Buffer.from(dir.read('status')).toString('utf8')
    if (!status.includes('ready')) throw noSandbox(result.stderr)
    const exit = /^exit (\d+)$/m.exec(status)
    const uppers = trial.writes.map((_path, index) => `upper${index}`)
    return { exitCode: exit === null ? 137 : Number(exit[1]), stdout: result.stdout, stderr: result.stderr, durationMs, uppers }
  } finally {
    dir.close()
  }
}

async function run(trial: Trial, argv: readonly string[], cwd: string, env: string, call: Hands) {
  try {
    return await call.fx.process.run(argv, {
      cwd,
      env: { PATH: TOOLS_PATH },
      stdin: Buffer.from(env, 'utf8'),
      timeoutMs: trial.timeoutMs + GRACE_MS,
    })
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    if (thrown.fault.code === 'process.timeout') throw timedOut(trial)
    if (thrown.fault.class === 'outcome-unknown') {
      const hint = 'Nothing was changed: it ran in a sandbox.'
      throw runFault('cancelled', 'transient', 'The trial run was stopped.', trial.command.join(' '), hint)
    }
    throw noSandbox(`${thrown.fault.summary} ${thrown.fault.detail}`)
  }
}

function timedOut(trial: Trial): Fault {
  const detail = `${shown(trial.command.join(' '))}: more than ${trial.timeoutMs} ms.`
  return runFault(
    'timeout',
    'invalid',
    'The command did not end in time; nothing was changed.',
    detail,
    'Give it a longer timeoutMs, or see why it hangs.',
  )
}

export function noSandbox(reason: string): Fault {
  const hint =
    'Allow user namespaces and overlayfs on this host, or write `confine: none`: the command then runs untried, on the real thing, and cannot be undone.'
  return runFault('no-sandbox', 'forbidden', 'A sandbox for the command could not be made here.', lastLines(reason), hint)
}

function checkPlaces({ writes, cwd }: Trial, mounts: readonly Mount[], folder: string): void {
  for (const path of writes) {
    const inside = mounts.find(({ point }) => point !== path && isWithin(point, path))
    if (path === '/' || inside !== undefined) {
      const detail = `${shown(path)} has ${shown(inside?.point ?? '/')} mounted in it.`
      const hint = 'Name the directories below it that the command changes.'
      throw runFault('mount-inside', 'invalid', 'A directory with mounts in it cannot be captured.', detail, hint)
    }
    if (isWithin(folder, path)) {
      const detail = `${shown(path)} holds the store.`
      throw runFault(
        'holds-store',
        'invalid',
        'A command may not change the store.',
        detail,
        'Name a directory that does not hold the store.',
      )
    }
    if (['/proc', '/sys', '/dev'].some((own) => isWithin(path, own))) {
      throw runFault('not-files', 'invalid', 'This directory does not hold files.', shown(path), 'Use the kind that is made for it.')
    }
  }
  if (['/proc', '/dev'].some((own) => isWithin(cwd, own))) {
    throw runFault('bad-cwd', 'invalid', 'The command cannot run there.', shown(cwd), 'Name another cwd.')
  }
}

/** Makes the directories that the operations need, and lists the operations in their order. */
function layOut(trial: Trial, mounts: readonly Mount[], folder: string, dir: DirWrites, call: Hands): readonly string[] {
  const root = call.fx.fs.open('/')
  try {
    const fresh = FRESH.filter(
      (path) => path !== '/dev/shm' && root.stat(path.slice(1))?.type === 'dir' && !trial.writes.some((own) => isWithin(path, own)),
    )
    const operations: string[] = []
    fresh.forEach((path, index) => {
      dir.mkdir(`fresh${index}`, 0o700)
      operations.push('tmpfs', path === '/run' ? '755' : '1777', `fresh${index}`)
    })
    const staged = (path: string): string => {
      const index = fresh.findIndex((one) => isWithin(path, one))
      return index === -1 ? path : `fresh${index}${path.slice((fresh[index] ?? '').length)}`
    }
    const bound: { readonly at: string; readonly flags: string }[] = []
    for (const path of new Set([trial.base, trial.cwd])) {
      if (staged(path) === path || fresh.some((one) => one === path) || trial.writes.some((own) => isWithin(path, own))) continue
      if (bound.some(({ at }) => isWithin(staged(path), at))) continue
      operations.push('dir', staged(path), 'bind', path, staged(path))
      bound.push({ at: staged(path), flags: flagsAt(path, mounts) })
      // What is mounted below comes along (it cannot be left behind in a user namespace), and must not stay writable.
      for (const { point, flags } of mounts) {
        if (point !== path && isWithin(point, path) && !trial.writes.some((own) => isWithin(point, own)))
          bound.push({ at: staged(point), flags })
      }
    }
    trial.writes.forEach((path, index) => {
      makeLayers(dir, path, index, call)
      if (staged(path) !== path) operations.push('dir', staged(path))
      operations.push('overlay', `${index}`, staged(path))
    })
    dir.mkdir('dev', 0o755)
    operations.push('tmpfs', '755', 'dev')
    for (const device of DEVICES) operations.push('device', device)
    for (const [name, target] of [
      ['fd', 'self/fd'],
      ['stdin', 'self/fd/0'],
      ['stdout', 'self/fd/1'],
      ['stderr', 'self/fd/2'],
    ] as const) {
      operations.push('symlink', `/proc/${target}`, `dev/${name}`)
    }
    operations.push('dir', 'dev/shm', 'tmpfs', '1777', 'dev/shm')
    const covered = ['/proc', '/dev', ...fresh, ...trial.writes]
    for (const { point, flags } of mounts) {
      if (!covered.some((path) => isWithin(point, path))) operations.push('readonly', flags, point)
    }
    for (const { at, flags } of bound) operations.push('readonly', flags, at)
    operations.push('readonly', '', 'dev', 'readonly', ',nosuid,nodev,noexec', '/proc', 'move', 'dev', '/dev')
    // What covers our own working directory comes last: relative names lead nowhere after that.
    const last = (path: string): number => (isWithin(folder, path) ? 1 : 0)
    for (const path of fresh.toSorted((a, b) => last(a) - last(b))) operations.push('move', `fresh${fresh.indexOf(path)}`, path)
    return operations
  } finally {
    root.close()
  }
}

/** The mounts that a path lies on: the one with the longest name. */
function flagsAt(path: string, mounts: readonly Mount[]): string {
  let best: Mount | null = null
  for (const mount of mounts) if (isWithin(path, mount.point) && mount.point.length >= (best?.point.length ?? 0)) best = mount
  return best?.flags ?? ''
}

/** The top of an overlay has the owner and mode of its upper directory. */
function makeLayers(dir: DirWrites, path: string, index: number, call: Hands): void {
  const parent = call.fx.fs.open(posix.dirname(path))
  try {
    const name = posix.basename(path)
    const stat = parent.stat(name)
    if (stat?.type !== 'dir') {
      const detail = `${shown(path)} is ${stat === null ? 'not there' : `a ${stat.type}`}.`
      throw runFault(
        'no-directory',
        'invalid',
        'A directory that the command may change is not one.',
        detail,
        'Make it first, and name it by its own path.',
      )
    }
    dir.symlink(`lower${index}`, path)
    dir.mkdir(`work${index}`, 0o700)
    dir.mkdir(`upper${index}`, 0o700)
    const made = dir.stat(`upper${index}`)
    if (made?.uid !== stat.uid || made.gid !== stat.gid) {
      if (process.getuid?.() === 0) dir.chown(`upper${index}`, stat.uid, stat.gid)
    }
    const xattrs = Object.entries(xattrsOf(parent, name) ?? {}).filter(([key]) => !key.startsWith('user.overlay.'))
    if (xattrs.length > 0)
      dir.setXattrs(`upper${index}`, Object.fromEntries(xattrs.map(([key, value]) => [key, Buffer.from(value, 'base64')])), [])
    dir.chmod(`upper${index}`, stat.mode)
  } finally {
    parent.close()
  }
}

/** Root keeps all ids that it has itself; anybody else is root inside and nobody else. */
function idMap(which: 'uid' | 'gid', root: boolean, call: Hands): string {
  if (!root) return `0 ${(which === 'uid' ? process.getuid?.() : process.getgid?.()) ?? 0} 1\n`
  const proc = call.fx.fs.open('/proc/self')
  try {
    const rows = Buffer.from(proc.read(`${which}_map`))
      .toString('utf8')
      .trim()
      .split('\n')
    return rows
      .map((row) => {
        const [inside = '0', , count = '1'] = row.trim().split(/\s+/)
        return `${inside} ${inside} ${count}\n`
      })
      .join('')
  } finally {
    proc.close()
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
