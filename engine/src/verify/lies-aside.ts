// Owns: what clients wrote that lies aside in what is live, by name (L17): asked of the resources themselves.
// Never: changes anything; fails for one resource that cannot be asked: that is said of it.
import { faultOf } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { reading } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import type { Revision } from '../model/plan.ts'
import { PRIMARY } from '../model/world.ts'

const ASK_MS_MAX = 5_000 // who asks for the status does not wait for somebody's lock

export interface LyingAside {
  readonly resource: string
  readonly names: readonly string[]
  /** Why it could not be asked; null when it was. */
  readonly fault: FaultData | null
}

/** Resources in which something lies aside, or of which that is not known. */
export async function liesAside(ports: Ports, head: Revision | null): Promise<readonly LyingAside[]> {
  const found: LyingAside[] = []
  for (const [resource, { id, kind, part, terms }] of Object.entries(head?.resources ?? {})) {
    const aside = ports.kinds.get(kind)?.aside ?? null
    if (aside === null) continue
    const world = { id: PRIMARY, parent: null, parts: { [id]: part } }
    try {
      const names = await reading(
        ports,
        { world, resource: id, during: 'aside', limits: { retries: 0, timeoutMs: Math.min(terms.timeoutMs, ASK_MS_MAX) } },
        (call) => aside({ world: PRIMARY, id, part }, call),
      )
      if (names.length > 0) found.push({ resource, names, fault: null })
    } catch (thrown) {
      found.push({ resource, names: [], fault: faultOf(thrown, { resource }) })
    }
  }
  return found
}
