import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants as os, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { natives } from './natives.ts'
import { walkBeneath } from './walk-beneath.ts'

let base: string
let top: number

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'walk-beneath-'))
  top = openSync(base, 'r')
  mkdirSync(join(base, 'a/b/c'), { recursive: true })
  writeFileSync(join(base, 'a/f'), '')
  symlinkSync('b', join(base, 'a/l'))
})

afterEach(() => {
  closeSync(top)
  rmSync(base, { recursive: true })
})

test('without openat2 the way down is the same: its results, its refusals, and no descriptor left', () => {
  const before = readdirSync('/proc/self/fd').length
  for (const path of ['a', 'a/b', 'a/b/c', 'a/l', 'a/l/c', 'a/f', 'a/f/x', 'no', 'a/no/x', Buffer.from('a/b\0'), Buffer.from('a/\xff\0')]) {
    const [walked, kernel] = [walkBeneath(natives(), top, path, false), natives().openDirBeneath(top, path, false)].map((result) => {
      if (result < 0) return result
      const target = readlinkSync(`/proc/self/fd/${result}`)
      closeSync(result)
      return target
    })
    expect(walked, String(path)).toBe(kernel)
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before)
})

test('another device is the end where asked', () => {
  const root = openSync('/', 'r')
  expect(walkBeneath(natives(), root, 'proc', true)).toBe(-os.errno.EXDEV)
  expect(natives().openDirBeneath(root, 'proc', true)).toBe(-os.errno.EXDEV)
  closeSync(root)
})
