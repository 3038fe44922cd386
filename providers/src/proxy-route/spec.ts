// Owns: what a stack file may say of a route, and what is kept of it: spec, state, memento, part, outputs.
// Never: holds the address that is listened on in a state: it is where the route is, not what it does.
import { z } from 'zod'
import type { DescribedSchema, Json, Schema } from '@understudy/contract'

const port = z.int().min(1).max(65_535)
const host = z.string().regex(/^[A-Za-z0-9.:_-]+$/, 'is not a host name or address')
const ms = z.int().min(1).max(3_600_000)
const DEFAULT_HOST = '127.0.0.1' // to be reached from elsewhere is something to ask for

const backend = z.string().superRefine((value, context) => {
  const problem = backendProblem(value)
  if (problem !== null) context.addIssue({ code: 'custom', message: problem })
})

const health = z.strictObject({
  path: z.string().startsWith('/'),
  expectStatus: z.int().min(100).max(599).default(200),
  timeoutMs: ms.default(2_000),
})

const specShape = z.strictObject({
  /** Port on 127.0.0.1, or address and port. */
  listen: z.union([port, z.strictObject({ host: host.default(DEFAULT_HOST), port })]),
  /** `http://host:port` of the backend: `${service.url}`. */
  to: backend,
  /** Asked of the backend before traffic is turned to it, and through the front when it is probed. */
  health: z.union([z.string().startsWith('/'), health]).optional(),
  /** Requests that can safely be sent twice are answered by the other side when the live one fails. */
  retry: z.boolean().default(true),
  /** Time for the head of an answer, ms. */
  timeoutMs: ms.default(60_000),
  /** Time that what is under way gets on a backend that was turned away from, ms. */
  drainMs: z.int().min(0).max(3_600_000).default(30_000),
})
export type RouteSpec = z.output<typeof specShape>
export const specSchema: DescribedSchema<RouteSpec> = {
  safeParse: (value) => specShape.safeParse(value),
  describe: () => describe(specShape),
}

const stateShape = z.strictObject({
  to: z.string(),
  health: z.strictObject({ path: z.string(), expectStatus: z.int(), timeoutMs: z.int() }).nullable(),
  retry: z.boolean(),
  timeoutMs: z.int(),
  drainMs: z.int(),
  /** False: the front has ended by itself. Never wanted, only seen. */
  running: z.boolean(),
})
export type RouteState = z.output<typeof stateShape>
export const stateSchema: Schema<RouteState> = stateShape

const mementoShape = z.strictObject({
  key: z.string(),
  before: z.string().nullable(),
  after: z.string().nullable(),
  /** What the before side was worth when it was live: its front ran, its backend answered. Restored as it was, never flipped to. */
  stood: z.strictObject({ running: z.boolean(), answered: z.boolean() }).default({ running: true, answered: true }),
})
export type RouteMemento = z.output<typeof mementoShape>
export const mementoSchema: Schema<RouteMemento> = mementoShape

const partShape = z.strictObject({ host: z.string(), port })
export type RoutePart = z.output<typeof partShape>
export const partSchema: Schema<RoutePart> = partShape

const outShape = z.strictObject({ url: z.string(), host: z.string(), port })
export type RouteOut = z.output<typeof outShape>
export const outSchema: DescribedSchema<RouteOut> = { safeParse: (value) => outShape.safeParse(value), describe: () => describe(outShape) }

export function homeOf({ listen }: RouteSpec): RoutePart {
  return typeof listen === 'number' ? { host: DEFAULT_HOST, port: listen } : { host: listen.host, port: listen.port }
}

export function stateOf({ to, health: asked, retry, timeoutMs, drainMs }: RouteSpec): RouteState {
  const check = typeof asked === 'string' ? { path: asked, expectStatus: 200, timeoutMs: 2_000 } : (asked ?? null)
  return { to: new URL(to).origin, health: check, retry, timeoutMs, drainMs, running: true }
}

/** Where one gets through to it from this machine: all addresses at once are no address to connect to. */
export function outOf({ host: listening, port: at }: RoutePart): RouteOut {
  const reached = listening === '0.0.0.0' ? DEFAULT_HOST : listening === '::' ? '::1' : listening
  return { url: `http://${reached.includes(':') ? `[${reached}]` : reached}:${at}`, host: reached, port: at }
}

/** A shadow is nobody else's: on the loopback of the same family. */
export function shadowHost(listening: string): string {
  return listening.includes(':') ? '::1' : DEFAULT_HOST
}

/** Parsed as late as it has to be: while planning, `to` is often a reference without a value yet. */
function backendProblem(value: string): string | null {
  if (!URL.canParse(value)) return 'is not a URL'
  const url = new URL(value)
  if (url.protocol !== 'http:') return 'is not http: backends are reached without TLS'
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return 'has a path: the path of a request is passed on as it is'
  if (url.username !== '' || url.password !== '') return 'holds a user'
  return null
}

function describe(shape: z.ZodType): Json {
  const plain: Json = JSON.parse(JSON.stringify(z.toJSONSchema(shape, { io: 'input' })))
  return plain
}
