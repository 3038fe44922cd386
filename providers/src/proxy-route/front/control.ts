// Owns: what may be asked of the front over its control socket: its state, sides, and the flip.
// Never: listens on a network.
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Routing, Side } from './routing.ts'

const BODY_MAX = 256 * 1024 // bytes: a side and its state are far smaller

export function createControl(routing: Routing, volatile: () => unknown): Server {
  return createServer((request, response) => {
    void bodyOf(request).then(
      (body) => answer(routing, volatile, request, body, response),
      (error: unknown) => send(response, 400, { error: String(error) }),
    )
  })
}

function answer(routing: Routing, volatile: () => unknown, request: IncomingMessage, body: unknown, response: ServerResponse): void {
  const asked = `${request.method} ${request.url}`
  const given: Record<string, unknown> = typeof body === 'object' && body !== null ? { ...body } : {}
  const done = (well: boolean): void => send(response, well ? 200 : 409, routing.get())
  try {
    if (asked === 'GET /state') {
      send(response, 200, { routing: routing.get(), volatile: volatile() })
      return
    }
    if (asked === 'POST /know' && isSide(body)) {
      done(routing.know(body))
      return
    }
    const { from, to, holder } = given
    if (asked === 'POST /flip' && isName(from) && isName(to)) {
      done(routing.flip(from, to))
      return
    }
    if (asked === 'POST /let-go' && typeof holder === 'string') {
      routing.letGo(holder)
      done(true)
      return
    }
    send(response, 400, { error: `not understood: ${asked}` })
  } catch (error) {
    // The disk is full, most likely: nothing was flipped.
    send(response, 500, { error: String(error) })
  }
}

function isName(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isSide(value: unknown): value is Side {
  if (typeof value !== 'object' || value === null) return false
  const side: Record<string, unknown> = { ...value }
  return (
    typeof side['name'] === 'string' &&
    typeof side['to'] === 'string' &&
    URL.canParse(side['to']) &&
    typeof side['retry'] === 'boolean' &&
    Number.isSafeInteger(side['timeoutMs']) &&
    Number.isSafeInteger(side['drainMs']) &&
    Array.isArray(side['heldBy'])
  )
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request) {
    if (!Buffer.isBuffer(part)) continue
    parts.push(part)
    size += part.length
    if (size > BODY_MAX) throw new Error('too big')
  }
  return size === 0 ? null : JSON.parse(Buffer.concat(parts).toString('utf8'))
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
