// Owns: what a stack file may say of a command, and what is kept of it: spec, state, memento, part, outputs.
// Never: holds a secret's value.
import { posix } from 'node:path'
import { z } from 'zod'
import type { DescribedSchema, Json, Schema } from '@understudy/contract'

const digest = z.templateLiteral(['h:', z.string().regex(/^[0-9a-f]{64}$/)])
const secret = z.strictObject({ secret: z.string(), mac: digest })
const joined = z.strictObject({ $join: z.array(z.union([z.string(), secret])) })
const text = z.string().refine((value) => !value.includes('\0'), 'holds a zero byte')
const path = text.min(1).refine((value) => !value.split('/').includes('..'), 'leads through ".."')
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name of an environment variable')
const envValue = z.union([text, z.number().transform(String), z.boolean().transform(String), secret, joined])
const argv = z
  .array(text)
  .min(1)
  .refine((words) => words[0] !== '', 'the first word is the program')

/** What the one run in the sandbox came to. */
const ranShape = z.strictObject({
  exitCode: z.int(),
  stdout: digest,
  stderr: digest,
  durationMs: z.number(),
  /** What it changed, before and after, path by path. */
  diff: digest,
  /** What dependents may refer to. */
  run: digest,
})

const specShape = z.strictObject({
  /** Program and arguments. No shell, unless you write ["sh", "-c", "…"]. */
  command: argv,
  /** Default: the folder of the stack file. */
  cwd: path.optional(),
  env: z.record(envName, envValue).default({}),
  /** The directories it may change; everything else is read-only to it. Relative to the stack file. */
  writes: z.array(path).default([]),
  timeoutMs: z.int().min(1).max(3_600_000).default(60_000),
  /** False: it has no network but its own loopback. */
  network: z.boolean().default(false),
  /** The command is not run when this is there already. */
  creates: path.optional(),
  /** `none`: it runs on the real thing when the change is applied, untried. */
  confine: z.enum(['overlay', 'none']).default('overlay'),
  /** With `confine: none`: what undoes it. */
  undo: argv.optional(),
  /** What it does that is not files, in words. It is not undone, and has to be accepted by these words. */
  effects: z.array(z.string().min(1)).default([]),
  /** Put in while planning. */
  ran: ranShape.optional(),
})

export type CommandSpec = z.output<typeof specShape>

export const specSchema: DescribedSchema<CommandSpec> = {
  safeParse: (value) => specShape.superRefine(fitsTogether).safeParse(value),
  describe: () => described(specShape),
}

function fitsTogether(spec: CommandSpec, context: z.RefinementCtx): void {
  const add = (message: string, ...where: string[]): void => context.addIssue({ code: 'custom', message, path: where })
  if (spec.confine === 'overlay' && spec.writes.length === 0) add('name the directories that it may change', 'writes')
  if (spec.confine === 'overlay' && spec.undo !== undefined) add('what a confined command changes is undone without it', 'undo')
  if (spec.confine === 'none' && spec.network) add('an unconfined command has all there is', 'network')
}

/** A command as it runs on the real thing, for `confine: none`. */
const bareShape = z.strictObject({
  command: argv,
  cwd: z.string(),
  env: z.record(z.string(), z.union([z.string(), secret, joined])),
  timeoutMs: z.int(),
  undo: argv.nullable(),
})

export type Bare = z.output<typeof bareShape>

const stateShape = z.strictObject({
  /** Entries of all paths that this resource ever changed, as they are. */
  paths: digest,
  /** The same paths as they were before the first run: what deleting the resource goes back to. */
  origin: digest,
  /** Exit code and output. */
  run: digest,
  effects: z.array(z.string()),
  /** True: it was given secrets, so no content is shown. */
  secret: z.boolean(),
  bare: bareShape.nullable(),
})

export type CommandState = z.output<typeof stateShape>
export const stateSchema: Schema<CommandState> = stateShape

/** What is remembered in a world: that it ran, and where the paths are listed. What is there is read from the files. */
const recordShape = z.strictObject({
  origin: digest,
  run: digest,
  effects: z.array(z.string()),
  secret: z.boolean(),
  bare: bareShape.nullable(),
  /** The step that made it so. */
  by: z.string(),
  /** An unconfined command that has begun and is not known to have ended. */
  begun: z.boolean(),
})

export type RunRecord = z.output<typeof recordShape>
export const recordSchema: Schema<RunRecord> = recordShape

const mementoShape = z.strictObject({
  key: z.string(),
  /** The steps path by path, in the store. */
  edits: digest,
  before: recordShape.nullable(),
  after: recordShape.nullable(),
})

export type CommandMemento = z.output<typeof mementoShape>
export const mementoSchema: Schema<CommandMemento> = mementoShape

const partShape = z.strictObject({
  /** What paths are relative to: `` for the real ones. */
  root: z.string(),
  /** False: an unconfined command is only taken note of. */
  runs: z.boolean(),
})

export type CommandPart = z.output<typeof partShape>
export const partSchema: Schema<CommandPart> = partShape

const outShape = z.strictObject({ exitCode: z.int(), stdout: z.string() })
export type CommandOut = z.output<typeof outShape>
export const outSchema: DescribedSchema<CommandOut> = {
  safeParse: (value) => outShape.safeParse(value),
  describe: () => described(outShape),
}

/** An absolute path without detours and without a slash at its end. */
export function absolutePath(base: string, written: string): string {
  const path = posix.normalize(posix.isAbsolute(written) ? written : posix.join(base, written))
  return path === '/' ? path : path.replace(/\/$/, '')
}

/** JSON Schema as plain JSON. */
function described(shape: z.ZodType): Json {
  const plain: Json = JSON.parse(JSON.stringify(z.toJSONSchema(shape, { io: 'input' })))
  return plain
}
