import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { digestTree } from './digest-tree.ts'
import { generateTree } from './generate-tree.ts'

const dirs: string[] = []
function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'understudy-bench-test-'))
  dirs.push(dir)
  return dir
}
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

test('the same seed gives the same tree, another seed another one', () => {
  const [a, b, c] = [scratch(), scratch(), scratch()]
  generateTree(120, 1).write(a, 2)
  generateTree(120, 1).write(b, 2)
  generateTree(120, 2).write(c, 2)
  expect(digestTree(a)).toBe(digestTree(b))
  expect(digestTree(a)).not.toBe(digestTree(c))
})

test('a version rewrites a tenth of the one before, and writing only that tenth gives the version', () => {
  const tree = generateTree(200, 5)
  const dir = scratch()
  tree.write(dir, 1)
  const before = new Map(tree.paths.map((path) => [path, readFileSync(join(dir, path), 'utf8')]))
  tree.write(dir, 2, tree.changedIn(2))
  const changed = tree.paths.filter((path) => readFileSync(join(dir, path), 'utf8') !== before.get(path))
  expect(changed).toEqual(tree.changedIn(2))
  expect(changed).toHaveLength(20)
  const whole = scratch()
  tree.write(whole, 2)
  expect(digestTree(dir)).toBe(digestTree(whole))
})

test('files are of 0.3 to 1.5 KB', () => {
  const tree = generateTree(100, 9)
  const dir = scratch()
  tree.write(dir, 1)
  const sizes = tree.paths.map((path) => statSync(join(dir, path)).size)
  expect(Math.min(...sizes)).toBeGreaterThanOrEqual(300)
  expect(Math.max(...sizes)).toBeLessThan(1_500)
})
