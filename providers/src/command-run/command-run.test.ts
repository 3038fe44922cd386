import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData, Json } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import type { Stage } from '@understudy/engine/testing'
import { loadDiff } from './entries.ts'
import { visibleMounts } from './mount-table.ts'
import { commandRun } from './provider.ts'
import { specSchema } from './spec.ts'
import type { CommandSpec } from './spec.ts'

let stage: Stage
let etc: string

beforeEach(async () => {
  stage = await openStage()
  etc = join(stage.dir, 'etc')
  mkdirSync(join(etc, 'conf.d'), { recursive: true })
  writeFileSync(join(etc, 'app.conf'), 'port = 1\n')
  chmodSync(join(etc, 'app.conf'), 0o640)
  writeFileSync(join(etc, 'conf.d', 'one'), '1')
  writeFileSync(join(etc, 'conf.d', 'two'), '2')
  utimesSync(join(etc, 'app.conf'), 1_000_000_000, 1_000_000_000)
  utimesSync(join(etc, 'conf.d'), 1_000_000_001, 1_000_000_001)
})

afterEach(() => stage.close())

async function freeze(script: string, more: { readonly [key: string]: Json } = {}): Promise<CommandSpec> {
  return freezeSpec({ command: ['sh', '-ec', script], cwd: 'etc', writes: ['etc'], ...more })
}

async function freezeSpec(spec: { readonly [key: string]: Json }): Promise<CommandSpec> {
  const frozen = await commandRun.source?.freeze(spec, stage.dir, stage.hands('primary', 'cmd', 'freeze-cmd'))
  const parsed = specSchema.safeParse(frozen)
  if (!parsed.success) throw new Error(JSON.stringify(parsed.error.issues))
  return parsed.data
}

async function faultOf(work: Promise<unknown>): Promise<FaultData> {
  try {
    await work
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.fault
    throw thrown
  }
  throw new Error('it succeeded')
}

/** Everything of a tree that an undo has to bring back. */
function shapeOf(dir: string): Readonly<Record<string, string>> {
  const shape: Record<string, string> = {}
  const walk = (path: string, name: string): void => {
    const stat = lstatSync(path, { bigint: true })
    const content = stat.isFile() ? readFileSync(path, 'latin1') : ''
    shape[name] = `${stat.mode} ${stat.uid} ${stat.gid} ${stat.ino} ${stat.mtimeNs} ${content}`
    if (stat.isDirectory()) for (const child of readdirSync(path)) walk(join(path, child), `${name}/${child}`)
  }
  walk(dir, '')
  return shape
}

const at = { world: 'primary', id: 'cmd', part: { root: '', runs: true } }

async function change(spec: CommandSpec, key = 'k') {
  const seen = await commandRun.read(at, null, stage.look('primary', 'cmd'))
  const { state } = await commandRun.want(at, spec, stage.look('primary', 'cmd'))
  const prepared = await commandRun.prepare(at, seen?.state ?? null, state, stage.hands('primary', 'cmd', key))
  const turn = (to: 'before' | 'after') => commandRun.turn(at, prepared.memento, to, stage.hands('primary', 'cmd', key))
  const release = () => commandRun.release(at, prepared.memento, stage.hands('primary', 'cmd', key))
  return { prepared, turn, release, state }
}

const cases: Readonly<Record<string, string>> = {
  'sed -i': 'sed -i s/1/2/ app.conf',
  'an edit in place': 'echo more >> app.conf',
  'rm -r': 'rm -r conf.d',
  'mkdir with files': 'mkdir -p new/deep && echo x > new/deep/file',
  'mv of a file': 'mv app.conf moved.conf',
  'mv of a directory': 'mv conf.d other.d',
  chmod: 'chmod 600 app.conf && chmod 700 conf.d',
  'a symbolic link': 'ln -s app.conf link',
  'a hard link': 'ln app.conf hard',
  'a directory replaced by a new one': 'rm -r conf.d && mkdir conf.d && echo 3 > conf.d/three && echo one > conf.d/one',
  'a directory replaced by a file': 'rm -r conf.d && echo file > conf.d',
  'a file replaced by a directory': 'rm app.conf && mkdir app.conf && echo x > app.conf/x',
  'a file replaced by a link': 'ln -sf conf.d/one app.conf',
  'a fifo': 'mkfifo pipe',
  'an empty file, and odd names': "touch empty && echo a > 'a b' && echo q > \"q'\"",
}

describe('what a command changes', () => {
  for (const [name, script] of Object.entries(cases)) {
    test(`${name}: the trial changes nothing, turning makes it so, and the undo is exact`, async () => {
      const start = shapeOf(etc)
      const spec = await freeze(script)
      expect(shapeOf(etc)).toEqual(start)
      const { turn, release } = await change(spec)
      for (let round = 0; round < 2; round += 1) {
        expect((await turn('after')).side).toBe('after')
        expect(shapeOf(etc)).not.toEqual(start)
        expect((await turn('before')).side).toBe('before')
      }
      await release()
      expect(shapeOf(etc)).toEqual(start)
    })
  }

  test('turning gives what the command gave: contents, modes, hard links', async () => {
    const { turn, release } = await change(
      await freeze(
        'sed -i s/1/2/ app.conf; ln app.conf hard; rm -r conf.d; mkdir conf.d; echo 3 > conf.d/three; umask 077; echo s > secret',
      ),
    )
    await turn('after')
    await release()
    expect(readFileSync(join(etc, 'app.conf'), 'utf8')).toBe('port = 2\n')
    expect(lstatSync(join(etc, 'hard')).ino).toBe(lstatSync(join(etc, 'app.conf')).ino)
    expect(readdirSync(join(etc, 'conf.d'))).toEqual(['three'])
    expect(lstatSync(join(etc, 'secret')).mode & 0o777).toBe(0o600)
    expect(lstatSync(join(etc, 'app.conf')).mode & 0o777).toBe(0o640)
    expect(readdirSync(etc).toSorted()).toEqual(['app.conf', 'conf.d', 'hard', 'secret'])
  })

  test('a hard link that stands elsewhere is one again after the undo', async () => {
    linkSync(join(etc, 'app.conf'), join(stage.dir, 'other-name'))
    const { turn } = await change(await freeze('sed -i s/1/2/ app.conf'))
    await turn('after')
    expect(readFileSync(join(stage.dir, 'other-name'), 'utf8')).toBe('port = 1\n')
    await turn('before')
    expect(lstatSync(join(etc, 'app.conf')).ino).toBe(lstatSync(join(stage.dir, 'other-name')).ino)
  })

  test('a command that changes nothing is a change of nothing', async () => {
    const spec = await freeze('cat app.conf')
    expect(Object.keys((await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))).after)).toEqual([])
    const { turn, prepared } = await change(spec)
    await turn('after')
    expect(prepared.out).toEqual({ exitCode: 0, stdout: 'port = 1' })
    expect((await commandRun.read(at, null, stage.look('primary', 'cmd')))?.out.stdout).toBe('port = 1')
  })

  test('a second command of the same resource goes on from the first; deleting goes back to before both', async () => {
    const start = shapeOf(etc)
    const first = await change(await freeze('sed -i s/1/2/ app.conf'), 'k1')
    await first.turn('after')
    const second = await change(await freeze('sed -i s/2/3/ app.conf; rm conf.d/one'), 'k2')
    await second.turn('after')
    expect(readFileSync(join(etc, 'app.conf'), 'utf8')).toBe('port = 3\n')
    const seen = await commandRun.read(at, null, stage.look('primary', 'cmd'))
    const gone = await commandRun.prepare(at, seen?.state ?? null, null, stage.hands('primary', 'cmd', 'k3'))
    await commandRun.turn(at, gone.memento, 'after', stage.hands('primary', 'cmd', 'k3'))
    expect(readFileSync(join(etc, 'app.conf'), 'utf8')).toBe('port = 1\n')
    expect(existsSync(join(etc, 'conf.d', 'one'))).toBe(true)
    expect(await commandRun.read(at, null, stage.look('primary', 'cmd'))).toBe(null)
    await commandRun.turn(at, gone.memento, 'before', stage.hands('primary', 'cmd', 'k3'))
    await second.turn('before')
    await first.turn('before')
    for (const { release } of [second, first]) await release()
    await commandRun.release(at, gone.memento, stage.hands('primary', 'cmd', 'k3'))
    expect(shapeOf(etc)).toEqual(start)
  })

  test('a later run may be the first to change a file, also one that an earlier run wrote the same content to: in a copy too', async () => {
    const one = await freeze('printf "port = 1\\n" > app.conf; echo 1 > conf.d/new')
    const first = await change(one, 'k1')
    await first.turn('after')
    const live = await commandRun.read(at, null, stage.look('primary', 'cmd'))
    const two = await freeze('sed -i s/1/2/ app.conf; ln app.conf conf.d/hard; rm conf.d/one; mkdir deep; mv conf.d/two deep/')
    const copy = await commandRun.fork(at, { world: 'w', id: 'cmd', part: null }, live?.state ?? null, one, stage.hands('w', 'cmd', 'f'))
    const there = { world: 'w', id: 'cmd', part: copy.part }
    const inCopy = (...names: readonly string[]): string => join(copy.part.root, etc, ...names)
    const before = (await commandRun.read(there, null, stage.look('w', 'cmd')))?.state ?? null
    const { state } = await commandRun.want(there, two, stage.look('w', 'cmd'))
    const step = await commandRun.prepare(there, before, state, stage.hands('w', 'cmd', 's'))
    for (let round = 0; round < 2; round += 1) {
      expect(await commandRun.turn(there, step.memento, 'after', stage.hands('w', 'cmd', 's'))).toEqual({ side: 'after', standby: 'fit' })
      expect((await commandRun.read(there, null, stage.look('w', 'cmd')))?.state).toEqual(state)
      expect([readFileSync(inCopy('app.conf'), 'utf8'), existsSync(inCopy('conf.d', 'one'))]).toEqual(['port = 2\n', false])
      await commandRun.turn(there, step.memento, 'before', stage.hands('w', 'cmd', 's'))
      expect((await commandRun.read(there, null, stage.look('w', 'cmd')))?.state).toEqual(before)
      expect(readFileSync(inCopy('app.conf'), 'utf8')).toBe('port = 1\n')
    }
    await commandRun.close(there, stage.hands('w', 'cmd', 'f'))
    expect(readFileSync(join(etc, 'app.conf'), 'utf8')).toBe('port = 1\n')
  })

  test('a directory that goes takes along what an earlier run put there, though its own trial did not see it; the undo is exact', async () => {
    const adds = await freeze('mv conf.d/one conf.d/mine && mkdir conf.d/deep && echo x > conf.d/deep/x')
    const removes = await freeze('rm -r conf.d')
    const first = await change(adds, 'k1')
    await first.turn('after')
    await first.release()
    const between = shapeOf(etc)
    const second = await change(removes, 'k2')
    await second.turn('after')
    expect(existsSync(join(etc, 'conf.d'))).toBe(false)
    expect((await commandRun.read(at, null, stage.look('primary', 'cmd')))?.state).toEqual(second.state)
    await second.turn('before')
    writeFileSync(join(etc, 'conf.d', 'foreign'), 'x')
    expect((await faultOf(second.turn('after'))).detail).toContain('conf.d/foreign')
    rmSync(join(etc, 'conf.d', 'foreign'))
    await second.turn('after')
    await second.turn('before')
    await second.release()
    expect(shapeOf(etc)).toEqual(between)
  })

  test('what somebody puts into a directory that goes is a conflict, and nothing is turned', async () => {
    const { turn } = await change(await freeze('rm -r conf.d; sed -i s/1/2/ app.conf'))
    writeFileSync(join(etc, 'conf.d', 'foreign'), 'x')
    const fault = await faultOf(turn('after'))
    expect(fault).toMatchObject({ class: 'conflict', code: 'command.changed-outside' })
    expect(fault.detail).toContain('conf.d/foreign')
    expect(readFileSync(join(etc, 'app.conf'), 'utf8')).toBe('port = 1\n')
    expect(readdirSync(join(etc, 'conf.d'))).toEqual(['foreign', 'one', 'two'])
  })

  test('a link put in the way is not followed', async () => {
    const { turn } = await change(await freeze('echo x > conf.d/three'))
    mkdirSync(join(stage.dir, 'victim'))
    const aside = join(etc, 'conf.d')
    const { renameSync } = await import('node:fs')
    renameSync(aside, `${aside}.aside`)
    symlinkSync(join(stage.dir, 'victim'), aside)
    expect((await faultOf(turn('after'))).class).toBe('conflict')
    expect(readdirSync(join(stage.dir, 'victim'))).toEqual([])
  })
})

describe('the sandbox', () => {
  test('a command that fails fails the plan, with the end of what it said', async () => {
    const fault = await faultOf(freeze('echo half > half; echo what went wrong >&2; exit 3'))
    expect(fault).toMatchObject({ code: 'command.failed', class: 'invalid' })
    expect(fault.detail).toContain('exit 3')
    expect(fault.detail).toContain('what went wrong')
    expect(existsSync(join(etc, 'half'))).toBe(false)
  })

  test('a write outside is refused and said where', async () => {
    const fault = await faultOf(freeze(`echo x > ${stage.dir}/outside`))
    expect(fault.detail).toMatch(/outside.*[Rr]ead-only file system/s)
    expect(fault.hint).toContain('writes')
    expect(existsSync(join(stage.dir, 'outside'))).toBe(false)
  })

  test('neither system directories nor kernel settings can be written', async () => {
    for (const path of ['/usr/understudy-test', '/etc/understudy-test', '/proc/sys/kernel/hostname', '/dev/understudy-test']) {
      expect((await faultOf(freeze(`echo x > ${path}`))).code).toBe('command.failed')
      if (path !== '/proc/sys/kernel/hostname') expect(existsSync(path)).toBe(false)
    }
  })

  test('the sandbox cannot be taken apart from within', async () => {
    await faultOf(freeze('mount -n -o remount,bind,rw /'))
    expect((await faultOf(freeze('umount /tmp'))).code).toBe('command.failed')
    expect((await faultOf(freeze('mount -n -o remount,bind,rw / && echo x > /usr/understudy-test'))).code).toBe('command.failed')
    expect(existsSync('/usr/understudy-test')).toBe(false)
  })

  test('it sees neither processes nor scratch files nor devices of the host', async () => {
    const spec = await freeze('ls /proc | grep -c "^[0-9]" > count; ls /run > run; ls /dev > dev; ls -d /tmp/* > tmp')
    const { after } = await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))
    const textOf = async (name: string): Promise<string> => {
      const entry = after[join(etc, name)]
      if (entry?.type !== 'file') throw new Error(`no file ${name}`)
      return Buffer.from(await stage.objects.get(entry.digest))
        .toString('utf8')
        .trim()
    }
    expect(Number(await textOf('count'))).toBeLessThan(8)
    expect(await textOf('run')).toBe('')
    expect(await textOf('tmp')).toBe(stage.dir)
    expect((await textOf('dev')).split('\n')).not.toContain('kmsg')
  })

  test('without network it reaches nothing; with network it does', async () => {
    const server = createServer((socket) => socket.end('hello'))
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    try {
      // A program of the system: the checkout may lie under /tmp, which is a fresh one in there.
      const command = ['bash', '-c', `cat < /dev/tcp/127.0.0.1/${port} > got`]
      const base = { command, cwd: 'etc', writes: ['etc'] }
      expect((await faultOf(freezeSpec(base))).detail).toMatch(/refused|unreachable/)
      const spec = await freezeSpec({ ...base, network: true })
      expect(Object.keys((await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))).after)).toEqual([join(etc, 'got')])
    } finally {
      server.close()
    }
  })

  test('a daemon that it leaves behind ends with it', async () => {
    const started = performance.now()
    const spec = await freeze(
      'setsid sh -c "while :; do date > alive; sleep 0.05; done" >/dev/null 2>&1 & while [ ! -s alive ]; do sleep 0.01; done',
    )
    expect(spec.ran?.exitCode).toBe(0)
    expect(performance.now() - started).toBeLessThan(60_000) // or it would have been waited for until the time limit
  })

  test('a command that does not end is ended, and leaves nothing', async () => {
    const fault = await faultOf(freeze('echo x > half; sleep 1000', { timeoutMs: 200 }))
    expect(fault).toMatchObject({ code: 'command.timeout', class: 'invalid' })
    expect(existsSync(join(etc, 'half'))).toBe(false)
  })

  test('its environment is what the spec says; quotes and line ends come through', async () => {
    const spec = await freeze('printf %s "$ODD" > odd; env -0 | cut -z -d= -f1 | sort -z | tr "\\0" " "', { env: { ODD: `a'b"c$(id)\nd` } })
    const entry = (await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))).after[join(etc, 'odd')]
    if (entry?.type !== 'file') throw new Error('no file odd')
    expect(Buffer.from(await stage.objects.get(entry.digest)).toString('utf8')).toBe(`a'b"c$(id)\nd`)
    const run = Buffer.from(await stage.objects.get(spec.ran?.stdout ?? 'h:')).toString('utf8')
    expect(
      run
        .trim()
        .split(' ')
        .filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)),
    ).toEqual(['HOME', 'LANG', 'ODD', 'PATH'])
  })

  test('words that look like options or shell are words', async () => {
    const spec = await freezeSpec({ command: ['touch', '--', '-rf', '$(id)', "a'; rm -rf *"], cwd: 'etc', writes: ['etc'] })
    const { after } = await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))
    expect(Object.keys(after).toSorted()).toEqual(['$(id)', '-rf', "a'; rm -rf *"].map((name) => `${etc}/${name}`))
  })

  test('a program that is not there is said to be', async () => {
    expect((await faultOf(freezeSpec({ command: ['no-such-program'], writes: ['etc'] }))).detail).toContain('no-such-program')
  })

  test('creates: it is not run when that is there', async () => {
    const spec = await freeze('echo ran > ran', { creates: 'etc/app.conf' })
    expect(Object.keys((await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))).after)).toEqual([])
  })

  test('freezing what is frozen runs nothing', async () => {
    const spec: Json = JSON.parse(JSON.stringify(await freeze('date > now')))
    expect(await commandRun.source?.freeze(spec, stage.dir, stage.hands('primary', 'cmd', 'again'))).toEqual(spec)
  })

  test('two directories are captured together; a directory that is not there is refused', async () => {
    mkdirSync(join(stage.dir, 'var'))
    const spec = await freeze('echo 1 > new; echo 2 > ../var/new', { writes: ['etc', 'var', 'etc/conf.d'] })
    const { after, roots } = await loadDiff(spec.ran?.diff ?? 'h:', stage.look('primary', 'cmd'))
    expect(Object.keys(after)).toEqual([join(etc, 'new'), join(stage.dir, 'var', 'new')])
    expect(roots).toEqual([etc, join(stage.dir, 'var')])
    expect((await faultOf(freeze('true', { writes: ['nowhere'] }))).code).toBe('command.no-directory')
  })

  test('the store, the root and what is no file cannot be captured', async () => {
    expect((await faultOf(freeze('true', { writes: ['.'] }))).code).toBe('command.holds-store')
    expect((await faultOf(freeze('true', { writes: ['/'] }))).code).toBe('command.mount-inside')
    expect((await faultOf(freeze('true', { writes: ['/proc/self'] }))).code).toBe('command.not-files')
  })

  test('what is known only later is refused by name', async () => {
    expect((await faultOf(freeze('true', { env: { PORT: { $ref: 'web', output: 'port' } } }))).detail).toContain('/env/PORT')
  })
})

describe('an unconfined command', () => {
  const spec = (more: { readonly [key: string]: Json } = {}) =>
    freezeSpec({ command: ['sh', '-c', 'echo run >> bare'], cwd: 'etc', confine: 'none', ...more })

  test('runs once when it is turned, not before, and not in a copy', async () => {
    const frozen = await spec({ effects: ['restarts the queue'] })
    expect(existsSync(join(etc, 'bare'))).toBe(false)
    const { turn, prepared } = await change(frozen)
    expect(prepared).toMatchObject({ reversal: 'none', losses: ['restarts the queue'] })
    await turn('after')
    await turn('after')
    expect(readFileSync(join(etc, 'bare'), 'utf8')).toBe('run\n')
    expect((await faultOf(turn('before'))).code).toBe('command.no-undo')
    const copy = await commandRun.fork(at, { world: 'w', id: 'cmd', part: null }, null, frozen, stage.hands('w', 'cmd', 'f'))
    expect(copy.fidelity).toBe('modelled')
    const there = { world: 'w', id: 'cmd', part: copy.part }
    const { state } = await commandRun.want(there, frozen, stage.look('w', 'cmd'))
    const step = await commandRun.prepare(there, null, state, stage.hands('w', 'cmd', 's'))
    await commandRun.turn(there, step.memento, 'after', stage.hands('w', 'cmd', 's'))
    expect(readFileSync(join(etc, 'bare'), 'utf8')).toBe('run\n')
  })

  test('is undone by the command that is given for it', async () => {
    const { turn, prepared } = await change(await spec({ undo: ['rm', 'bare'] }))
    expect(prepared.reversal).toBe('compensate')
    await turn('after')
    await turn('before')
    expect(existsSync(join(etc, 'bare'))).toBe(false)
  })

  test('that fails is not run again by itself', async () => {
    const { turn, prepared } = await change(await spec({ command: ['sh', '-c', 'echo run >> bare; exit 1'] }))
    expect((await faultOf(turn('after'))).class).toBe('outcome-unknown')
    expect((await commandRun.look(at, prepared.memento, 'quick', stage.look('primary', 'cmd'))).side).toBe('mixed')
    expect((await faultOf(turn('after'))).code).toBe('command.half-run')
    expect(readFileSync(join(etc, 'bare'), 'utf8')).toBe('run\n')
  })
})

test('mounts that lie under another one are left out', () => {
  const row = (id: number, parent: number, point: string, options = 'rw') => `${id} ${parent} 0:1 / ${point} ${options} - ext4 /dev/x rw`
  const text = [
    row(1, 0, '/'),
    row(2, 1, '/mnt/a', 'rw,nosuid,nodev'),
    row(3, 2, '/mnt/a/b'),
    row(4, 1, '/mnt'),
    row(5, 4, '/mnt/with\\040space'),
  ].join('\n')
  expect(visibleMounts(text)).toEqual([
    expect.objectContaining({ point: '/', flags: '' }),
    expect.objectContaining({ point: '/mnt' }),
    expect.objectContaining({ point: '/mnt/with space' }),
  ])
})
