// Owns: one request: sent to the live backend, and to the other one when that is safe and the live one fails.
// Never: sends a request a second time that may have been acted on, unless its method says that twice is once.

// Refused before anything was sent: the other side gets it, whatever the method.
// Sent, and the connection broke before the head of an answer: idempotent methods with a body of at most 1 MiB go again
// (to the live one on a fresh connection if this was a kept one, then to the other side); all others are 502.
// The head of an answer has been passed on: the connection to the client is cut, so that it sees the break.

import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { endToEnd, withOrigin } from './forward-headers.ts'
import type { Backend } from './backend.ts'

const BODY_KEPT_MAX = 1024 * 1024 // bytes held to be sent again; times the number of requests at once
/** RFC 9110 section 9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

export interface Counters {
  requests: number
  errors: number
  /** Sent again to the same backend or to the other one. */
  retried: number
  /** Answered by the side that is not live. */
  byStandby: number
}

export interface Targets {
  live(): Backend | null
  standby(): Backend | null
}

interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The whole body, if it may be sent again; null: it is streamed, once. */
  readonly kept: Buffer | null
  readonly counters: Counters
}

/** `stale`: broken on a connection that was kept from before, most likely because the backend was just closing it. */
type Outcome = 'answered' | 'refused' | 'broken' | 'stale' | 'late'

export async function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  targets: Targets,
  counters: Counters,
): Promise<void> {
  counters.requests += 1
  const twice = IDEMPOTENT.has(request.method ?? '')
  const kept = twice ? await keepBody(request) : null
  if (request.destroyed && !request.complete) return
  // Chosen after the body was read: a slow sender must not reach a side that was turned away from meanwhile.
  const live = targets.live()
  if (live === null) {
    refuse(response, 503, 'no backend is live yet', { 'retry-after': '1' })
    return
  }
  const exchange: Exchange = { request, response, kept, counters }
  let outcome = await attempt(live, exchange, kept === null)
  if (outcome === 'stale') {
    counters.retried += 1
    outcome = await attempt(targets.live() ?? live, exchange, true)
  }
  if ((outcome === 'refused' || (outcome === 'broken' && kept !== null)) && live.side.retry) {
    const other = targets.live() === live ? targets.standby() : targets.live() // turned meanwhile: then the live one
    if (other !== null && other !== live) {
      counters.retried += 1
      outcome = await attempt(other, exchange, true)
      if (outcome === 'answered' && other === targets.standby()) counters.byStandby += 1
    }
  }
  if (outcome === 'answered') return
  counters.errors += 1
  if (outcome === 'late') refuse(response, 504, 'the backend did not answer in time', {})
  else refuse(response, 502, outcome === 'refused' ? 'the backend is down' : 'the backend broke the connection', {})
}

function attempt(backend: Backend, exchange: Exchange, fresh: boolean): Promise<Outcome> {
  const { request, response, kept } = exchange
  return new Promise((resolve) => {
    const headers = withOrigin(endToEnd(request.rawHeaders), request.socket.remoteAddress, request.headers.host)
    if (request.headers['transfer-encoding'] !== undefined) {
      // It was taken off as belonging to the client's connection. Node frames a GET or DELETE only when it is told to.
      if (kept === null) headers.push('transfer-encoding', 'chunked')
      else headers.push('content-length', String(kept.length))
    }
    const outgoing = backend.open(request.method ?? 'GET', request.url ?? '/', headers, fresh)
    let connected = false
    let outcome: Outcome | null = null
    const untrack = backend.track(() => {
      outgoing.destroy()
      response.destroy()
    })
    const settle = (how: Outcome): void => {
      if (outcome !== null) return
      outcome = how
      clearTimeout(timer)
      response.off('close', clientGone)
      if (how !== 'answered') untrack()
      resolve(how)
    }
    const timer = setTimeout(() => {
      settle('late')
      outgoing.destroy()
    }, backend.side.timeoutMs)
    const clientGone = (): void => {
      settle('answered') // nobody is there to be answered any more
      untrack()
      outgoing.destroy()
    }
    response.once('close', clientGone)
    outgoing.on('response', (answer) => {
      settle('answered')
      passOn(answer, response, outgoing, untrack)
    })
    outgoing.on('error', () => settle(!connected ? 'refused' : outgoing.reusedSocket ? 'stale' : 'broken'))
    outgoing.on('close', () => settle('broken'))
    outgoing.on('socket', (socket) => {
      const send = (): void => {
        connected = true
        if (kept !== null) outgoing.end(kept)
        else request.pipe(outgoing)
      }
      if (socket.connecting) socket.once('connect', send)
      else send()
    })
  })
}

function passOn(answer: IncomingMessage, response: ServerResponse, outgoing: ClientRequest, untrack: () => void): void {
  response.once('close', () => {
    untrack()
    outgoing.destroy()
  })
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders))
  response.flushHeaders()
  answer.on('error', () => response.destroy())
  answer.on('aborted', () => response.destroy())
  answer.pipe(response)
}

/** The body if it is small enough to be sent again; null when it is not: what was read is put back. */
async function keepBody(request: IncomingMessage): Promise<Buffer | null> {
  if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) return Buffer.alloc(0)
  if (Number(request.headers['content-length'] ?? 0) > BODY_KEPT_MAX) return null
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let size = 0
    const take = (part: Buffer): void => {
      parts.push(part)
      size += part.length
      if (size <= BODY_KEPT_MAX) return
      done(null)
      request.pause()
      request.unshift(Buffer.concat(parts))
    }
    const finish = (): void => done(Buffer.concat(parts))
    const broke = (): void => done(null)
    const done = (body: Buffer | null): void => {
      request.off('data', take).off('end', finish).off('close', broke)
      resolve(body)
    }
    request.on('data', take).on('end', finish).on('close', broke)
  })
}

function refuse(response: ServerResponse, status: number, why: string, headers: Record<string, string>): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  // What the client still sends is not read: the connection cannot be used again.
  response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'no-store', connection: 'close', ...headers })
  response.end(`${status}: ${why}\n`)
}
