import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { faultOf } from '@understudy/contract'
import { lockEffects } from './effects-lock.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

test('is held alone, and given back for all that share it', async () => {
  const path = join(dir, 'lock.web')
  const first = await lockEffects(path)
  const share = first.share()
  expect(await lockEffects(path, 0).catch(faultOf)).toMatchObject({ code: 'lease.not-ended', class: 'transient' })
  first.free()
  expect(await lockEffects(path, 0).catch(faultOf)).toMatchObject({ code: 'lease.not-ended' })
  share.end()
  const second = await lockEffects(path, 0)
  expect(second.ended).toEqual([])
  second.free()
})

test('says why it cannot be had', async () => {
  expect(await lockEffects(join(dir, 'nowhere', 'lock.web')).catch(faultOf)).toMatchObject({ code: 'fs.missing' })
})
