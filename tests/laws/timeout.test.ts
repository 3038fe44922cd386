import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { kindOf } from '@understudy/engine'
import { sqliteDatabase } from '@understudy/providers'
import { applyTo, openTestStack } from '../kit.ts'
import type { TestStack, Wishes } from '../kit.ts'

let stack: TestStack
beforeEach(async () => {
  stack = await openTestStack({ kinds: [kindOf(sqliteDatabase)] })
  mkdirSync(join(stack.dir, 'migrations'))
  writeFileSync(join(stack.dir, 'migrations/001.sql'), 'CREATE TABLE t (a INTEGER PRIMARY KEY);')
})
afterEach(() => stack.close())

const database: Wishes = {
  db: { kind: 'sqlite.database', spec: { path: 'shop.db', migrations: 'migrations' }, timeoutMs: 1_500, retries: 3 },
}

test('a step that waits for a lock ends at its timeout, and is not tried again', async () => {
  expect(await applyTo(stack, database)).toMatchObject({ result: { outcome: 'committed' } })
  writeFileSync(join(stack.dir, 'migrations/002.sql'), 'ALTER TABLE t ADD COLUMN b TEXT;')
  const other = new DatabaseSync(join(stack.dir, 'shop.db'))
  try {
    other.exec('BEGIN IMMEDIATE')
    const outcome = await applyTo(stack, database)
    expect(outcome).toMatchObject({
      outcome: 'ended',
      result: { fault: { code: 'step.timeout', detail: expect.stringContaining('1500 ms') } },
    })
    expect(stack.events.filter(({ type }) => type === 'step.retried')).toEqual([])
  } finally {
    other.close()
  }
  expect(await applyTo(stack, database)).toMatchObject({ result: { outcome: 'committed' } })
})
