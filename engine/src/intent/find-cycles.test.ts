import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findCycles } from './find-cycles.ts'

const graphOf = (edges: Readonly<Record<string, readonly string[]>>) => new Map(Object.entries(edges))

test('the shortest circle through the first resource of a knot is named', () => {
  expect(findCycles(graphOf({ a: ['b', 'c'], b: ['c'], c: ['a'] }))).toEqual([['a', 'c']])
  expect(findCycles(graphOf({ a: ['a'] }))).toEqual([['a']])
  expect(findCycles(graphOf({ a: ['b'], b: [], c: ['d'], d: ['c', 'b'] }))).toEqual([['c', 'd']])
  expect(findCycles(graphOf({ a: ['b', 'b'], b: ['gone'] }))).toEqual([])
})

test('a circle of 100,000 is found, and so is none in a chain of 100,000', () => {
  const size = 100_000
  const chain = new Map(Array.from({ length: size }, (_, index) => [`r${index}`, index + 1 < size ? [`r${index + 1}`] : []]))
  expect(findCycles(chain)).toEqual([])
  chain.set(`r${size - 1}`, ['r0'])
  expect(findCycles(chain)[0]).toHaveLength(size)
})

test('random graphs: a circle is reported exactly when there is one, and each reported one is real', () => {
  const name = fc.integer({ min: 0, max: 8 })
  fc.assert(
    fc.property(fc.array(fc.tuple(name, name), { maxLength: 14 }), (edges) => {
      const graph = new Map<string, string[]>(Array.from({ length: 9 }, (_, index) => [String(index), []]))
      for (const [from, to] of edges) graph.get(String(from))?.push(String(to))
      const cycles = findCycles(graph)
      expect(cycles.length > 0).toBe(hasCircle(graph))
      for (const cycle of cycles) {
        expect(new Set(cycle).size).toBe(cycle.length)
        cycle.forEach((from, index) => expect(graph.get(from)).toContain(cycle[(index + 1) % cycle.length]))
      }
    }),
  )
})

/** Taking away what depends on nothing, again and again, leaves something exactly where there is a circle. */
function hasCircle(graph: ReadonlyMap<string, readonly string[]>): boolean {
  const left = new Map(graph)
  for (;;) {
    const free = [...left].filter(([, to]) => to.every((name) => !left.has(name)))
    if (free.length === 0) return left.size > 0
    for (const [name] of free) left.delete(name)
  }
}
