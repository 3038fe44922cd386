// Owns: the connections to one backend while it is the live one: kept alive, and drained after it was turned away from.
// Never: decides where a request goes.
import { Agent, request } from 'node:http'
import type { ClientRequest, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Side } from './routing.ts'

const IDLE_MAX = 64 // connections kept for the next request; more are closed after use
const CONNECT_MS = 2_000 // a backend of ours is near; who does not take a connection for so long is down

export interface Backend {
  readonly side: Side
  /** `fresh`: on a connection of its own, so that it cannot meet one that the backend is just closing. */
  open(method: string, path: string, headers: OutgoingHttpHeaders | readonly string[], fresh: boolean): ClientRequest
  /** Something under way that is cut when draining is over. Gives the function that ends this. */
  track(end: () => void): () => void
  /** No new requests come: idle connections close now, busy ones after use, and all that is left after `drainMs`. */
  drain(): void
  readonly requests: number
}

export function openBackend(side: Side): Backend {
  const { hostname, port } = new URL(side.to)
  const host = hostname.replace(/^\[|\]$/g, '')
  const agent = new Agent({ keepAlive: true, maxFreeSockets: IDLE_MAX, scheduling: 'lifo' })
  const underWay = new Set<() => void>()
  let requests = 0
  return {
    side,
    get requests() {
      return requests
    },
    open(method, path, headers, fresh) {
      requests += 1
      const outgoing = request({ agent: fresh ? false : agent, host, port: Number(port || 80), method, path, headers, setHost: false })
      outgoing.on('socket', (socket: Socket) => {
        if (!socket.connecting) return
        socket.setNoDelay(true)
        const timer = setTimeout(() => outgoing.destroy(new Error('connecting took too long')), CONNECT_MS)
        socket.once('connect', () => clearTimeout(timer))
        socket.once('close', () => clearTimeout(timer))
      })
      return outgoing
    },
    track(end) {
      underWay.add(end)
      return () => void underWay.delete(end)
    },
    drain() {
      agent.maxFreeSockets = 0
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
      setTimeout(() => {
        for (const end of underWay) end()
        agent.destroy()
      }, side.drainMs).unref()
    },
  }
}
