import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import type { Stage } from '@understudy/engine/testing'
import { commandRun } from './provider.ts'
import { specSchema } from './spec.ts'

let stage: Stage
let etc: string

beforeEach(async () => {
  stage = await openStage()
  etc = join(stage.dir, 'etc')
  mkdirSync(etc)
})

afterEach(() => stage.close())

const at = { world: 'primary', id: 'cmd', part: { root: '', runs: true } }

async function change(script: string, writes = 'etc') {
  const call = stage.hands('primary', 'cmd', 'k')
  const frozen = await commandRun.source?.freeze({ command: ['sh', '-ec', script], cwd: writes, writes: [writes] }, stage.dir, call)
  const spec = specSchema.safeParse(frozen)
  if (!spec.success) throw new Error(JSON.stringify(spec.error.issues))
  const { state } = await commandRun.want(at, spec.data, call)
  const { memento } = await commandRun.prepare(at, null, state, call)
  return {
    memento,
    turn: (to: 'before' | 'after') => commandRun.turn(at, memento, to, call),
    release: () => commandRun.release(at, memento, call),
  }
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

test('owners, access lists and attributes that a command sets come and go', async () => {
  writeFileSync(join(etc, 'file'), 'x')
  chownSync(join(etc, 'file'), 12, 34)
  const { turn } = await change('chown 56:78 file; setfacl -m u:90:r file; mkdir dir; chown 12 dir; setfattr -n user.note -v kept dir')
  await turn('after')
  expect([lstatSync(join(etc, 'file')).uid, lstatSync(join(etc, 'file')).gid, lstatSync(join(etc, 'dir')).uid]).toEqual([56, 78, 12])
  expect(execFileSync('getfacl', ['-cpn', join(etc, 'file')], { encoding: 'utf8' })).toContain('user:90:r--')
  expect(execFileSync('getfattr', ['-n', 'user.note', '--only-values', join(etc, 'dir')], { encoding: 'utf8' })).toBe('kept')
  await turn('before')
  expect([lstatSync(join(etc, 'file')).uid, lstatSync(join(etc, 'file')).gid]).toEqual([12, 34])
  expect(execFileSync('getfacl', ['-cpn', join(etc, 'file')], { encoding: 'utf8' })).not.toContain('user:90')
  expect(existsSync(join(etc, 'dir'))).toBe(false)
})

test('files that belong to others are changed as root changes them, and stay theirs', async () => {
  writeFileSync(join(etc, 'file'), 'one\n', { mode: 0o600 })
  chownSync(join(etc, 'file'), 12, 34)
  const { turn } = await change('echo two >> file')
  await turn('after')
  expect([readFileSync(join(etc, 'file'), 'utf8'), lstatSync(join(etc, 'file')).uid]).toEqual(['one\ntwo\n', 12])
})

test('root in the sandbox cannot make or open devices, load modules or set the clock', async () => {
  for (const script of ['mknod disk b 254 0', 'date -s 2001-01-01', 'insmod /nonexistent.ko', 'echo 1 > /proc/sysrq-trigger']) {
    expect((await faultOf(change(script))).code).toBe('command.failed')
  }
})

test('a full disk while preparing is transient, changes nothing, and what was begun is found by key', async () => {
  const disk = join(stage.dir, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', disk])
  try {
    writeFileSync(join(disk, 'old'), 'old')
    // In the trial the upper directory is on another file system, so it does not run full there.
    const fault = await faultOf(change('yes | head -c 400000 > big; echo new > old', 'disk'))
    expect(fault).toMatchObject({ class: 'transient', code: 'fs.no-space' })
    expect(readFileSync(join(disk, 'old'), 'utf8')).toBe('old')
    await commandRun.release(at, null, stage.hands('primary', 'cmd', 'k'))
    expect(readdirSync(disk)).toEqual(['old'])
  } finally {
    execFileSync('umount', [disk])
  }
})

test('a file system mounted beside the stack file is read-only too', async () => {
  const disk = join(stage.dir, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k,nosuid,nodev', 'tmpfs', disk])
  try {
    expect((await faultOf(change('echo x > ../disk/x'))).detail).toMatch(/disk.*[Rr]ead-only/s)
    expect(readdirSync(disk)).toEqual([])
  } finally {
    execFileSync('umount', [disk])
  }
})

test('a directory with another file system mounted in it is refused by name', async () => {
  mkdirSync(join(etc, 'inner'))
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(etc, 'inner')])
  try {
    const fault = await faultOf(change('true'))
    expect(fault.code).toBe('command.mount-inside')
    expect(fault.detail).toContain('inner')
  } finally {
    execFileSync('umount', [join(etc, 'inner')])
  }
})
