import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checks } from '@understudy/contract/conformance'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/providers.md'), 'utf8')

test('every piece of code on the page is in the example, word for word', () => {
  const pieces = [...page.matchAll(/<!-- (\S+\.ts) -->\n\n```ts\n([\s\S]*?)\n```\n/g)]
  expect(pieces.length).toBeGreaterThan(5)
  expect([...page.matchAll(/^```ts$/gm)]).toHaveLength(pieces.length)
  for (const [, file = '', code = ''] of pieces) {
    expect(readFileSync(join(import.meta.dirname, file), 'utf8')).toContain(code)
  }
})

test('the page shows all verbs of the example', () => {
  for (const verb of ['prepares', 'home', 'want', 'read', 'fork', 'close', 'prepare', 'look', 'turn', 'release']) {
    expect(page).toMatch(new RegExp(`^  (async )?${verb}(:|\\()`, 'm'))
  }
})

test('the page lists every check of the suite', () => {
  const listed = /## What the suite checks[\s\S]*?\n```text\n([\s\S]*?)\n```/.exec(page)?.[1]?.split('\n') ?? []
  expect(listed).toEqual(collapsed(checks.map(({ name }) => name)))
})

test('what the suite tests itself with is this example, word for word but for where it imports from', () => {
  const own = readFileSync(join(root, 'contract/src/conformance/note-provider.ts'), 'utf8')
  const example = readFileSync(join(import.meta.dirname, 'provider.ts'), 'utf8')
  expect(own).toBe(example.replaceAll('@understudy/contract', '../index.ts'))
})

/** create, change and delete as `*` where a law has all three. */
function collapsed(names: readonly string[]): readonly string[] {
  const star = (name: string): string => name.replace(/^(L8: )?(create|change|delete): /, '$1*: ')
  const whole = (name: string): boolean => names.filter((other) => star(other) === star(name)).length === 3
  return [...new Set(names.map((name) => (whole(name) ? star(name) : name)))]
}
