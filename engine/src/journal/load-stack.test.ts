import { expect, test } from 'vitest'
import type { Json } from '@understudy/contract'
import { createMemoryStore } from '../store/memory-store.ts'
import type { Store } from '../store/store.ts'
import { loadStack } from './load-stack.ts'

const clock = { now: () => 0, monotonic: () => 0 }
const tombstone = (of: string): Json => ({ type: 'tombstone.set', content: `h:${of.repeat(64)}`, change: 'c' })

/** A store that counts the entries it was asked for, and can be given another log in its place. */
function counting(): { store: Store; read: () => number; become: (other: Store) => void } {
  let inner: Store = createMemoryStore({ clock })
  let read = 0
  const store: Store = {
    ...inner,
    append: (...args) => inner.append(...args),
    head: (stream) => inner.head(stream),
    async entries(...args) {
      const entries = await inner.entries(...args)
      read += entries.length
      return entries
    },
  }
  return { store, read: () => read, become: (other) => void (inner = other) }
}

test('an entry is folded once by one handle', async () => {
  const { store, read } = counting()
  await store.append(
    'shop',
    0,
    0,
    Array.from({ length: 2_000 }, () => tombstone('a')),
  )
  expect((await loadStack(store, 'shop')).seq).toBe(2_000)
  expect((await loadStack(store, 'shop')).seq).toBe(2_000)
  await store.append('shop', 0, 2_000, [tombstone('b')])
  const state = await loadStack(store, 'shop')
  expect(Object.keys(state.tombstones)).toHaveLength(2)
  expect(read()).toBe(2_001)
})

test('an empty log is an empty stack, also twice', async () => {
  const { store } = counting()
  await loadStack(store, 'shop')
  expect(await loadStack(store, 'shop')).toMatchObject({ seq: 0, order: [] })
})

test('a log that was put in its place is folded anew, shorter or longer', async () => {
  for (const length of [1, 2, 3]) {
    const { store, become } = counting()
    await store.append('shop', 0, 0, [tombstone('a'), tombstone('a')])
    await loadStack(store, 'shop')
    const other = createMemoryStore({ clock })
    await other.append(
      'shop',
      0,
      0,
      Array.from({ length }, () => tombstone('c')),
    )
    become(other)
    const state = await loadStack(store, 'shop')
    expect([state.seq, Object.keys(state.tombstones)]).toEqual([length, [`h:${'c'.repeat(64)}`]])
  }
})
