// Owns: the HTTP channel of `call.fx`: one request, one answer, a connection of its own, no redirects, all of it bounded.
// Never: says that a request failed when it may have arrived; never tries again.
import { closeSync, constants, openSync } from 'node:fs'
import { Agent, request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Agent as SecureAgent, request as requestHttps } from 'node:https'
import { basename, dirname } from 'node:path'
import { Fault } from '@understudy/contract'
import type { FaultData, HttpRequest, HttpResponse, Reads, Writes } from '@understudy/contract'
import { codeOf } from './system-error.ts'
import type { Recorder } from './recorder.ts'

const BODY_MAX = 1024 * 1024 // bytes, as the contract says
const SOCKET_PATH_MAX = 107 // sun_path of unix(7) is 108 bytes with its closing zero

export function httpChannel(recorder: Recorder): { readonly reads: Reads['http']; readonly writes: Writes['http'] } {
  return {
    reads: { get: (request) => exchange(recorder.signal, { ...request, method: 'GET' }, false) },
    writes: {
      async send(request) {
        const startedMs = recorder.clock.monotonic()
        const note = (result: string, bytes: number): void =>
          recorder.note({ channel: 'http', verb: request.method, target: shownUrl(request), startedMs, result, bytes })
        try {
          const response = await exchange(recorder.signal, request, request.method !== 'GET' && request.method !== 'HEAD')
          note(`HTTP ${response.status}`, response.body.length + (request.body?.length ?? 0))
          return response
        } catch (error) {
          note(error instanceof Fault ? error.fault.code : 'internal.unexpected', request.body?.length ?? 0)
          throw error
        }
      },
    },
  }
}

/** `writes`: once a connection stands, the request may have arrived, and a failure is an unknown outcome. */
async function exchange(signal: AbortSignal, request: HttpRequest, writes: boolean): Promise<HttpResponse> {
  if (signal.aborted) throw faultFor(request, 'http.cancelled', 'transient', 'The step was cancelled.', 'Nothing was sent.')
  const url = urlOf(request)
  const socket = request.socket === undefined ? null : reachable(request, request.socket)
  try {
    return await answer(signal, request, url, socket?.path ?? null, writes)
  } finally {
    socket?.close()
  }
}

function answer(signal: AbortSignal, request: HttpRequest, url: URL, socketPath: string | null, writes: boolean): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:'
    const agent = secure ? new SecureAgent({ keepAlive: false }) : new Agent({ keepAlive: false })
    let connected = false
    let settled = false
    const body = request.body === undefined ? null : Buffer.from(request.body)
    const options = {
      agent,
      method: request.method,
      headers: {
        ...(socketPath === null ? {} : { host: 'localhost' }),
        ...(body === null ? {} : { 'content-length': String(body.length) }),
        ...request.headers,
      },
      ...(socketPath === null ? {} : { socketPath }),
    }
    const settle = (act: () => void): void => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      act()
      agent.destroy()
    }
    const fail = (code: string, kind: FaultData['class'], summary: string, hint: string, detail?: string): void =>
      settle(() => {
        const unknown = writes && connected
        const note = unknown ? 'It may have arrived: look before trying again.' : hint
        reject(faultFor(request, code, unknown ? 'outcome-unknown' : kind, summary, note, detail))
        outgoing.destroy()
      })
    const timer = setTimeout(
      () => fail('http.timeout', 'transient', 'No whole answer came in time.', 'Is it overloaded?', `${request.timeoutMs} ms`),
      request.timeoutMs,
    )
    const cancel = (): void => fail('http.cancelled', 'transient', 'The step was cancelled.', 'Nothing was sent.')
    signal.addEventListener('abort', cancel, { once: true })
    const receive = (incoming: IncomingMessage): void => {
      const parts: Buffer[] = []
      let size = 0
      incoming.on('data', (part: Buffer) => {
        size += part.length
        parts.push(part)
        if (size > BODY_MAX) fail('http.too-big', 'invalid', 'The answer is bigger than 1 MiB.', 'Ask for less of it.')
      })
      incoming.on('error', (error) => fail('http.cut', 'transient', 'The answer broke off.', 'Try again.', codeOf(error)))
      incoming.on('end', () => {
        if (!incoming.complete) fail('http.cut', 'transient', 'The answer broke off.', 'Try again.')
        else settle(() => resolve({ status: incoming.statusCode ?? 0, headers: flat(incoming), body: Buffer.concat(parts) }))
      })
    }
    const outgoing = secure ? requestHttps(url, options, receive) : requestHttp(url, options, receive)
    outgoing.on('socket', (socket) =>
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        connected = true
      }),
    )
    outgoing.on('error', (error) => {
      const code = codeOf(error)
      if (['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(code))
        fail('http.refused', 'transient', 'Nobody listens there.', 'Is it running?', code)
      else if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
        fail('http.name-unknown', 'transient', 'The host name has no address now.', 'Check the name and the resolver.', code)
      else if (code === 'EACCES' || code === 'EPERM')
        fail('http.forbidden', 'forbidden', 'The socket may not be connected to.', 'Check its rights.', code)
      else fail('http.broken', 'transient', 'The connection broke.', 'Try again.', code === 'unknown' ? error.message : code)
    })
    outgoing.end(body ?? undefined)
  })
}

function flat(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return headers
}

function urlOf(request: HttpRequest): URL {
  const url = URL.canParse(request.url) ? new URL(request.url) : null
  const fits = url !== null && (url.protocol === 'http:' || url.protocol === 'https:')
  if (fits) return url
  throw new Fault({
    code: 'http.bad-url',
    class: 'invalid',
    summary: 'This is not an http or https URL.',
    detail: JSON.stringify(request.url),
    hint: 'Write http://host:port/path.',
  })
}

/** A socket whose path is too long for the kernel is reached through its folder, held open. */
function reachable(request: HttpRequest, path: string): { readonly path: string; close(): void } {
  if (Buffer.byteLength(path) <= SOCKET_PATH_MAX) return { path, close: () => undefined }
  try {
    const fd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
    return { path: `/proc/self/fd/${fd}/${basename(path)}`, close: () => closeSync(fd) }
  } catch (error) {
    throw faultFor(request, 'http.refused', 'transient', 'Nobody listens there.', 'Is it running?', codeOf(error))
  }
}

/** Without user and password: those never belong into a record. */
function shownUrl({ url, socket }: { readonly url: string; readonly socket?: string }): string {
  const clean = url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1')
  return socket === undefined ? clean : `${clean} (socket ${socket})`
}

function faultFor(request: HttpRequest, code: string, kind: FaultData['class'], summary: string, hint: string, why?: string): Fault {
  const detail = `${request.method} ${shownUrl(request)}${why === undefined ? '' : `: ${why}`}.`
  return new Fault({ code, class: kind, summary, detail, hint })
}
