// Owns: circles in a graph: one for each knot, as short as it gets.
// Never: recurses; a stack may be 100,000 resources deep.

/** For each strongly connected part with a circle: one shortest circle through its first node, first node not repeated. */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const cycles: (readonly string[])[] = []
  const place = new Map([...graph.keys()].map((name, index) => [name, index]))
  for (const knot of knotsOf(graph)) {
    const [start] = knot.toSorted((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0))
    if (start === undefined) continue
    const cycle = shortestCycle(graph, start, new Set(knot))
    if (cycle !== null) cycles.push(cycle)
  }
  return cycles
}

/** Strongly connected parts (Tarjan 1972), with an explicit stack. */
function knotsOf(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const isOpen = new Set<string>()
  const knots: string[][] = []
  const lower = (name: string, to: number) => void low.set(name, Math.min(low.get(name) ?? to, to))
  for (const root of graph.keys()) {
    if (order.has(root)) continue
    const visits = [{ name: root, next: 0 }]
    while (visits.length > 0) {
      const visit = visits.at(-1)
      if (visit === undefined) break
      const { name } = visit
      if (visit.next === 0) {
        order.set(name, order.size)
        lower(name, order.size - 1)
        open.push(name)
        isOpen.add(name)
      }
      const to = graph.get(name)?.[visit.next]
      visit.next += 1
      if (to !== undefined) {
        if (!order.has(to) && graph.has(to)) visits.push({ name: to, next: 0 })
        else if (isOpen.has(to)) lower(name, order.get(to) ?? 0)
        continue
      }
      visits.pop()
      const above = visits.at(-1)
      if (above !== undefined) lower(above.name, low.get(name) ?? 0)
      if (low.get(name) !== order.get(name)) continue
      const knot = open.splice(open.lastIndexOf(name))
      for (const member of knot) isOpen.delete(member)
      knots.push(knot)
    }
  }
  return knots
}

function shortestCycle(
  graph: ReadonlyMap<string, readonly string[]>,
  start: string,
  inside: ReadonlySet<string>,
): readonly string[] | null {
  const from = new Map<string, string>()
  const queue = [start]
  for (const name of queue) {
    for (const to of graph.get(name) ?? []) {
      if (to === start) return wayTo(name, start, from)
      if (!inside.has(to) || from.has(to)) continue
      from.set(to, name)
      queue.push(to)
    }
  }
  return null
}

function wayTo(end: string, start: string, from: ReadonlyMap<string, string>): readonly string[] {
  const way: string[] = []
  for (let at: string | undefined = end; at !== undefined && at !== start; at = from.get(at)) way.push(at)
  return [start, ...way.toReversed()]
}
