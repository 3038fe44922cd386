import { execFileSync } from 'node:child_process'
import { chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import type { Stage } from '@understudy/engine/testing'
import { filesFile } from './provider.ts'

let stage: Stage

beforeEach(async () => {
  stage = await openStage()
})

afterEach(() => stage.close())

async function prepare(path: string, spec: { readonly content: string; readonly owner?: { readonly uid: number; readonly gid: number } }) {
  const at = { world: 'primary', id: 'file', part: { path } }
  const call = stage.hands('primary', 'file', 'k')
  const from = (await filesFile.read(at, null, call))?.state ?? null
  const { state } = await filesFile.want(at, { path, ...spec }, call)
  const { memento } = await filesFile.prepare(at, from, state, call)
  return {
    turn: (to: 'before' | 'after') => filesFile.turn(at, memento, to, call),
    release: () => filesFile.release(at, memento, call),
    at,
    call,
  }
}

test('owner and setuid come and go with the content', async () => {
  const path = join(stage.dir, 'tool')
  writeFileSync(path, 'old', { mode: 0o755 })
  chownSync(path, 12, 34)
  execFileSync('chmod', ['4750', path])
  const { turn } = await prepare(path, { content: 'new' })
  await turn('after')
  expect([readFileSync(path, 'utf8'), lstatSync(path).uid, lstatSync(path).gid, lstatSync(path).mode & 0o7777]).toEqual([
    'new',
    12,
    34,
    0o4750,
  ])
  await turn('before')
  expect([lstatSync(path).uid, lstatSync(path).mode & 0o7777]).toEqual([12, 0o4750])
})

test('a full disk is transient, changes nothing, and what was begun is found by key', async () => {
  const disk = join(stage.dir, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
  try {
    const path = join(disk, 'app.conf')
    writeFileSync(path, 'old')
    const fault = await prepare(path, { content: 'x'.repeat(200_000) }).then(
      () => null,
      (thrown: unknown) => (thrown instanceof Fault ? thrown.fault : null),
    )
    expect(fault).toMatchObject({ class: 'transient', code: 'fs.no-space' })
    expect(readFileSync(path, 'utf8')).toBe('old')
    const at = { world: 'primary', id: 'file', part: { path } }
    await filesFile.release(at, null, stage.hands('primary', 'file', 'k'))
    expect(readdirSync(disk)).toEqual(['app.conf'])
  } finally {
    execFileSync('umount', [disk])
  }
})

test('a directory that is mounted read-only is forbidden, not a conflict', async () => {
  const disk = join(stage.dir, 'disk')
  mkdirSync(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
  try {
    writeFileSync(join(disk, 'app.conf'), 'old')
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const fault = await prepare(join(disk, 'app.conf'), { content: 'new' }).then(
      () => null,
      (thrown: unknown) => (thrown instanceof Fault ? thrown.fault : null),
    )
    expect(fault?.class).toBe('forbidden')
  } finally {
    execFileSync('umount', [disk])
  }
})

test('an access list of the directory does not leak into the new file', async () => {
  execFileSync('setfacl', ['-d', '-m', 'u:12:rwx', stage.dir])
  const path = join(stage.dir, 'app.conf')
  const { turn, at, call } = await prepare(path, { content: 'new' })
  await turn('after')
  expect((await filesFile.read(at, null, call))?.state.xattrs).toBe(null)
})
