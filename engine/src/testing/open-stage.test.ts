import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStage } from './open-stage.ts'

test('a stage gives calls with real effects, and is gone when it is closed', async () => {
  const stage = await openStage()
  const hands = stage.hands('primary', 'config', 'key-1')
  expect(hands.room).toBe(join(stage.dir, 'rooms/primary/config'))
  const dir = hands.fx.fs.open(hands.room)
  dir.create('f', Buffer.from('x'), 0o600)
  dir.close()
  expect(stage.look('primary', 'config').fx.fs.open(hands.room).stat('f')?.size).toBe(1)
  expect(stage.records().map(({ verb }) => verb)).toEqual(['ensure', 'ensure', 'ensure', 'create'])
  const digest = await hands.put(Buffer.from('content'))
  expect([digest, Buffer.from(await hands.get(digest)).toString()]).toEqual([hands.name(Buffer.from('content')), 'content'])
  await stage.objects.drop([digest])
  await expect(hands.get(digest)).rejects.toThrow('store.missing')
  stage.cancel()
  await expect(hands.fx.pause()).rejects.toThrow('step.cancelled')
  await stage.close()
  expect(existsSync(stage.dir)).toBe(false)
})

test('a stage does not close over a process that still works in it', async () => {
  const stage = await openStage()
  const child = spawn('sleep', ['60'], { cwd: stage.dir })
  await once(child, 'spawn')
  await expect(stage.close()).rejects.toThrow(`process ${child.pid} at ${stage.dir}`)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await stage.close()
})
