// Owns: what a plan is drafted from: the wanted resources with frozen specs, whoever asked (a stack file, an undo).
// Never: reads the live things.
import { equal, Fault, isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { writing } from '../exec/attempt.ts'
import type { CallLog } from '../exec/attempt.ts'
import type { Ports } from '../exec/ports.ts'
import { kindFor } from '../exec/run.ts'
import type { Intent, Wish } from '../model/intent.ts'
import type { Held, Revision, Terms } from '../model/plan.ts'

export interface Desired {
  readonly kind: string
  readonly asked: Json
  readonly spec: Json
  readonly terms: Terms
  readonly movedFrom: string | null
  /** Where an undo goes: the state as it was observed; with pointers only these parts of it. */
  readonly target: { readonly state: Json; readonly pointers: readonly string[] } | null
  /** Not asked to change: it only follows what it refers to. */
  readonly still: boolean
  /** It stays as it is, whatever it refers to: somebody else wrote to it, or it has no way back. */
  readonly leave?: 'written-since' | 'no-way-back'
  /** What somebody else wrote since and this writes over; '' is the whole of it. */
  readonly over?: readonly string[]
}

/** Sources are frozen in rooms of their own, that are in no world: planning touches nothing of the primary (L16). */
const PLANNING = { id: 'planning', parent: null, parts: {} }

/** The intent's resources with their sources frozen. `base` is the folder of the stack file. */
export async function freezeIntent(
  ports: Ports,
  intent: Intent,
  revision: Revision | null,
  base: string,
  epoch: number,
  log: CallLog,
): Promise<Readonly<Record<string, Desired>>> {
  const desired: Record<string, Desired> = {}
  for (const [name, wish] of Object.entries(intent.resources)) {
    const held = revision?.resources[wish.movedFrom ?? name] ?? revision?.resources[name]
    const asked = held === undefined ? wish.spec : ignoring(wish, held.asked)
    const kind = kindFor(ports, wish.kind)
    let spec = asked
    if (kind.source?.once === true && held !== undefined && held.kind === wish.kind && equal(held.asked, asked)) {
      spec = held.spec
    } else if (kind.source !== null) {
      const { source } = kind
      const bound = { world: PLANNING, resource: name, during: 'freeze', limits: wish, log }
      spec = await writing(ports, bound, `freeze-${name}`, epoch, (call) => source.freeze(asked, base, call))
      ports.emit('plan.frozen', { resource: name })
    }
    desired[name] = { kind: wish.kind, asked, spec, terms: termsOf(wish), movedFrom: wish.movedFrom, target: null, still: false }
  }
  return desired
}

function termsOf(wish: Wish): Terms {
  const { dependsOn, labels, protect, onRemove, retries, timeoutMs, guard } = wish
  return { dependsOn, labels, protect, onRemove, retries, timeoutMs, guard }
}

/** What a revision holds, protected and kept as it says itself or as the stack file says now: whichever is more careful. */
export function alsoProtected(revision: Revision | null, { resources }: Intent): Revision | null {
  if (revision === null) return null
  const held = Object.entries(revision.resources).map(([name, one]): [string, Held] => {
    const wish = resources[name]
    const protect = one.terms.protect || wish?.protect === true
    const onRemove = one.terms.onRemove === 'keep' || wish?.onRemove === 'keep' ? 'keep' : 'delete'
    return [name, { ...one, terms: { ...one.terms, protect, onRemove } }]
  })
  return { ...revision, resources: Object.fromEntries(held) }
}

/** The asked spec with the values that `ignoreChanges` names taken from what was asked last. */
function ignoring(wish: Wish, last: Json): Json {
  let spec = wish.spec
  for (const pointer of wish.ignoreChanges) {
    const path = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    spec = withValue(spec, path, valueAt(last, path))
  }
  return spec
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  const [head, ...rest] = path
  if (head === undefined || value === undefined) return value
  return isObject(value) ? valueAt(value[head], rest) : undefined
}

function withValue(value: Json, path: readonly string[], set: Json | undefined): Json {
  const [head, ...rest] = path
  if (head === undefined) return set ?? value
  if (!isObject(value)) return value
  const member = value[head]
  if (rest.length === 0) {
    const { [head]: _dropped, ...others } = value
    return set === undefined ? others : { ...others, [head]: set }
  }
  return member === undefined ? value : { ...value, [head]: withValue(member, rest, set) }
}

/** Whether somebody else wrote to what the last change left. What has ended by itself, or with the machine, nobody wrote to. */
export function writtenTo(ports: Pick<Ports, 'kinds'>, { kind, state }: Pick<Held, 'kind' | 'state'>, live: Json): boolean {
  return !equal(live, state) && kindFor(ports, kind).mortal?.ended(state, live) !== true
}

/** Somebody else wrote to what an undo would write to. */
export function writtenFault(resource: string, where: string): Fault {
  return new Fault({
    code: 'rollback.conflict',
    class: 'conflict',
    summary: 'Something else was written since the change, to what the undo would write.',
    detail: where,
    hint: 'See `understudy drift`. `--resolve ours` takes the saved state, `--resolve theirs` keeps what is there.',
    resource,
    stage: 'rollback',
  })
}

/** A fault about a resource of the plan. */
export function planFault(code: string, resource: string, summary: string, detail: string, hint: string): Fault {
  return new Fault({ code, class: 'invalid', summary, detail, hint, resource, stage: 'plan' })
}

/** The same fault, with the place in the stack file where its resource is written. */
export function whereWritten(thrown: unknown, { resources }: Pick<Intent, 'resources'>): unknown {
  if (!(thrown instanceof Fault) || thrown.fault.stage !== 'plan') return thrown
  const { resource, detail, data } = thrown.fault
  const where = resources[resource ?? '']?.where
  if (where === undefined || where === null) return thrown
  const { file, line, column } = where
  const place = { file, line, column }
  return new Fault({
    ...thrown.fault,
    detail: `${file}:${line}:${column}: ${detail}`,
    data: isObject(data) ? { ...data, ...place } : place,
  })
}
