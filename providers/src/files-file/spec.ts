// Owns: what a stack file may say of one file, and what is kept of it: spec, state, memento, part, outputs.
// Never: holds a secret's value, or a path that depends on who reads it.
import { posix } from 'node:path'
import { z } from 'zod'
import type { DescribedSchema, Json, Schema } from '@understudy/contract'

const digest = z.templateLiteral(['h:', z.string().regex(/^[0-9a-f]{64}$/)])
const secret = z.strictObject({ secret: z.string(), mac: digest })
const path = z
  .string()
  .min(1)
  .refine((value) => !value.includes('\0'), 'holds a zero byte')
const id = z.int().min(0).max(4_294_967_294) // 2^32 - 1 means "leave as it is" to chown

const targetPath = path
  .refine((value) => !value.split('/').includes('..'), 'leads through ".."')
  .refine((value) => !value.endsWith('/'), 'names a directory; for those there is files.tree')

const mode = z
  .string({ error: 'write it in quotes, as in mode: "0644": a bare 0644 is 644 to one reader of YAML and 420 to another' })
  .regex(/^0?[0-7]{3,4}$/, 'is not an octal mode such as "0644"')

/** Text with secrets in it; the engine has filled all other holes. */
const joined = z.strictObject({ $join: z.array(z.union([z.string(), secret])) })

const specShape = z.strictObject({
  path: targetPath,
  /** The whole content, as text. */
  content: z.union([z.string(), secret, joined]).optional(),
  /** A file to take the content from, relative to the stack file; read once, while planning. */
  source: z.union([path, z.strictObject({ from: path, digest, size: z.int().min(0) })]).optional(),
  /** Default: as it is; a new file gets 0644, or 0600 when it holds a secret. */
  mode: mode.optional(),
  /** Default: as it is; a new file belongs to who runs this. */
  owner: z.strictObject({ uid: id, gid: id }).optional(),
})

export type FileSpec = z.output<typeof specShape>

export const specSchema: DescribedSchema<FileSpec> = {
  safeParse: (value) => specShape.superRefine(oneContent).safeParse(value),
  describe: () => described(specShape),
}

function oneContent(spec: FileSpec, context: z.RefinementCtx): void {
  if ((spec.content === undefined) === (spec.source === undefined)) {
    context.addIssue({ code: 'custom', message: 'say either content or source', path: [] })
  }
}

const stateShape = z.strictObject({
  digest,
  size: z.int().min(0),
  mode: z.int().min(0).max(0o7777),
  uid: z.int(),
  gid: z.int(),
  /** Base64 by name. */
  xattrs: z.record(z.string(), z.string()).nullable(),
  /** True: it holds a secret, so it is never shown. */
  secret: z.boolean(),
})

export type FileState = z.output<typeof stateShape>
export const stateSchema: Schema<FileState> = stateShape

const count = z.string().regex(/^-?\d+$/)
const printShape = z.strictObject({
  ino: count,
  size: z.int(),
  mode: z.int(),
  uid: z.int(),
  gid: z.int(),
  mtimeNs: count,
  /** At the time of preparing. A rename changes it, so another value asks for a closer look and says nothing by itself. */
  ctimeNs: count,
})

/** Recognises a file that was not touched, without reading it. */
export type Print = z.output<typeof printShape>

const sideShape = z.strictObject({ state: stateShape, print: printShape }).nullable()
export type FileSide = z.output<typeof sideShape>

const mementoShape = z.strictObject({ key: z.string(), before: sideShape, after: sideShape })
export type FileMemento = z.output<typeof mementoShape>
export const mementoSchema: Schema<FileMemento> = mementoShape

const partShape = z.strictObject({ path: z.string() })
export type FilePart = z.output<typeof partShape>
export const partSchema: Schema<FilePart> = partShape

const outShape = z.strictObject({
  path: z.string().describe('The live file, for outsiders'),
  slot: z.string().describe('The same file, under a name that stays with it when another becomes live'),
})
export type FileOut = z.output<typeof outShape>
export const outSchema: DescribedSchema<FileOut> = {
  safeParse: (value) => outShape.safeParse(value),
  describe: () => described(outShape),
}

/** An absolute path without detours; relative ones are relative to the folder of the stack file. */
export function absolutePath(base: string, written: string): string {
  return posix.normalize(posix.isAbsolute(written) ? written : posix.join(base, written))
}

/** JSON Schema as plain JSON. */
function described(shape: z.ZodType): Json {
  const plain: Json = JSON.parse(JSON.stringify(z.toJSONSchema(shape, { io: 'input' })))
  return plain
}
