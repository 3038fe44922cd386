// Owns: what the front says of itself, parsed: over its socket while it is there, from its file when it is not.
// Never: changes anything.
import { z } from 'zod'
import { Fault } from '@understudy/contract'
import type { Json, Look } from '@understudy/contract'
import { routeFault } from './route-fault.ts'
import { stateSchema } from './spec.ts'
import type { RouteState } from './spec.ts'

export const SOCKET = 'control.sock'
const STATE_FILE = 'front.json' // as front/routing.ts writes it
export const CONTROL_MS = 5_000 // an answer takes well under a millisecond; a machine out of breath some hundred

const sideShape = z.object({ name: z.string(), to: z.string(), heldBy: z.array(z.string()), state: z.unknown() })
const routingShape = z.object({
  generation: z.int(),
  live: z.string().nullable(),
  standby: z.string().nullable(),
  sides: z.array(sideShape),
})
const answerShape = z.object({ routing: routingShape, volatile: z.record(z.string(), z.number()) })

export interface FrontSide {
  readonly name: string
  readonly heldBy: readonly string[]
  readonly state: RouteState
}

export interface Front {
  readonly running: boolean
  readonly live: string | null
  readonly sides: readonly FrontSide[]
  readonly volatile: Json
}

/** Where the front stands. One that never was has no side. */
export async function readFront(call: Look): Promise<Front> {
  const answer = await ask(call)
  if (answer !== null) return front(answer.routing, true, answer.volatile)
  const found = fromFile(call)
  return found === null ? { running: false, live: null, sides: [], volatile: null } : front(found, false, null)
}

export function sideOf({ sides }: Front, name: string | null): FrontSide | null {
  return sides.find((side) => side.name === name) ?? null
}

/** Null when nobody listens. */
async function ask(call: Look): Promise<z.output<typeof answerShape> | null> {
  let response
  try {
    response = await call.fx.http.get({ url: 'http://front/state', socket: `${call.room}/${SOCKET}`, timeoutMs: CONTROL_MS })
  } catch (error) {
    if (!(error instanceof Fault) || call.signal.aborted) throw error
    if (error.fault.code === 'http.refused') return null
    // It went while it was asked: then it is not there. Otherwise it is there and mute.
    if (error.fault.code !== 'http.timeout') return null
    throw routeFault('route.silent', error.fault.detail)
  }
  const found = answerShape.safeParse(parsed(response.body))
  if (response.status !== 200 || !found.success) throw routeFault('route.state-lost', `it answers ${response.status}`)
  return found.data
}

function fromFile(call: Look): z.output<typeof routingShape> | null {
  let dir
  try {
    dir = call.fx.fs.open(call.room)
  } catch (error) {
    if (error instanceof Fault && error.fault.class === 'conflict') return null
    throw error
  }
  try {
    if (dir.stat(STATE_FILE) === null) return null
    const found = routingShape.safeParse(parsed(dir.read(STATE_FILE)))
    if (!found.success) throw routeFault('route.state-lost', `${call.room}/${STATE_FILE}`)
    return found.data
  } finally {
    dir.close()
  }
}

function front(routing: z.output<typeof routingShape>, running: boolean, volatile: Json): Front {
  const sides = routing.sides.map(({ name, heldBy, state }) => {
    const found = stateSchema.safeParse(state)
    if (!found.success) throw routeFault('route.state-lost', `side ${name}`)
    return { name, heldBy, state: found.data }
  })
  return { running, live: routing.live, sides, volatile }
}

export function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return null
  }
}
