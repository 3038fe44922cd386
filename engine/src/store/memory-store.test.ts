import { expect, test } from 'vitest'
import { createMemoryStore } from './memory-store.ts'
import { createTestClock, storeSuite } from './testing/store-suite.ts'

storeSuite('memory store', async (clock) => {
  const store = createMemoryStore({ clock })
  return { store, again: async () => store, dispose: () => store.close() }
})

test('two stores that are told the same hold the same', async () => {
  const heads = []
  for (const store of [createMemoryStore({ clock: createTestClock() }), createMemoryStore({ clock: createTestClock() })]) {
    const digest = await store.objects.put(Buffer.from('content'))
    await store.append('web', 0, 0, [{ digest }])
    heads.push(await store.head('web'))
  }
  expect(heads[0]).toEqual(heads[1])
})

test('another key gives other digests', () => {
  const bytes = Buffer.from('content')
  const clock = createTestClock()
  const other = createMemoryStore({ clock, key: new Uint8Array(32).fill(1) })
  expect(createMemoryStore({ clock }).objects.name(bytes)).not.toBe(other.objects.name(bytes))
})
