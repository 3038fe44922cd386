import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { DirWrites } from '@understudy/contract'
import { fsChannel } from './fs-channel.ts'
import { createRecorder } from './recorder.ts'

const ROUNDS = 3_000
// Swaps `a`, now a directory, now a link that leads out, as fast as it can.
const SWAPPER = `
  const { renameSync } = require('node:fs')
  const { parentPort, workerData } = require('node:worker_threads')
  const at = (name) => workerData.tree + '/' + name
  const stop = new Int32Array(workerData.stop)
  parentPort.postMessage('ready')
  while (Atomics.load(stop, 0) === 0) {
    renameSync(at('a'), at('dir')); renameSync(at('link'), at('a'))
    renameSync(at('a'), at('link')); renameSync(at('dir'), at('a'))
  }
`

let base: string
let worker: Worker
let stop: Int32Array<SharedArrayBuffer>
let fx: ReturnType<typeof fsChannel>

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'fs-race-'))
  for (const folder of ['tree/a/sub', 'outside/sub']) mkdirSync(join(base, folder), { recursive: true })
  for (const place of ['tree/a', 'outside']) for (const name of ['f', 'sub/f']) writeFileSync(join(base, place, name), place)
  symlinkSync('../outside', join(base, 'tree/link'))
  fx = fsChannel(createRecorder({ now: () => Date.now(), monotonic: () => performance.now() }, new AbortController().signal))
  stop = new Int32Array(new SharedArrayBuffer(4))
  worker = new Worker(SWAPPER, { eval: true, workerData: { tree: join(base, 'tree'), stop: stop.buffer } })
  await new Promise((resolve) => worker.once('message', resolve))
})

afterEach(async () => {
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  Atomics.store(stop, 0, 1)
  await ended
  rmSync(base, { recursive: true })
})

/** Repeats until it was often enough, and both seen to work and refused. */
function race(act: (dir: DirWrites, round: number) => void): void {
  let worked = 0
  let refused = 0
  for (let round = 0; round < ROUNDS || worked === 0 || refused === 0; round += 1) {
    const dir = fx.writes.open(join(base, 'tree'))
    try {
      act(dir, round)
      worked += 1
    } catch (error) {
      if (!(error instanceof Fault) || error.fault.class !== 'conflict') throw error
      refused += 1
    } finally {
      dir.close()
    }
  }
}

test('a link put in the middle of a name is never read through', () => {
  race((dir, round) => {
    const name = round % 2 === 0 ? 'a/f' : 'a/sub/f'
    expect(Buffer.from(dir.read(name)).toString()).toBe('tree/a')
    dir.stat(name)
    dir.xattrs(name)
    expect(dir.list('a').length).toBe(2)
  })
})

test('a link put in the middle of a name is never written through', () => {
  race((dir, round) => {
    dir.create(`a/n${round}`, Buffer.from('x'), 0o600)
    dir.mkdir(`a/sub/d${round}`, 0o700)
    dir.chmod('a/sub/f', 0o640)
    dir.setMtime('a/f', 5n)
    dir.rename(`a/n${round}`, dir, `a/sub/d${round}/n`, { replace: false })
    dir.remove(`a/sub/d${round}`)
  })
  expect(readdirSync(join(base, 'outside'))).toEqual(['f', 'sub'])
  expect(readdirSync(join(base, 'outside/sub'))).toEqual(['f'])
})

test('what is removed is never what a link leads to', () => {
  race((dir, round) => {
    dir.remove('a/sub')
    dir.remove('a/f')
    dir.mkdir('a/sub', 0o700)
    dir.create('a/sub/f', Buffer.from(String(round)), 0o600)
  })
  expect(readdirSync(join(base, 'outside'))).toEqual(['f', 'sub'])
  expect(readFileSync(join(base, 'outside/sub/f'), 'utf8')).toBe('outside')
})
