// Owns: an object store in memory, for tests: same names and faults as a real one.
// Never: keeps anything longer than the test.
import { randomBytes } from 'node:crypto'
import { createMemoryStore } from '../store/memory-store.ts'
import type { Objects } from '../store/store.ts'

export function memoryObjects(): Objects {
  return createMemoryStore({ clock: { now: () => 0, monotonic: () => 0 }, key: randomBytes(32) }).objects
}
