import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DirWrites } from '@understudy/contract'
import { fsChannel } from './fs-channel.ts'
import { createRecorder } from './recorder.ts'

let base: string
let dir: DirWrites
let recorder: ReturnType<typeof createRecorder>

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'remove-tree-'))
  recorder = createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, new AbortController().signal)
  dir = fsChannel(recorder).writes.open(base)
})

afterEach(() => {
  dir.close()
  rmSync(base, { recursive: true })
})

test('removes everything below a name and nothing that links lead to; twice is once', () => {
  mkdirSync(join(base, 'keep/d'), { recursive: true })
  writeFileSync(join(base, 'keep/f'), 'x')
  mkdirSync(join(base, 't/a/b'), { recursive: true })
  symlinkSync('../keep', join(base, 't/l'))
  symlinkSync(join(base, 'keep'), join(base, 't/a/l'))
  execFileSync('mkfifo', [join(base, 't/p')])
  for (let i = 0; i < 50; i += 1) writeFileSync(join(base, `t/a/b/${i}`), '')
  dir.remove('t')
  dir.remove('t')
  dir.remove('t/a')
  symlinkSync('keep', join(base, 'l'))
  dir.remove('l')
  expect(readdirSync(base)).toEqual(['keep'])
  expect(readdirSync(join(base, 'keep'))).toEqual(['d', 'f'])
  expect(recorder.take()).toMatchObject([
    { verb: 'remove', count: 2, result: 'ok' },
    { verb: 'remove', target: join(base, 't/a'), result: 'ok' },
    { verb: 'remove', target: join(base, 'l'), result: 'ok' },
  ])
})

test('copes with trees deeper than any path, with few descriptors', () => {
  const name = 'n'.repeat(200)
  // Built from the bottom, because no path reaches it: each round puts the tree into a new directory.
  dir.mkdir(name, 0o700)
  for (let level = 0; level < 300; level += 1) {
    dir.mkdir('new', 0o700)
    dir.create('new/f', Buffer.from('x'), 0o600)
    dir.rename(name, dir, `new/${name}`, { replace: false })
    dir.rename('new', dir, name, { replace: false })
  }
  const before = readdirSync('/proc/self/fd').length
  dir.remove(name)
  expect(readdirSync(base)).toEqual([])
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before)
})

test('the directory itself is not removed', () => {
  expect(() => dir.remove('')).toThrow('fs.busy')
  expect(lstatSync(base).isDirectory()).toBe(true)
})
