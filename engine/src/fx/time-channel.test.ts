import { expect, test } from 'vitest'
import { openEffects } from './open-effects.ts'
import { createRecorder } from './recorder.ts'

const clock = { now: () => 17, monotonic: () => 4 }

test('wait and pause end when the step is cancelled', async () => {
  const abort = new AbortController()
  const { reads } = openEffects(createRecorder(clock, abort.signal))
  await reads.time.wait(1)
  await reads.pause()
  const cancelled = { fault: { code: 'step.cancelled', class: 'transient' } }
  const ends = [reads.time.wait(3_600_000), reads.pause()].map((promise) => expect(promise).rejects.toMatchObject(cancelled))
  abort.abort()
  await Promise.all(ends)
  await expect(reads.time.wait(0)).rejects.toMatchObject(cancelled)
  await expect(reads.pause()).rejects.toMatchObject(cancelled)
})

test('pause lets others run', async () => {
  const { effects } = openEffects(createRecorder(clock, new AbortController().signal))
  let ran = false
  setImmediate(() => (ran = true))
  await effects.pause()
  expect(ran).toBe(true)
})

test('time is the clock that was given', () => {
  const { reads } = openEffects(createRecorder(clock, new AbortController().signal))
  expect([reads.time.now(), reads.time.monotonic()]).toEqual([17, 4])
})
