// Owns: spec, state, memento, part and outputs of a database, parsed at the border.
// Never: fills in what depends on a machine.
import { isDigest } from '@understudy/contract'
import type { DescribedSchema, Digest, Json, Schema } from '@understudy/contract'
import { z } from 'zod'

export const digestSchema = z.custom<Digest>(isDigest, 'not a digest')

const NAME_MAX = 200 // bytes in a file name are at most 255; longer names make messages unreadable

const nameSchema = z.string().min(1).max(NAME_MAX)

const migrationSchema = z.union(
  [
    z.strictObject({ name: nameSchema, sql: z.string() }),
    z.strictObject({ name: nameSchema, digest: digestSchema }).describe('Set by planning: a migration that lies in the store'),
  ],
  { error: 'write {name, sql}' },
)

const specSchema = z.strictObject({
  path: z.string().min(1).describe('The database file; relative paths start at the stack file'),
  migrations: z
    .union([z.string().min(1), z.array(migrationSchema)], { error: 'write the folder of migrations, or a list of {name, sql}' })
    .describe('Folder of NNN_name.sql files, applied in the order of their names, or the migrations themselves'),
})

/** Bigger parts lie in the store: `list` is `[{name, digest}, …]`, `schema` the objects of the database. */
const stateSchema = z.strictObject({
  migrations: z.strictObject({ count: z.number().int().nonnegative(), last: z.string().nullable(), list: digestSchema }),
  schema: digestSchema,
  /** Databases that stood at this path before and were deleted; left out where there was none. */
  generation: z.number().int().positive().optional(),
})

const partSchema = z.strictObject({ path: z.string().min(1) })
const outSchema = z.strictObject({ path: z.string().describe('The database file') })

const mementoSchema = z.discriminatedUnion('form', [
  z.strictObject({
    form: z.literal('change'),
    short: z.string(),
    from: stateSchema,
    to: stateSchema,
    /** In the store: what `turn(after)` runs. */
    script: digestSchema,
  }),
  z.strictObject({
    form: z.literal('create'),
    short: z.string(),
    to: stateSchema,
    /** Device and inode of the file that was made. */
    file: z.string(),
    /** Name of its rows, as made. */
    rows: digestSchema,
  }),
  z.strictObject({
    form: z.literal('delete'),
    short: z.string(),
    from: stateSchema,
    file: z.string(),
    /** More than the store takes: it was named as a loss. */ tooBig: z.literal(true).optional(),
  }),
  z.strictObject({ form: z.literal('nothing') }),
])

export type Spec = z.infer<typeof specSchema>
export type State = z.infer<typeof stateSchema>
export type Part = z.infer<typeof partSchema>
export type Out = z.infer<typeof outSchema>
export type Memento = z.infer<typeof mementoSchema>
export type ChangeMemento = Extract<Memento, { form: 'change' }>
export type FileMemento = Extract<Memento, { form: 'create' | 'delete' }>
export type DeleteMemento = Extract<Memento, { form: 'delete' }>

export interface Applied {
  readonly name: string
  readonly digest: Digest
}

const listSchema = z.array(z.strictObject({ name: z.string(), digest: digestSchema }))

export function parseList(bytes: Uint8Array): readonly Applied[] {
  return listSchema.parse(jsonFrom(bytes))
}

const scriptSchema = z.strictObject({
  statements: z.array(z.strictObject({ sql: z.string(), file: z.string(), line: z.number() })),
  applied: z.array(z.strictObject({ name: z.string(), sql: z.string() })),
  /** Not migrations, but a way derived from two schemas: renaming a table leaves what refers to it alone. */
  derived: z.boolean(),
})

/** What a change runs, and the migrations that stand in the database afterwards. */
export type Script = z.infer<typeof scriptSchema>

export function parseScript(bytes: Uint8Array): Script {
  return scriptSchema.parse(jsonFrom(bytes))
}

export function jsonFrom(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'))
}

type Issue = z.core.$ZodIssue

/** Of a value that fits none of several shapes: what is wrong with it as the one that it is most like. */
function plainIssues(issues: readonly Issue[]): readonly Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union') return [issue]
    const like = issue.errors
      .map((branch) => plainIssues(branch))
      .filter((branch) => branch.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'))
      .toSorted((a, b) => a.length - b.length)[0]
    return like === undefined ? [issue] : like.map((one) => ({ ...one, path: [...issue.path, ...one.path] }))
  })
}

function described<T>(schema: z.ZodType<T>): DescribedSchema<T> {
  return {
    safeParse(value) {
      const parsed = schema.safeParse(value)
      return parsed.success ? parsed : { success: false, error: { issues: plainIssues(parsed.error.issues) } }
    },
    describe: (): Json => z.json().parse(JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })))),
  }
}

export const schemas: {
  readonly spec: DescribedSchema<Spec>
  readonly state: Schema<State>
  readonly memento: Schema<Memento>
  readonly part: Schema<Part>
  readonly out: DescribedSchema<Out>
} = { spec: described(specSchema), state: stateSchema, memento: mementoSchema, part: partSchema, out: described(outSchema) }
