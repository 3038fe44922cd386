// Owns: spec, state, part and outputs of a tree, parsed at the border.
// Never: fills in what depends on a machine.
import { z } from 'zod'
import type { DescribedSchema, Json, Schema } from '@understudy/contract'
import { digestSchema, mementoSchema } from './memento.ts'
import type { Memento } from './memento.ts'

const modeSchema = z
  .string()
  .regex(/^0?[0-7]{3,4}$/, 'not an octal mode such as "0644"')
  .describe('Octal mode, quoted: "0644"')

const secretSchema = z.strictObject({ secret: z.string(), mac: digestSchema })

const inlineSchema = z.strictObject({
  content: z.union([z.string(), secretSchema]).optional().describe('The text of the file'),
  source: z.string().min(1).optional().describe('A file to take the content from, relative to the stack file'),
  mode: modeSchema.optional(),
})

const countsSchema = z.strictObject({
  files: z.number().int().nonnegative(),
  dirs: z.number().int().nonnegative(),
  links: z.number().int().nonnegative(),
  other: z.number().int().nonnegative(),
  bytes: z.number().int().nonnegative(),
})

const ownerSchema = z.union([
  z.literal('keep'),
  z.strictObject({ uid: z.number().int().min(0).max(0xffff_fffe), gid: z.number().int().min(0).max(0xffff_fffe) }),
])

const specSchema = z
  .strictObject({
    path: z.string().min(1).describe('The live directory; relative paths start at the stack file'),
    source: z.string().min(1).optional().describe('Folder with the wanted content'),
    files: z
      .record(z.string().min(1), z.union([z.string(), inlineSchema]))
      .optional()
      .describe('Files written here or taken from elsewhere, by their path in the tree; they go over those of `source`'),
    exclude: z.array(z.string().min(1)).default([]).describe('Names, or paths from the top of the source, that are not taken'),
    owner: ownerSchema
      .default('keep')
      .describe('Owner of everything; `keep`: who owns it now, and new files are owned as their directory is'),
    modes: z
      .strictObject({ files: modeSchema.optional(), dirs: modeSchema.optional() })
      .default({})
      .describe('Modes instead of those of the source'),
    tree: digestSchema.optional().describe('Set by planning: the content of `source`'),
    counts: countsSchema.optional().describe('Set by planning'),
  })
  .refine(
    ({ source, files, tree }) => source !== undefined || files !== undefined || tree !== undefined,
    'say what is to be in it: `source`, `files`, or both',
  )
  .refine(({ source, tree }) => source === undefined || tree === undefined, '`tree` is set by planning; write `source`')

const stateSchema = countsSchema.extend({ root: digestSchema })
const partSchema = z.strictObject({ path: z.string().min(1) })
const outSchema = z.strictObject({
  path: z.string().describe('The live directory, for outsiders'),
  slot: z.string().describe('The same directory, under a name that stays with it when another becomes live'),
})

export type TreeSpec = z.infer<typeof specSchema>
export type InlineFile = z.infer<typeof inlineSchema>
export type TreeState = z.infer<typeof stateSchema>
export type TreePart = z.infer<typeof partSchema>
export type TreeOut = z.infer<typeof outSchema>

function described<T>(schema: z.ZodType<T>): DescribedSchema<T> {
  return {
    safeParse: (value) => schema.safeParse(value),
    describe: () => parseJson(JSON.stringify(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }))),
  }
}

function parseJson(text: string): Json {
  return z.json().parse(JSON.parse(text))
}

export const treeSchemas: {
  readonly spec: DescribedSchema<TreeSpec>
  readonly state: Schema<TreeState>
  readonly memento: Schema<Memento>
  readonly part: Schema<TreePart>
  readonly out: DescribedSchema<TreeOut>
} = { spec: described(specSchema), state: stateSchema, memento: mementoSchema, part: partSchema, out: described(outSchema) }
