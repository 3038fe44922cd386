import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventCodes } from './events.ts'

test('docs/events.md names exactly the codes there are, with their meaning', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/events.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, code, text]) => [code, text])
  expect(rows).toEqual(Object.entries(eventCodes))
})
