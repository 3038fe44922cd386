// Owns: the kind `process.service`: a process that runs for long, its instances side by side, one of them the live one.
// Never: starts an instance again that ended by itself unless it is asked to: that shows as drift.
import { canonical, Fault } from '@understudy/contract'
import type { Hands, Look, Provider } from '@understudy/contract'
import { dropUnusedCode, freezeSpec } from './code.ts'
import { outOf, probe } from './health.ts'
import { choosePort, end, instanceName, isUp, newInstance, start } from './instance.ts'
import type { Starting } from './instance.ts'
import { prepareSides } from './prepare-sides.ts'
import { emptyRoom, listRecords, logPath, readPointer, readRecord, removeRecord, writePointer, writeRecord } from './room.ts'
import type { InstanceRecord } from './room.ts'
import { serviceFault } from './service-fault.ts'
import { besideOf, mementoSchema, outSchema, partSchema, specSchema, stateOf, stateSchema } from './spec.ts'
import type { ServiceMemento, ServiceOut, ServicePart, ServiceSpec, ServiceState } from './spec.ts'
import { lookAtSides, settlePointer, turnSides } from './turn-sides.ts'

export const processService: Provider<ServiceSpec, ServiceState, ServiceMemento, ServicePart, ServiceOut> = {
  kind: 'process.service',
  version: 1,
  schema: { spec: specSchema, state: stateSchema, memento: mementoSchema, part: partSchema, out: outSchema },
  // A port of its own choice differs from instance to instance.
  lasting: [],
  prepares: (spec) => (besideOf(spec) === 'yes' ? 'beside' : 'in-place'),
  home: () => ({ ports: 'as-written' }),
  source: { freeze: freezeSpec },

  async want(_at, spec) {
    const claims = spec.port === 'auto' ? [] : [`tcp:${spec.host}:${spec.port}`]
    return { state: wantedState(spec), claims }
  },

  async read(_at, _hint, call) {
    const record = liveRecord(call)
    if (record === null) return null
    const { state, port, id, startedAt, name, starts } = record
    const memory = id === null ? null : call.fx.process.memory(id)
    return {
      state: { ...state, running: isUp(record, call) },
      out: outOf(state, port),
      unmanaged: null,
      volatile: { pid: id?.pid ?? null, port, memory, startedAt, instance: name, log: logPath(call, name, starts) },
    }
  },

  async fork(_from, _to, live, spec, call, unfit) {
    const part: ServicePart = { ports: 'free' }
    if (live === null) return { part, out: null, fidelity: 'exact', because: '' }
    const state = wantedState(spec)
    const name = instanceName(call.key, call)
    const known = readRecord(call, name)
    if (known !== null) await end(known, call)
    const made = newInstance(state, name, call.key, await choosePort(part, state, call), call)
    let record = made
    if (live.running) record = await startCopy(part, made, unfit === undefined ? 'answer' : 'life', call)
    else writeRecord(call, made)
    writePointer(call, { live: name, turningTo: null, turning: false })
    const because = 'its command is not confined: it shares with the original whatever it reaches by itself'
    return { part, out: outOf(state, record.port), fidelity: 'partial', because }
  },

  async close(_at, call) {
    await endAll(listRecords(call), call)
    emptyRoom(call)
  },

  prepare: prepareSides,
  look: (_at, memento, depth, call) => lookAtSides(memento, depth, call),
  turn: turnSides,

  async release(_at, memento, call) {
    await letGo(memento?.key ?? call.key, call)
  },

  probing: {
    async probe(_at, call) {
      const record = liveRecord(call)
      return record === null ? { fit: false, detail: 'there is no live instance' } : probe(record, call)
    },
  },

  mortal: {
    ended: (left, now) => left.running && !now.running && canonical({ ...now, running: true }) === canonical(left),
    async revive(at, call) {
      await settlePointer(call)
      const record = liveRecord(call)
      if (record === null || isUp(record, call)) return
      await start(at.part, await end(record, call), { keepPort: true, until: 'answer' }, call)
    },
  },
}

/** A copy of what does not answer need not live either: then it has ended, as the original may any moment. */
async function startCopy(part: ServicePart, made: InstanceRecord, until: Starting['until'], call: Hands): Promise<InstanceRecord> {
  try {
    return await start(part, made, { keepPort: false, until }, call)
  } catch (error) {
    const ended = until === 'life' && error instanceof Fault && error.fault.code === 'service.exited' ? readRecord(call, made.name) : null
    if (ended === null) throw error
    return ended
  }
}

function wantedState(spec: ServiceSpec): ServiceState {
  if (typeof spec.code === 'string') throw serviceFault('service.not-frozen', spec.code)
  return stateOf(spec, spec.code?.digest ?? null)
}

function liveRecord(call: Look): InstanceRecord | null {
  const { live } = readPointer(call)
  if (live === null) return null
  const record = readRecord(call, live)
  if (record === null) throw serviceFault('service.record-lost', `instance ${live}`)
  return record
}

/** Takes a step's hold off every instance; those that nobody holds and that are not live are ended, and forgotten. */
async function letGo(key: string, call: Hands): Promise<void> {
  const { live, turningTo } = readPointer(call)
  const kept: InstanceRecord[] = []
  const dropped: string[] = []
  for (const name of listRecords(call)) {
    const record = readRecord(call, name)
    if (record === null) continue
    const heldBy = record.heldBy.filter((holder) => holder !== key)
    if (heldBy.length !== record.heldBy.length) writeRecord(call, { ...record, heldBy })
    if (heldBy.length === 0 && name !== live && name !== turningTo) dropped.push(name)
    else kept.push(record)
  }
  await endAll(dropped, call)
  for (const name of dropped) removeRecord(call, name)
  dropUnusedCode(
    kept.map(({ state }) => state.code),
    call,
  )
}

async function endAll(names: readonly string[], call: Hands): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const record = readRecord(call, name)
      if (record !== null) await end(record, call)
    }),
  )
}
