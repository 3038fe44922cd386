// Owns: what a stack file may say of a service, and what is kept of it: spec, state, memento, part, outputs.
// Never: holds a port that was chosen, a pid or a path of the room in a state: those differ between worlds.
import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { DescribedSchema, Json, Schema } from '@understudy/contract'

const digest = z.templateLiteral(['h:', z.string().regex(/^[0-9a-f]{64}$/)])
const secret = z.strictObject({ secret: z.string(), mac: digest })
const text = z.string().refine((value) => !value.includes('\0'), 'holds a zero byte')
const path = text.min(1)
const port = z.int().min(1).max(65_535)
/** No hour-long waits by a slip of the keyboard: an engine call is bounded too. */
const ms = z.int().min(1).max(3_600_000)
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not a name of an environment variable')
const envValue = z.union([text, z.number().transform(String), z.boolean().transform(String), secret])

const health = z.strictObject({
  /** Path and query to GET; the answer must be `expectStatus`. */
  http: z.string().startsWith('/').optional(),
  /** True: a connection that opens is enough. */
  tcp: z.boolean().optional(),
  expectStatus: z.int().min(100).max(599).default(200),
  timeoutMs: ms.default(2_000),
  startWithinMs: ms.default(30_000),
  everyMs: ms.default(50),
})

const stop = z.strictObject({
  signal: z.enum(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']).default('SIGTERM'),
  graceMs: z.int().min(0).max(3_600_000).default(10_000),
})

const user = z.strictObject({ uid: z.int().min(0), gid: z.int().min(0) })
const limits = z.strictObject({ nofile: z.int().min(16).optional(), memoryBytes: z.int().min(1_048_576).optional() })

const specShape = z.strictObject({
  command: z
    .array(text)
    .min(1)
    .refine((words) => words[0] !== '', 'the first word is the program'),
  /** Relative to `code` where there is one, else to the stack file. */
  cwd: path.optional(),
  /** A file or folder that is kept in the store and started from a copy, so that the old version can be started again. */
  code: z.union([path, z.strictObject({ from: z.string(), digest })]).optional(),
  env: z.record(envName, envValue).default({}),
  /** Variable → directory or file, handed over open: the variable holds `/proc/self/fd/N`. */
  dirs: z.record(envName, path).default({}),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.union([z.literal('auto'), port]).default('auto'),
  portEnv: envName.default('PORT'),
  health: health.optional(),
  beside: z.enum(['yes', 'no']).optional(),
  standby: z.enum(['running', 'stopped', 'paused']).default('running'),
  stop: stop.prefault({}),
  user: user.optional(),
  limits: limits.optional(),
})

export type ServiceSpec = z.output<typeof specShape>

export const specSchema: DescribedSchema<ServiceSpec> = {
  safeParse: (value) => specShape.superRefine(checkNames).safeParse(value),
  describe: () => describe(specShape),
}

const stateShape = z.strictObject({
  command: z.array(z.string()),
  cwd: z.string().nullable(),
  code: digest.nullable(),
  env: z.record(z.string(), z.union([z.string(), secret])),
  dirs: z.record(z.string(), z.string()),
  host: z.string(),
  port: z.union([z.literal('auto'), port]),
  portEnv: z.string(),
  health: z
    .strictObject({ http: z.string().nullable(), expectStatus: z.int(), timeoutMs: z.int(), startWithinMs: z.int(), everyMs: z.int() })
    .nullable(),
  beside: z.enum(['yes', 'no']),
  standby: z.enum(['running', 'stopped', 'paused']),
  stop: z.strictObject({ signal: z.enum(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']), graceMs: z.int() }),
  user: user.nullable(),
  limits: z.strictObject({ nofile: z.int().nullable(), memoryBytes: z.int().nullable() }),
  /** False: it is the live one and has ended by itself. Never wanted, only seen. */
  running: z.boolean(),
})

export type ServiceState = z.output<typeof stateShape>
export const stateSchema: Schema<ServiceState> = stateShape

/**
 * One side: the instance that stands for it, whether it lived when the step was prepared (`state.running`), and whether it
 * answered then. What did not is restored as it was, and never what a flip leads to.
 */
const sideShape = z.strictObject({ instance: z.string(), state: stateShape, answered: z.boolean().default(true) }).nullable()

const mementoShape = z.strictObject({
  key: z.string(),
  mode: z.enum(['beside', 'in-place']),
  before: sideShape,
  after: sideShape,
})

export type ServiceMemento = z.output<typeof mementoShape>
export type InstanceSide = z.output<typeof sideShape>
export const mementoSchema: Schema<ServiceMemento> = mementoShape

/** `free`: a port that the spec fixes is taken by the original; each instance here gets a free one instead. */
const partShape = z.strictObject({ ports: z.enum(['as-written', 'free']) })
export type ServicePart = z.output<typeof partShape>
export const partSchema: Schema<ServicePart> = partShape

const outShape = z.strictObject({ port, host: z.string(), url: z.string() })
export type ServiceOut = z.output<typeof outShape>
export const outSchema: DescribedSchema<ServiceOut> = {
  safeParse: (value) => outShape.safeParse(value),
  describe: () => describe(outShape),
}

/** A fixed port cannot be had twice, so the old one has to go first. */
export function besideOf({ beside, port: wanted }: ServiceSpec): 'yes' | 'no' {
  return beside ?? (wanted === 'auto' ? 'yes' : 'no')
}

/** The state that a spec asks for. `code` has been frozen. */
export function stateOf(spec: ServiceSpec, code: ServiceState['code']): ServiceState {
  const { command, env, dirs, host, portEnv, standby, stop: ending } = spec
  return {
    command,
    cwd: spec.cwd ?? null,
    code,
    env,
    dirs,
    host,
    port: spec.port,
    portEnv,
    health: spec.health === undefined ? null : healthOf(spec.health),
    beside: besideOf(spec),
    standby,
    stop: ending,
    user: spec.user ?? null,
    limits: { nofile: spec.limits?.nofile ?? null, memoryBytes: spec.limits?.memoryBytes ?? null },
    running: true,
  }
}

function healthOf({ http, expectStatus, timeoutMs, startWithinMs, everyMs }: z.output<typeof health>): ServiceState['health'] {
  return { http: http ?? null, expectStatus, timeoutMs, startWithinMs, everyMs }
}

function checkNames(spec: ServiceSpec, context: z.RefinementCtx): void {
  const add = (message: string, ...where: string[]): void => context.addIssue({ code: 'custom', message, path: where })
  for (const name of Object.keys(spec.dirs)) if (name in spec.env) add(`env sets ${name} as well`, 'dirs', name)
  if (spec.portEnv in spec.env) add('this variable is set to the port: see portEnv', 'env', spec.portEnv)
  if (spec.port !== 'auto' && spec.beside === 'yes')
    add('two cannot have one fixed port: say port: auto, and put a proxy.route in front', 'beside')
  if (MARK in spec.env || MARK in spec.dirs) add(`${MARK} is set for every instance`, 'env', MARK)
  if (spec.health?.http !== undefined && spec.health.tcp === true) add('http already includes tcp', 'health', 'tcp')
  if (spec.health !== undefined && spec.health.http === undefined && spec.health.tcp !== true) add('say http: /path or tcp: true', 'health')
  if (spec.code !== undefined && spec.cwd !== undefined && isAbsolute(spec.cwd)) add('with code it is relative to the code', 'cwd')
  if (spec.cwd?.split('/').includes('..') === true && spec.code !== undefined) add('leads out of the code', 'cwd')
}

/** In the environment of every instance: it is found by this when a kill lost its record. */
export const MARK = 'UNDERSTUDY_INSTANCE'

/** JSON Schema as plain JSON. */
function describe(shape: z.ZodType): Json {
  const plain: Json = JSON.parse(JSON.stringify(z.toJSONSchema(shape, { io: 'input' })))
  return plain
}
