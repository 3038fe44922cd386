import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { guardKeys, policyKeys } from './read-policy.ts'
import { topKeys } from './read-intent.ts'
import { resourceKeys } from './read-resources.ts'

test('docs/stack-file.md names every key there is', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/stack-file.md'), 'utf8')
  for (const key of [...topKeys, ...policyKeys, ...guardKeys]) expect(page).toContain(`${key}:`)
  const rows = [...page.matchAll(/^\| `(\w+)` \| .* \| .*\|$/gm)].map(([, key]) => String(key))
  expect(rows.toSorted()).toEqual([...resourceKeys].toSorted())
})
