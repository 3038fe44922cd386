// Owns: the section `resources:`: each with its kind, its spec and what the engine is told about it.
// Never: freezes, reads the live things, or orders anything.
import type { Json } from '@understudy/contract'
import type { Where, Wish } from '../model/intent.ts'
import { checkSpec, keysAt } from './check-spec.ts'
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import { fieldsOf, NAME, nameHint, namedMembers } from './fields.ts'
import type { Fields } from './fields.ts'
import { findCycles } from './find-cycles.ts'
import type { KindTable } from './kind-table.ts'
import { memberOf, placeOf, placeText } from './located.ts'
import type { Mapping, Span, Tree } from './located.ts'
import { readLabels } from './read-labels.ts'
import { resolveSpec, resourceHint } from './resolve-spec.ts'
import type { Edge, Names } from './resolve-spec.ts'
import { fillPlain, RESERVED } from './scope.ts'
import type { Scope } from './scope.ts'
import { sealSecrets } from './seal-secrets.ts'
import { quoted } from './snippet.ts'
import type { Sources } from '../world/sources.ts'
import { writtenSpan } from './place-in-code.ts'

export const resourceKeys = [
  'kind',
  'spec',
  'dependsOn',
  'labels',
  'protect',
  'onRemove',
  'movedFrom',
  'ignoreChanges',
  'retries',
  'timeout',
  'guard',
]

/** Once may be bad luck; more than three times is not transient. The longest sane call is a copy of a big database. */
const defaults = { retries: 3, timeoutMs: 600_000 }
const RETRIES_MAX = 100
const TIMEOUT_MS_MAX = 86_400_000

/** One resource as it is written: the spec apart, variables filled in everything else. */
interface Written {
  readonly name: string
  readonly key: Span
  readonly meta: Mapping
  readonly spec: Tree
  readonly kind: string | null
}

export interface ResourcesInput {
  readonly file: string
  readonly resources: Tree | undefined
  readonly secrets: Tree | undefined
  readonly scope: Scope
  readonly kinds: KindTable
}

export async function readResources(
  input: ResourcesInput,
  sources: Sources,
  complaints: Complaints,
): Promise<Readonly<Record<string, Wish>>> {
  const { file, kinds, scope } = input
  const fields = fieldsOf(complaints)
  const written: Written[] = []
  for (const [name, { key, value }] of namedMembers(fields.mapping(input.resources, 'resources'), 'resource', NAME, nameHint, complaints)) {
    const one = RESERVED.includes(name) ? reserved(name, key, complaints) : readWritten(name, key, value, scope, kinds, complaints)
    if (one !== null) written.push(one)
  }
  const specs = written.map(({ spec }) => spec)
  const sealed = await sealSecrets({ file, declared: input.secrets, specs, scope }, sources, complaints)
  const kindOf = new Map<string, string | null>(written.map(({ name, kind }) => [name, kind]))
  for (const name of input.resources?.type === 'map' ? input.resources.members.keys() : []) if (!kindOf.has(name)) kindOf.set(name, null)
  const names: Names = { scope, sealed, kinds, kindOf, moved: readMoves(written, kindOf, complaints) }
  const edges = new Map<string, readonly Edge[]>()
  const wishes: [string, Wish][] = []
  for (const one of written) {
    const { name, kind, spec: tree } = one
    const { spec, edges: found } = resolveSpec(tree, name, names, complaints)
    const shape = kind === null ? null : kinds.schemaOf(kind)
    const whole = one.meta.members.get('spec')?.key ?? one.key
    if (shape !== null && kind !== null) checkSpec({ resource: name, kind, spec, tree, whole }, shape, complaints)
    const after = [...readDependsOn(one, names, complaints), ...found]
    edges.set(name, after)
    wishes.push([name, wishOf(one, spec, after, complaints)])
  }
  refuseCycles(edges, complaints)
  return Object.fromEntries(wishes)
}

function reserved(name: string, key: Span, complaints: Complaints): null {
  const hint = `\${${name}.…} already means something else; choose another name.`
  complaints.add({ code: 'intent.wrong-name', span: key, detail: `${quoted(name)} is reserved`, hint })
  return null
}

function readWritten(name: string, key: Span, tree: Tree, scope: Scope, kinds: KindTable, complaints: Complaints): Written | null {
  const fields = fieldsOf(complaints, name)
  const map = fields.mapping(tree, `resource ${name}`)
  if (map === null) return null
  const others = new Map(map.members)
  others.delete('spec')
  const filled = fillPlain({ ...map, members: others }, scope, complaints)
  if (filled.type !== 'map') return null
  const spec = map.members.get('spec')
  const meta: Mapping = { ...filled, members: spec === undefined ? filled.members : new Map([...filled.members, ['spec', spec]]) }
  const kind = readKind(name, key, meta, kinds, fields, complaints)
  const specKeys = () => (kind === null ? [] : keysAt(kinds.schemaOf(kind)?.describeSpec() ?? null, []))
  fields.known(meta, resourceKeys, `resource ${name}`, (wrong) =>
    specKeys().includes(wrong) ? `${quoted(wrong)} belongs under \`spec:\`.` : null,
  )
  const body = spec === undefined ? null : fields.mapping(spec.value, `spec of ${name}`)
  return { name, key, meta, kind, spec: body ?? { type: spec === undefined ? 'map' : 'unknown', span: key, members: new Map() } }
}

function readKind(name: string, key: Span, meta: Mapping, kinds: KindTable, fields: Fields, complaints: Complaints): string | null {
  const tree = memberOf(meta, 'kind')
  if (tree === undefined) {
    const hint = () => didYouMean('', kinds.kinds, 'kinds')
    complaints.add({ code: 'intent.missing-key', span: key, detail: `resource ${name} has no kind`, hint, resource: name })
    return null
  }
  const kind = fields.text(tree, `kind of ${name}`)
  if (kind === null || kinds.schemaOf(kind) !== null) return kind
  const hint = () => `${didYouMean(kind, kinds.kinds, 'kinds')} Kinds of other packages need the package under \`providers:\`.`
  complaints.add({ code: 'intent.unknown-kind', span: tree.span, detail: `kind ${quoted(kind)} of ${name}`, hint, resource: name })
  return null
}

/** Former names, and that each is free and claimed once. */
function readMoves(
  written: readonly Written[],
  present: ReadonlyMap<string, unknown>,
  complaints: Complaints,
): ReadonlyMap<string, string> {
  const moved = new Map<string, string>()
  for (const { name, meta } of written) {
    const tree = memberOf(meta, 'movedFrom')
    const from = fieldsOf(complaints, name).text(tree, `movedFrom of ${name}`)
    if (tree === undefined || from === null) continue
    const refuse = (detail: string, hint: string) =>
      complaints.add({ code: 'intent.moved-from', span: tree.span, detail, hint, resource: name })
    const other = moved.get(from)
    if (!NAME.test(from)) refuse(`${quoted(from)} is not a name`, nameHint)
    else if (from === name) refuse(`${name} is its own name`, 'Remove movedFrom.')
    else if (present.has(from)) refuse(`${from} is still in the stack`, 'Remove the old resource, or movedFrom.')
    else if (other !== undefined) refuse(`${from} has already become ${other}`, 'Only one resource can take over.')
    else moved.set(from, name)
  }
  return moved
}

function readDependsOn({ name, meta }: Written, names: Names, complaints: Complaints): readonly Edge[] {
  const fields = fieldsOf(complaints, name)
  return fields.list(memberOf(meta, 'dependsOn'), `dependsOn of ${name}`).flatMap((item) => {
    const to = fields.text(item, `dependsOn of ${name}`)
    if (to === null) return []
    if (names.kindOf.has(to)) return [{ to, span: item.span }]
    const hint = () => resourceHint(to, names)
    const detail = `${name} depends on ${quoted(to)}`
    complaints.add({ code: 'intent.unknown-resource', span: item.span, detail, hint, resource: name })
    return []
  })
}

function wishOf({ name, key, meta, kind }: Written, spec: Json, edges: readonly Edge[], complaints: Complaints): Wish {
  const fields = fieldsOf(complaints, name)
  const of = (field: string) => `${field} of ${name}`
  const timeout = memberOf(meta, 'timeout')
  const timeoutMs = fields.duration(timeout, of('timeout')) ?? defaults.timeoutMs
  if (timeout !== undefined && (timeoutMs < 1 || timeoutMs > TIMEOUT_MS_MAX)) {
    const hint = 'It must be more than nothing and at most 1d.'
    complaints.add({ code: 'intent.wrong-value', span: timeout.span, detail: `${of('timeout')} is ${timeoutMs} ms`, hint, resource: name })
  }
  return {
    kind: kind ?? '',
    spec,
    dependsOn: [...new Set(edges.map(({ to }) => to))].toSorted(),
    labels: readLabels(memberOf(meta, 'labels'), name, complaints),
    protect: fields.flag(memberOf(meta, 'protect'), of('protect')) ?? false,
    onRemove: fields.choice(memberOf(meta, 'onRemove'), of('onRemove'), ['delete', 'keep']) ?? 'delete',
    movedFrom: movedFromOf(meta),
    ignoreChanges: readPointers(memberOf(meta, 'ignoreChanges'), name, fields, complaints),
    retries: fields.count(memberOf(meta, 'retries'), of('retries'), 0, RETRIES_MAX) ?? defaults.retries,
    timeoutMs,
    guard: fields.flag(memberOf(meta, 'guard'), of('guard')) ?? false,
    where: whereOf(key),
  }
}

/** Checked with all others by `readMoves`. */
function movedFromOf(meta: Mapping): string | null {
  const tree = memberOf(meta, 'movedFrom')
  return tree?.type === 'leaf' && typeof tree.value === 'string' ? tree.value : null
}

function readPointers(tree: Tree | undefined, name: string, fields: Fields, complaints: Complaints): readonly string[] {
  return fields.list(tree, `ignoreChanges of ${name}`).flatMap((item) => {
    const pointer = fields.text(item, `ignoreChanges of ${name}`)
    if (pointer === null) return []
    if (/^(\/([^~/]|~[01])*)+$/.test(pointer)) return [pointer]
    const hint = 'It is a JSON pointer into the spec: /settings/level, with ~1 for / and ~0 for ~ in a name.'
    complaints.add({ code: 'intent.wrong-value', span: item.span, detail: `${quoted(pointer)} is no pointer`, hint, resource: name })
    return []
  })
}

/** The place without the folder: the same stack gives the same intent wherever it lies. */
function whereOf(key: Span): Where | null {
  const place = placeOf(writtenSpan(key))
  return place === null ? null : { file: key.source.file.slice(key.source.file.lastIndexOf('/') + 1), ...place }
}

function refuseCycles(edges: ReadonlyMap<string, readonly Edge[]>, complaints: Complaints): void {
  const graph = new Map([...edges].map(([name, list]) => [name, list.map(({ to }) => to)]))
  for (const cycle of findCycles(graph)) {
    const hops = cycle.map((name, index) => {
      const to = cycle[index + 1] ?? cycle[0]
      return { name, to, span: edges.get(name)?.find((edge) => edge.to === to)?.span ?? null }
    })
    const [first] = cycle
    const shown = hops
      .slice(0, HOPS_SHOWN)
      .map(({ name, to, span }) => `${name} needs ${to}${span === null ? '' : ` (${placeText(span)})`}`)
    const names = cycle.length > HOPS_SHOWN ? [...cycle.slice(0, HOPS_SHOWN), `… ${cycle.length - HOPS_SHOWN} more …`] : cycle
    const detail = `${[...names, first].join(' → ')}: ${shown.join(', ')}`
    const hint = 'Take one of these references out; a resource can only use what is there before it.'
    complaints.add({ code: 'intent.cycle', span: hops[0]?.span ?? null, detail, hint, ...(first === undefined ? {} : { resource: first }) })
  }
}

const HOPS_SHOWN = 10 // of a circle; a longer one fills the screen
