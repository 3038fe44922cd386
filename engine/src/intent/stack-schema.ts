// Owns: the JSON Schema (draft 2020-12) of a stack file, for editors.
// Never: is what the engine checks with: that says more, and where.
import { isObject } from '@understudy/contract'
import type { Json, JsonObject } from '@understudy/contract'
import { outputsOf } from './kind-table.ts'
import type { KindTable } from './kind-table.ts'

const text = { type: 'string' }
const flag = { type: 'boolean' }
const name = '^[a-z][a-z0-9-]{0,62}$'
const variableName = '^[A-Za-z_][A-Za-z0-9_-]{0,62}$'
const scalar = { type: ['string', 'number', 'boolean'] }
const reference = { type: 'string', pattern: '\\$\\{' }
const duration = { anyOf: [{ type: 'string', pattern: '^([0-9.]+(d|h|m|s|ms))+$' }, { const: 0 }, reference] }

const mapOf = (value: Json, keyPattern = name): JsonObject => ({
  type: 'object',
  propertyNames: { pattern: keyPattern },
  additionalProperties: value,
})
const record = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...(required.length === 0 ? {} : { required }),
})
const said = (description: string, schema: JsonObject): JsonObject => ({ description, ...schema })
const orReference = (schema: Json): JsonObject => ({ anyOf: [schema, reference] })
const count = (minimum: number, maximum: number) => orReference({ type: 'integer', minimum, maximum })

/** Pure; the same kinds give the same text. `${…}` is taken wherever something else than free text is wanted. */
export function stackSchema(kinds: KindTable): Json {
  const layer = record(sections({ $ref: '#/$defs/partialResource' }, true))
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Understudy stack file',
    ...record({ ...sections({ $ref: '#/$defs/resource' }, false), layers: said('What differs by environment.', mapOf(layer)) }, ['stack']),
    $defs: {
      resource: { ...record(resource(kinds), ['kind']), allOf: kinds.kinds.map((kind) => specOfKind(kind, kinds)) },
      partialResource: { anyOf: [{ type: 'null' }, record({ ...resource(kinds), spec: { type: ['object', 'null'] } })] },
      ...Object.fromEntries(kinds.kinds.map((kind) => [kind, kindSchema(kind, kinds)])),
    },
  }
}

/** In a layer null takes an entry out. */
function sections(entry: Json, inLayer: boolean): JsonObject {
  const unset = (schema: Json): Json => (inLayer ? { anyOf: [{ type: 'null' }, schema] } : schema)
  const variable = record({
    default: scalar,
    description: text,
    type: { enum: ['string', 'number', 'boolean'] },
    secret: said('Sealed; has no default.', flag),
  })
  return {
    stack: said('Name of the stack: small letters, digits, hyphens.', { anyOf: [{ type: 'string', pattern: name }, reference] }),
    variables: said('Values given by --var and --var-file, referred to as ${var.name}.', {
      ...mapOf({ anyOf: [variable, scalar, { type: 'null' }] }, variableName),
    }),
    secrets: said('Where secrets come from, referred to as ${secret.name}.', {
      ...mapOf(unset({ oneOf: [record({ env: text }, ['env']), record({ file: text }, ['file'])] }), variableName),
    }),
    labels: said('Labels of the stack.', { type: 'object', additionalProperties: unset(text) }),
    policy: said('When a person is asked, when a change is refused, how it is watched.', record(policy())),
    providers: said('npm packages that bring further kinds.', { type: 'array', items: text, uniqueItems: true }),
    resources: said('The resources by name.', mapOf(entry)),
  }
}

function policy(): JsonObject {
  return {
    askAt: said('Risk from which a person is asked, 0-100.', count(0, 101)),
    refuseAt: said('Risk from which a change is refused, 0-100.', count(0, 101)),
    guards: record({
      for: said('How long guards watch after a change.', duration),
      every: said('Time between two probes.', duration),
      failures: said('Failed probes in a row before it counts.', count(1, 1_000)),
      on: said('What happens then.', { enum: ['keep', 'hold', 'undo'] }),
    }),
    keep: said('Revisions that can be gone back to.', count(1, 100_000)),
  }
}

function resource(kinds: KindTable): JsonObject {
  return {
    kind: said('What it is.', { anyOf: [{ enum: kinds.kinds }, text] }),
    spec: said('What is wanted of it, in the words of its kind.', { type: 'object' }),
    dependsOn: said('Resources that come before it, besides those it refers to.', { type: 'array', items: text }),
    labels: { type: 'object', additionalProperties: text },
    protect: said('A plan that would delete or replace it is refused.', orReference(flag)),
    onRemove: said('What happens when it is taken out of the file.', { enum: ['delete', 'keep'] }),
    movedFrom: said('Its former name in this stack.', text),
    ignoreChanges: said('JSON pointers into the spec: differences there are not acted on.', {
      type: 'array',
      items: { type: 'string', pattern: '^/' },
    }),
    retries: said('How often a transient fault is tried again.', count(0, 100)),
    timeout: said('Longest time of one call.', duration),
    guard: said('Watched after a change; when its probe fails, the policy decides.', orReference(flag)),
  }
}

function specOfKind(kind: string, kinds: KindTable): Json {
  const schema = kinds.schemaOf(kind)?.describeSpec() ?? {}
  const needed = isObject(schema) && Array.isArray(schema['required']) && schema['required'].length > 0
  return {
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { spec: { $ref: `#/$defs/${kind}` } }, ...(needed ? { required: ['spec'] } : {}) },
  }
}

function kindSchema(kind: string, kinds: KindTable): Json {
  const shape = kinds.schemaOf(kind)
  if (shape === null) return {}
  const outputs = outputsOf(shape)
  const schema = loosened(shape.describeSpec(), `#/$defs/${kind}`)
  const description = outputs === null ? `Spec of ${kind}.` : `Spec of ${kind}. Others can refer to: ${outputs.join(', ') || 'nothing'}.`
  if (!isObject(schema)) return { description }
  const { $schema: _dialect, ...rest } = schema
  return { description, ...rest }
}

/** Keywords whose members, or which themselves, describe values within the value. */
const mapsOfSchemas = ['properties', 'patternProperties']
const schemas = ['additionalProperties', 'items', 'contains']

/** Formats that JSON Schema knows, of those that a kind is likely to use. Others only make validators complain. */
const formats: readonly Json[] = ['date-time', 'date', 'time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri', 'uuid', 'regex']

/** A schema that takes a reference at every place within, and whose own `$ref`s are found where it is put. */
function loosened(schema: Json, home: string): Json {
  if (!isObject(schema)) return schema
  const entries: [string, Json][] = []
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'format' && !formats.includes(value)) continue
    if (key === '$ref' && typeof value === 'string' && value.startsWith('#')) entries.push([key, home + value.slice(1)])
    else if (mapsOfSchemas.includes(key) && isObject(value)) entries.push([key, eachOf(value, (inner) => referable(inner, home))])
    else if (schemas.includes(key)) entries.push([key, referable(value, home)])
    else if (key === '$defs' && isObject(value)) entries.push([key, eachOf(value, (inner) => loosened(inner, home))])
    else if (['anyOf', 'oneOf', 'allOf'].includes(key) && Array.isArray(value))
      entries.push([key, value.map((inner: Json) => loosened(inner, home))])
    else if (key === 'prefixItems' && Array.isArray(value)) entries.push([key, value.map((inner: Json) => referable(inner, home))])
    else entries.push([key, value])
  }
  return Object.fromEntries(entries)
}

function eachOf(map: JsonObject, change: (schema: Json) => Json): Json {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]))
}

function referable(schema: Json, home: string): Json {
  if (!isObject(schema)) return schema
  const inner = loosened(schema, home)
  const isFreeText =
    schema['type'] === 'string' && !['pattern', 'enum', 'const', 'format', 'minLength', 'maxLength'].some((key) => key in schema)
  if (isFreeText) return inner
  const { description, default: fallback } = schema
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [inner, reference],
  }
}
