// Owns: connections that change their protocol (WebSocket): the request goes to the live backend, then both ends are joined.
// Never: looks at what flows.
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Backend } from './backend.ts'
import { endToEnd, withOrigin } from './forward-headers.ts'
import type { Counters, Targets } from './forward-request.ts'

export function forwardUpgrade(request: IncomingMessage, client: Duplex, head: Buffer, targets: Targets, counters: Counters): void {
  counters.requests += 1
  client.on('error', () => client.destroy())
  const live = targets.live()
  if (live === null) {
    endWith(client, 503)
    return
  }
  const fail = (): void => {
    counters.errors += 1
    endWith(client, 502)
  }
  join(live, request, client, head, () => {
    const other = live.side.retry && targets.live() === live ? targets.standby() : null
    if (other === null) {
      fail()
      return
    }
    counters.retried += 1
    join(other, request, client, head, fail)
  })
}

/** `refused` is called when nothing came back, so that another backend may be asked. */
function join(backend: Backend, request: IncomingMessage, client: Duplex, head: Buffer, refused: () => void): void {
  const headers = withOrigin(endToEnd(request.rawHeaders), addressOf(client), request.headers.host)
  headers.push('connection', 'Upgrade', 'upgrade', request.headers.upgrade ?? '')
  const outgoing = backend.open(request.method ?? 'GET', request.url ?? '/', headers, true)
  const untrack = backend.track(() => {
    outgoing.destroy()
    client.destroy()
  })
  client.once('close', () => {
    untrack()
    outgoing.destroy()
  })
  let answered = false
  outgoing.on('upgrade', (answer, socket, rest) => {
    answered = true
    client.write(headOf(answer, answer.rawHeaders))
    if (rest.length > 0) client.write(rest)
    if (head.length > 0) socket.write(head)
    socket.on('error', () => client.destroy())
    socket.on('close', () => client.destroy())
    client.on('close', () => socket.destroy())
    socket.pipe(client)
    client.pipe(socket)
  })
  outgoing.on('response', (answer) => {
    answered = true
    client.write(headOf(answer, [...endToEnd(answer.rawHeaders), 'connection', 'close']))
    answer.on('error', () => client.destroy())
    answer.pipe(client)
  })
  outgoing.on('error', () => {
    untrack()
    if (answered) client.destroy()
    else refused()
  })
  outgoing.end()
}

function headOf({ statusCode = 502, statusMessage }: IncomingMessage, raw: readonly string[]): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage ?? ''}`]
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push(`${raw[at]}: ${raw[at + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

function endWith(client: Duplex, status: number): void {
  client.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

function addressOf(client: Duplex): string | undefined {
  return 'remoteAddress' in client && typeof client.remoteAddress === 'string' ? client.remoteAddress : undefined
}
