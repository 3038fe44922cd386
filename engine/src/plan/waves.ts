// Owns: in which wave each step is prepared and turned, and the order of turning.
// Never: looks at what a step does; only at its mode and what it comes after.

export interface Node {
  readonly name: string
  readonly mode: 'beside' | 'in-place'
  readonly action: 'create' | 'change' | 'delete'
  readonly after: readonly string[]
}

export interface Waves {
  readonly waveOf: ReadonlyMap<string, number>
  /** Names by wave, each in the order of turning. */
  readonly waves: readonly (readonly string[])[]
}

/**
 * A step can only be prepared when what it comes after is prepared, and turned if that is in-place: so an in-place step
 * ends its wave for whoever comes after it. In-place steps go as early as they can; steps prepared beside go as late as
 * they can, so that a stack is mixed for the shortest time. Kahn's algorithm, names in order, so equal input gives equal
 * plans. @throws Error on a cycle (the intent has refused those).
 */
export function layWaves(nodes: readonly Node[]): Waves {
  const order = topological(nodes)
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const early = new Map<string, number>()
  for (const { name, after } of order) {
    const floors = after.map((dep) => (early.get(dep) ?? 0) + (byName.get(dep)?.mode === 'in-place' ? 1 : 0))
    early.set(name, Math.max(0, ...floors))
  }
  const last = Math.max(0, ...early.values())
  const late = new Map<string, number>()
  for (const node of order.toReversed()) {
    const users = nodes.filter(({ after }) => after.includes(node.name))
    const ceilings = users.map((user) => (late.get(user.name) ?? last) - (node.mode === 'in-place' ? 1 : 0))
    late.set(node.name, node.mode === 'in-place' ? (early.get(node.name) ?? 0) : Math.min(last, ...ceilings))
  }
  const count = nodes.length === 0 ? 0 : last + 1
  const waves = Array.from({ length: count }, (_, wave) => order.filter(({ name }) => late.get(name) === wave).map(({ name }) => name))
  const filled = waves.filter((names) => names.length > 0)
  return { waveOf: new Map(filled.flatMap((names, wave) => names.map((name) => [name, wave] as const))), waves: filled }
}

/** Deletions as late as their order allows: nothing healthy is torn down before what replaces it stands (L5). */
function topological(nodes: readonly Node[]): readonly Node[] {
  const left = new Map(nodes.map((node) => [node.name, node]))
  const order: Node[] = []
  while (left.size > 0) {
    const ready = [...left.values()].filter(({ after }) => !after.some((dep) => left.has(dep)))
    const next = ready.toSorted((a, b) => Number(a.action === 'delete') - Number(b.action === 'delete') || (a.name < b.name ? -1 : 1))[0]
    if (next === undefined) throw new Error(`steps depend on each other: ${[...left.keys()].join(', ')}`)
    left.delete(next.name)
    order.push(next)
  }
  return order
}
