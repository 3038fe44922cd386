// Owns: what the entries of a stream say is kept: artefacts, frozen specs, and the states that going back may need.
// Never: looks for what is only named: fingerprints of rows, times and wanted contents have digests and are not kept.
import { isDigest, isObject } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import type { Entry } from '../store/store.ts'
import { badIn, digestsIn } from './reach.ts'
import type { Bad, Reach } from './reach.ts'

export type Blame = (found: readonly Bad[], by: string) => void

export interface Told {
  readonly stack: string
  readonly revisions: {
    readonly n: number
    /** What is bad of what it needs besides its states, by resource. */ readonly needs: readonly (readonly [string, readonly Bad[]])[]
  }[]
  /** Of a revision, or (n null) of a step that a change prepared. */
  readonly states: {
    readonly by: string
    readonly resource: string
    readonly n: number | null
    readonly change: string
    readonly digests: ReadonlySet<Digest>
  }[]
  /** Changes that hold nothing beside the live things any more. */
  readonly released: Set<string>
}

export function openTold(stack: string): Told {
  return { stack, revisions: [], states: [], released: new Set() }
}

/** Members of entries and artefacts that name an object which is kept. */
const kept = ['plan', 'rehearsal', 'assessment', 'receipt', 'verdict', 'undoing', 'log', 'intent', 'parent']

export async function tell(told: Told, { body, seq }: Entry, reach: Reach, blame: Blame): Promise<void> {
  if (!isObject(body)) return
  const change = typeof body['change'] === 'string' ? body['change'] : ''
  const by = change === '' ? `entry ${seq} of ${told.stack}` : `change ${change} of ${told.stack}`
  await artefactsIn(body, by, reach, blame)
  if (isDigest(body['revision']) && typeof body['n'] === 'number') await tellRevision(told, body['revision'], body['n'], reach, blame)
  if (body['type'] === 'change.released') told.released.add(change)
  if (body['type'] !== 'step.prepared') return
  const resource = typeof body['step'] === 'string' ? body['step'] : ''
  const digests = digestsIn([body['from'], body['to']])
  // What a state itself names was put when it was prepared; what lies below may stand beside until it is let go of.
  for (const digest of digests)
    blame(
      (await reach.below(digest)).filter((bad) => bad.digest === digest),
      `${by} (${resource})`,
    )
  told.states.push({ by: `${by} (${resource})`, resource, n: null, change, digests })
}

async function artefactsIn(holder: object, by: string, reach: Reach, blame: Blame): Promise<void> {
  for (const [name, digest] of Object.entries(holder)) {
    if (!kept.includes(name) || !isDigest(digest)) continue
    const known = reach.seen.get(digest)
    blame(known ?? (await reach.self(digest)), by)
    if (known === undefined) await inArtefact(await reach.value(digest), by, reach, blame)
  }
}

async function inArtefact(value: unknown, by: string, reach: Reach, blame: Blame): Promise<void> {
  if (!isObject(value) || typeof value['artefact'] !== 'string') return
  await artefactsIn(value, by, reach, blame)
  // What was read: stack file, layers, values of secrets.
  if (value['artefact'] === 'intent' && isDigest(value['source'])) blame(await reach.below(value['source']), by)
  if (value['artefact'] !== 'plan') return
  for (const [name, spec] of specsIn(value['resources'])) blame(await badIn(digestsIn(spec), reach), `${by} (${name})`)
}

async function tellRevision(told: Told, digest: Digest, n: number, reach: Reach, blame: Blame): Promise<void> {
  const by = `revision ${n} of ${told.stack}`
  const own = await reach.self(digest)
  blame(own, by)
  const value = await reach.value(digest)
  const needs: [string, readonly Bad[]][] = own.length > 0 ? [['all of it', own]] : []
  if (isObject(value)) {
    await artefactsIn(value, by, reach, blame)
    for (const [name, spec, state] of specsIn(value['resources'])) {
      const found = await badIn(digestsIn(spec), reach)
      blame(found, `${by} (${name})`)
      needs.push([name, found])
      told.states.push({ by: `${by} (${name})`, resource: name, n, change: '', digests: digestsIn(state) })
    }
  }
  told.revisions.push({ n, needs })
}

function specsIn(resources: unknown): readonly (readonly [name: string, spec: unknown, state: unknown])[] {
  if (!isObject(resources)) return []
  return Object.entries(resources).flatMap(([name, held]) => (isObject(held) ? [[name, held['spec'], held['state']] as const] : []))
}
