import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { layWaves } from './waves.ts'
import type { Node } from './waves.ts'

/** Random acyclic steps: each may come after any with a lower number. */
const graphs = fc
  .array(fc.record({ inPlace: fc.boolean(), gone: fc.boolean(), after: fc.array(fc.nat(20), { maxLength: 4 }) }), { maxLength: 14 })
  .map((rows) =>
    rows.map(({ inPlace, gone, after }, n): Node => ({
      name: `s${n}`,
      mode: inPlace ? 'in-place' : 'beside',
      action: gone ? 'delete' : 'change',
      after: n === 0 ? [] : [...new Set(after.map((other) => `s${other % n}`))],
    })),
  )

describe('waves', () => {
  test('every step is in exactly one wave, and turned after all that it comes after', () => {
    fc.assert(
      fc.property(graphs, (nodes) => {
        const { waves } = layWaves(nodes)
        const order = waves.flat()
        expect(order.toSorted()).toEqual(nodes.map(({ name }) => name).toSorted())
        for (const { name, after } of nodes) for (const dep of after) expect(order.indexOf(dep)).toBeLessThan(order.indexOf(name))
      }),
    )
  })

  test('what comes after an in-place step is prepared in a later wave', () => {
    fc.assert(
      fc.property(graphs, (nodes) => {
        const { waveOf } = layWaves(nodes)
        for (const { name, after } of nodes) {
          for (const dep of after) {
            const inPlace = nodes.find((node) => node.name === dep)?.mode === 'in-place'
            expect((waveOf.get(name) ?? 0) - (waveOf.get(dep) ?? 0)).toBeGreaterThanOrEqual(inPlace ? 1 : 0)
          }
        }
      }),
    )
  })

  test('equal graphs give equal waves, in whatever order they are written', () => {
    fc.assert(
      fc.property(graphs, (nodes) => {
        expect(layWaves(nodes.toReversed()).waves).toEqual(layWaves(nodes).waves)
      }),
    )
  })

  test('the shop: a directory waits for its user, the database goes first', () => {
    const node = (name: string, mode: Node['mode'], after: readonly string[]): Node => ({ name, mode, action: 'change', after })
    const { waves } = layWaves([
      node('config', 'beside', []),
      node('db', 'in-place', []),
      node('api', 'beside', ['config', 'db']),
      node('front', 'beside', ['api']),
    ])
    expect(waves).toEqual([['db'], ['config', 'api', 'front']])
  })

  test('L5: a deletion comes last', () => {
    const { waves } = layWaves([
      { name: 'a-old', mode: 'beside', action: 'delete', after: [] },
      { name: 'b', mode: 'beside', action: 'create', after: [] },
    ])
    expect(waves.flat()).toEqual(['b', 'a-old'])
  })
})
