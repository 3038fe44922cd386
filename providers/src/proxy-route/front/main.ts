// Owns: the front as a program: `node main.ts HOST PORT`, started in its room. Listens on one address for traffic and on
// a unix socket in the room for control. It outlives whoever started it.
// Never: two at once in one room: the address is bound first, and who cannot have it touches nothing.
import { chmodSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { openBackend } from './backend.ts'
import type { Backend } from './backend.ts'
import { createControl } from './control.ts'
import { forwardRequest } from './forward-request.ts'
import type { Counters, Targets } from './forward-request.ts'
import { forwardUpgrade } from './forward-upgrade.ts'
import { openRouting } from './routing.ts'
import type { Side } from './routing.ts'

const SOCKET = 'control.sock' // relative to the room, so that its length does not matter
const KEEP_ALIVE_MS = 75_000 // longer than common clients and balancers keep an idle connection, so that they close first

const [host = '', port = ''] = process.argv.slice(2)
const counters: Counters = { requests: 0, errors: 0, retried: 0, byStandby: 0 }
let live: Backend | null = null
let standby: Backend | null = null

const routing = openRouting((_from, to) => {
  live?.drain()
  live = to === null ? null : openBackend(to)
})
const sideNamed = (name: string | null): Side | null => routing.get().sides.find((side) => side.name === name) ?? null
const first = sideNamed(routing.get().live)
live = first === null ? null : openBackend(first)

const targets: Targets = {
  live: () => live,
  standby() {
    const side = sideNamed(routing.get().standby)
    if (side === null || side.name === live?.side.name) return null
    if (standby?.side !== side) standby = openBackend(side)
    return standby
  },
}

const traffic = createServer((request, response) => {
  forwardRequest(request, response, targets, counters).catch((error: unknown) => {
    note(error)
    response.destroy()
  })
})
traffic.on('upgrade', (request, socket, head) => forwardUpgrade(request, socket, head, targets, counters))
traffic.keepAliveTimeout = KEEP_ALIVE_MS
traffic.requestTimeout = 0 // an upload may take as long as it takes; headers are limited by headersTimeout

const control = createControl(routing, () => ({ pid: process.pid, ...counters, liveRequests: live?.requests ?? 0 }))

traffic.once('error', (error) => {
  note(error)
  process.exit('code' in error && error.code === 'EADDRINUSE' ? 98 : 1) // 98 is EADDRINUSE
})
traffic.listen({ host, port: Number(port) }, () => {
  rmSync(SOCKET, { force: true }) // of one that was killed: nobody else can be here, the address is ours
  control.listen(SOCKET, () => chmodSync(SOCKET, 0o600))
})

// One odd request must not take all the others down.
process.on('uncaughtException', note)
process.on('unhandledRejection', note)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)

/** Lets what is under way end, within the drain time of the live side. */
function stop(): void {
  control.close()
  traffic.close(() => process.exit(0))
  traffic.closeIdleConnections()
  setTimeout(() => process.exit(0), Math.min(live?.side.drainMs ?? 0, 5_000)).unref()
}

function note(error: unknown): void {
  writeSync(2, `${new Date().toISOString()} ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
}
