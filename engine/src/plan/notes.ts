// Owns: what a plan says of other people's writes: found, gone over, or left alone.
// Never: decides which of these it is.
import type { Json } from '@understudy/contract'
import type { CallLog } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import type { Held, PlanNote } from '../model/plan.ts'
import type { World } from '../model/world.ts'
import type { Desired } from './desired.ts'
import { driftedComponents } from './drift.ts'

const NAMED_MAX = 5

/** What somebody else wrote to, by name: a change over it takes it away. */
export async function driftNote(
  ports: Ports,
  world: World,
  resource: string,
  held: Held,
  live: Json | null,
  log: CallLog,
): Promise<PlanNote> {
  if (live === null) return { code: 'drift', resource, text: 'it is gone' }
  const components = await driftedComponents(ports, world, held, live, log)
  return { code: 'drift', resource, text: `it is not what the last change left${named(components)}`, components }
}

function named(components: readonly string[]): string {
  const more = components.length > NAMED_MAX ? ` and ${components.length - NAMED_MAX} more` : ''
  return components.length === 0 ? '' : `: ${components.slice(0, NAMED_MAX).join(', ')}${more}`
}

/** Of an undo that somebody said wins. */
export function overNotes(
  placed: readonly { readonly name: string; readonly want: Pick<Desired, 'over'> }[],
  drafts: readonly { readonly name: string }[],
): readonly PlanNote[] {
  return placed.flatMap(({ name, want: { over = [] } }): readonly PlanNote[] => {
    if (over.length === 0 || !drafts.some((draft) => draft.name === name)) return []
    const components = over.filter((pointer) => pointer !== '')
    return [
      {
        code: 'written-over',
        resource: name,
        text: `what somebody else wrote since is written over${named(components)}`,
        components,
      },
    ]
  })
}

export function leftNote(resource: string, code: 'written-since' | 'no-way-back'): PlanNote {
  const why = code === 'written-since' ? 'somebody else wrote to it since' : 'it has no way back'
  return { code, resource, text: `${why}: it stays as it is` }
}
