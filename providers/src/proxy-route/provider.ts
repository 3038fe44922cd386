// Owns: the kind `proxy.route`: which backend gets the traffic of one address, by the built-in front.
// Never: turns traffic to something that does not answer (L6), unless that had it when the change began, to restore just
// that; waits while it turns.
import { canonical, Fault } from '@understudy/contract'
import type { Look, Prepared, Provider, Side, Stand } from '@understudy/contract'
import { endFront, ensureFront, flip, know, letGo } from './front-process.ts'
import { readFront, sideOf } from './front-state.ts'
import type { Front } from './front-state.ts'
import { routeFault } from './route-fault.ts'
import { homeOf, mementoSchema, outOf, outSchema, partSchema, shadowHost, specSchema, stateOf, stateSchema } from './spec.ts'
import type { RouteMemento, RouteOut, RoutePart, RouteSpec, RouteState } from './spec.ts'

const PORT_TRIES = 4 // a free port can be lost between asking and listening; four times in a row is a cause
const ACCEPT_MS = 2_000
const LATE_EXEC_MS = 50 // a front forked just before its starter was killed shows its mark only after exec

export const proxyRoute: Provider<RouteSpec, RouteState, RouteMemento, RoutePart, RouteOut> = {
  kind: 'proxy.route',
  version: 1,
  schema: { spec: specSchema, state: stateSchema, memento: mementoSchema, part: partSchema, out: outSchema },
  lasting: ['url', 'host', 'port'],
  prepares: () => 'beside',
  home: homeOf,

  async want(at, spec) {
    return { state: stateOf(spec), claims: [`tcp:${at.part.host}:${at.part.port}`] }
  },

  async read(at, _hint, call) {
    const front = await readFront(call)
    if (front.live === null) return null
    const live = liveOf(front)
    return { state: { ...live.state, running: front.running }, out: outOf(at.part), unmanaged: null, volatile: front.volatile }
  },

  async fork(from, to, live, spec, call) {
    const host = shadowHost(from.part.host)
    for (let tries = 1; ; tries += 1) {
      const part: RoutePart = { host, port: await call.fx.net.freePort(host) }
      if (live === null) return { part, out: null, fidelity: 'exact', because: '' }
      try {
        await ensureFront({ ...to, part }, call)
      } catch (error) {
        if (tries < PORT_TRIES && error instanceof Fault && error.fault.code === 'route.port-taken') continue
        throw error
      }
      const name = sideName(call.key, call)
      await know({ name, heldBy: [call.key], state: stateOf(spec) }, call)
      await flip(null, name, call)
      if (!live.running) await endFront(call)
      return { part, out: outOf(part), fidelity: 'exact', because: '' }
    }
  },

  async close(_at, call) {
    await endFront(call)
    const room = call.fx.fs.open(call.room)
    try {
      for (const { name } of room.list('')) room.remove(name)
    } finally {
      room.close()
    }
  },

  async prepare(at, from, to, call) {
    const seen = await readFront(call)
    checkFrom(seen, from)
    const before = seen.live
    const was = sideOf(seen, before)
    const stood = {
      running: from?.running ?? true,
      answered: was === null || (await answers(was.state, call)).fit,
    }
    const gone: Prepared<RouteMemento, RouteOut> = {
      memento: { key: call.key, before, after: null, stood },
      out: null,
      reversal: 'switch',
      bytesHeld: 0,
      losses: [],
    }
    if (to === null && !seen.running && before === null) return gone
    const front = await ensureFront(at, call)
    const live = sideOf(front, before)
    if (live !== null && !live.heldBy.includes(call.key)) await know({ ...live, heldBy: [...live.heldBy, call.key] }, call)
    if (to === null) return gone
    await checkBackend(to, call)
    const after = sideName(call.key, call)
    await know({ name: after, heldBy: [call.key], state: to }, call)
    return { ...gone, memento: { ...gone.memento, after }, out: outOf(at.part) }
  },

  async look(_at, memento, depth, call) {
    return standOf(await readFront(call), memento, depth, call)
  },

  async turn(at, memento, to, call) {
    const { before, after, stood } = memento
    const [target, left] = to === 'after' ? [after, before] : [before, after]
    const seen = await readFront(call)
    // Absent and ended already: there is nothing to start for.
    if (target === null && seen.live === null && !seen.running) return standOf(seen, memento, 'quick', call)
    const ended = to === 'before' && !stood.running
    if (ended && !seen.running && seen.live === target) return standOf(seen, memento, 'quick', call)
    const front = seen.running ? seen : await ensureFront(at, call)
    if (front.live !== target) {
      if (front.live !== left) throw routeFault('route.changed', `it leads to ${front.live ?? 'nothing'}`)
      if (target !== null) {
        const side = sideOf(front, target)
        if (side === null) throw routeFault('route.standby-gone', `side ${target}`)
        if (to === 'after' || stood.answered) await checkBackend(side.state, call)
      }
      await flip(left, target, call)
    }
    if (ended) await endFront(call)
    return standOf(await readFront(call), memento, 'quick', call)
  },

  async release(at, memento, call) {
    const holder = memento?.key ?? call.key
    if (memento === null) await call.fx.time.wait(LATE_EXEC_MS)
    const seen = await readFront(call)
    if (seen.sides.some(({ heldBy }) => heldBy.includes(holder))) {
      if (!seen.running) await ensureFront(at, call)
      await letGo(holder, call)
    }
    const left = await readFront(call)
    // Nothing leads anywhere and nobody may want it back: the address is given free.
    if (left.live === null && left.sides.length === 0) await endFront(call)
  },

  probing: {
    async probe(at, call) {
      const front = await readFront(call)
      const where = outOf(at.part)
      if (!front.running) return { fit: false, detail: 'the front is not running' }
      if (front.live === null) return { fit: false, detail: `${where.url} leads nowhere` }
      return answers({ ...liveOf(front).state, to: where.url }, call)
    },
  },

  mortal: {
    ended: (left, now) => left.running && !now.running && canonical({ ...now, running: true }) === canonical(left),
    async revive(at, call) {
      await ensureFront(at, call)
    },
  },
}

function sideName(key: string, call: Look): string {
  return call.name(Buffer.from(key)).slice(2, 26)
}

function liveOf(front: Front) {
  const live = sideOf(front, front.live)
  if (live === null) throw routeFault('route.state-lost', `side ${front.live ?? ''}`)
  return live
}

function checkFrom(front: Front, from: RouteState | null): void {
  if (front.live === null || from === null) {
    if (front.live === null && from === null) return
    throw routeFault('route.changed', from === null ? 'it leads somewhere already' : 'it leads nowhere')
  }
  const { state } = liveOf(front)
  // Whether the front runs may differ: that is not somebody else's edit.
  if (canonical({ ...state, running: true }) !== canonical({ ...from, running: true }))
    throw routeFault('route.changed', `it leads to ${state.to}`)
}

async function standOf(front: Front, { before, after, stood }: RouteMemento, depth: 'quick' | 'full', call: Look): Promise<Stand> {
  const side: Side | 'other' = front.live === before ? 'before' : front.live === after ? 'after' : 'other'
  const name = side === 'after' ? before : after
  const other = sideOf(front, name)
  const late = depth === 'full' ? { late: [] } : {}
  if (name === null) return { side, standby: 'fit', ...late }
  // A front that had ended is restored as that, which is no undo for anybody.
  if (other === null || (side === 'after' && !stood.running)) return { side, standby: 'gone', ...late }
  return { side, standby: (await answers(other.state, call)).fit ? 'fit' : 'gone', ...late }
}

/** L6: traffic goes only to something that answers. */
async function checkBackend(state: RouteState, call: Look): Promise<void> {
  const { fit, detail } = await answers(state, call)
  if (!fit) throw routeFault('route.backend-unfit', detail)
}

async function answers({ to, health }: RouteState, call: Look): Promise<{ readonly fit: boolean; readonly detail: string }> {
  const { hostname, port } = new URL(to)
  if (health === null) {
    const fit = await call.fx.net.accepts(hostname.replace(/^\[|\]$/g, ''), Number(port || 80), ACCEPT_MS)
    return { fit, detail: `${to} ${fit ? 'accepts connections' : 'accepts no connection'}` }
  }
  const url = `${to}${health.path}`
  try {
    const { status } = await call.fx.http.get({ url, timeoutMs: health.timeoutMs })
    const fit = status === health.expectStatus
    return { fit, detail: `${url} answers ${status}${fit ? '' : `, not ${health.expectStatus}`}` }
  } catch (error) {
    if (call.signal.aborted || !(error instanceof Fault)) throw error
    return { fit: false, detail: `${url}: ${error.fault.code}` }
  }
}
