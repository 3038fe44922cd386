// Owns: what is done in one course of events: resources, contents, changes and undos, outside writes; all from the seed.
// Never: knows how it ends.
import type { TestWish } from '@understudy/engine/testing'
import type { Chance } from './random.ts'

/** Own text by resource; absent: not wanted. */
export type Contents = Readonly<Record<string, string>>

export type Action =
  | { readonly act: 'apply'; readonly wanted: Contents }
  | { readonly act: 'destroy' }
  | { readonly act: 'undo' }
  | { readonly act: 'undo to'; readonly back: number }
  | { readonly act: 'undo one'; readonly name: string }

export interface Resource {
  readonly name: string
  readonly kind: string
  /** Resources whose output its content uses. */
  readonly uses: readonly string[]
}

export interface Scenario {
  readonly resources: readonly Resource[]
  readonly actions: readonly Action[]
}

export function scenarioFrom(chance: Chance): Scenario {
  const resources: Resource[] = []
  for (let n = 0; n <= chance.below(4); n += 1) {
    const uses = resources.filter(() => chance.once(3)).map(({ name }) => name)
    resources.push({ name: `r${n}`, kind: chance.pick(['sim.beside', 'sim.beside', 'sim.inplace', 'sim.remote']), uses })
  }
  const contents = (): Contents =>
    Object.fromEntries(
      resources.flatMap(({ name }): [string, string][] => {
        const used = resources.some(({ uses }) => uses.includes(name))
        return !used && chance.once(6) ? [] : [[name, chance.pick(['a', 'b', 'c'])]]
      }),
    )
  const actions: Action[] = [{ act: 'apply', wanted: contents() }]
  for (let n = 0; n < 1 + chance.below(3); n += 1) {
    const which = chance.below(12)
    if (which < 5) actions.push({ act: 'apply', wanted: contents() })
    else if (which < 8) actions.push({ act: 'undo' }, ...(chance.once(2) ? [{ act: 'undo to', back: 1 } as const] : []))
    else if (which < 10) actions.push({ act: 'undo to', back: 1 + chance.below(3) })
    else if (which < 11) actions.push({ act: 'undo one', name: chance.pick(resources).name })
    else actions.push({ act: 'destroy' })
  }
  return { resources, actions }
}

export function wishesOf({ resources }: Scenario, contents: Contents): Readonly<Record<string, TestWish>> {
  return Object.fromEntries(
    resources.flatMap(({ name, kind, uses }): [string, TestWish][] => {
      const text = contents[name]
      if (text === undefined) return []
      const holes = uses.map((other) => ({ $ref: other, output: 'text' }))
      return [[name, { kind, spec: { path: name, text, uses: holes }, dependsOn: [...uses] }]]
    }),
  )
}

/** What the texts are with what they use. */
export function rendered({ resources }: Scenario, contents: Contents): Readonly<Record<string, string>> {
  const texts: Record<string, string> = {}
  for (const { name, uses } of resources) {
    const own = contents[name]
    if (own !== undefined) texts[name] = [own, ...uses.map((other) => texts[other] ?? '')].join('+')
  }
  return texts
}
