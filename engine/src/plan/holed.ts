// Owns: judging a spec that still has holes: does the rest of it parse, how is it prepared, where is its home.
// Never: lets a stand-in value into a plan.
import { equal, Fault, faultOf } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import type { Kind } from '../exec/kind.ts'
import { fillHoles, holeIn, holesOf } from '../model/holes.ts'
import { planFault } from './desired.ts'

/** Stand-ins of every shape a hole may have to take, so that a schema that checks shapes can be asked about the rest. */
const standIns: readonly (readonly [Json, Json])[] = [
  ['/pending/one', '/pending/two'],
  ['http://127.0.0.1:1/', 'http://127.0.0.1:2/'],
  ['pending-one', 'pending-two'],
  [1, 2],
  [40_001, 40_002],
  [true, true],
  [[], []],
]

export interface Judged {
  readonly mode: 'beside' | 'in-place'
  readonly home: Json
}

/** What does not depend on the holes. Faults when the rest does not parse, or the home hangs on a hole. */
export function judgeSpec(kind: Kind, resource: string, spec: Json): Judged {
  try {
    return judged(kind, resource, spec)
  } catch (thrown) {
    throw new Fault(faultOf(thrown, { resource, stage: 'plan' }))
  }
}

function judged(kind: Kind, resource: string, spec: Json): Judged {
  if (holesOf(spec).length === 0) {
    const parsed = kind.parseSpec(spec)
    if (!parsed.ok) throw invalidSpec(kind, resource, parsed.issues)
    return { mode: kind.prepares(parsed.value), home: kind.home(parsed.value) }
  }
  let issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[] = []
  for (const [one, two] of standIns) {
    const first = fitting(kind, spec, one)
    const second = fitting(kind, spec, two)
    if (first.spec === null || second.spec === null) {
      issues = first.issues
      continue
    }
    const home = kind.home(first.spec)
    if (!equal(home, kind.home(second.spec))) {
      throw planFault(
        'plan.known-too-late',
        resource,
        'Where a resource is must be known when it is planned.',
        `${resource} is placed by a reference: ${JSON.stringify(home)}`,
        'Write the path or port as text or variable; only other settings may refer to outputs.',
      )
    }
    return { mode: kind.prepares(first.spec), home }
  }
  throw invalidSpec(kind, resource, issues)
}

/** The spec with stand-ins for its holes, to ask what does not depend on them; null where none fits. Never for a plan. */
export function standInSpec(kind: Kind, spec: Json): Json | null {
  for (const [one] of standIns) {
    const fits = fitting(kind, spec, one)
    if (fits.spec !== null) return fits.spec
  }
  return null
}

/** The spec with every hole filled by a stand-in; where the schema wants another shape at a hole, one that it takes. */
function fitting(kind: Kind, spec: Json, standIn: Json) {
  let parsed = kind.parseSpec(fillHoles(spec, () => standIn).spec)
  if (parsed.ok) return { spec: parsed.value, issues: parsed.issues }
  const byPath = new Map<string, Json>()
  for (const { path } of holesOf(spec)) byPath.set(path.join('/'), standIn)
  for (const [other] of standIns) {
    for (const issue of parsed.issues) if (byPath.has(issue.path.map(String).join('/'))) byPath.set(issue.path.map(String).join('/'), other)
    parsed = kind.parseSpec(fillByPath(spec, [], byPath))
    if (parsed.ok) return { spec: parsed.value, issues: parsed.issues }
  }
  return { spec: null, issues: parsed.issues }
}

function fillByPath(value: Json, path: readonly (string | number)[], byPath: ReadonlyMap<string, Json>): Json {
  const known = byPath.get(path.join('/'))
  if (known !== undefined) return holeIn(value) === null ? fillHoles(value, () => known).spec : known
  if (Array.isArray(value)) return value.map((item: Json, index) => fillByPath(item, [...path, index], byPath))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fillByPath(member, [...path, key], byPath)]))
}

function invalidSpec(kind: Kind, resource: string, issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[]) {
  const text = issues.map(({ message, path }) => `/${path.map(String).join('/')}: ${message}`).join('; ')
  return planFault(
    'plan.invalid-spec',
    resource,
    `This is not a spec of ${kind.kind}.`,
    text,
    'Correct the spec in the stack file; `understudy validate` points at the line.',
  )
}
