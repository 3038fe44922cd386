// Owns: preparing a service: the new instance started beside the old one and answering, or all but started where both
// cannot stand. What a kill leaves behind is found by the key.
// Never: touches the old instance, or the pointer but where a turn left it half-way.
import { canonical } from '@understudy/contract'
import type { At, Hands, Prepared } from '@understudy/contract'
import { materialise } from './code.ts'
import { outOf, probe } from './health.ts'
import { choosePort, end, instanceName, isUp, newInstance, nowUp, start } from './instance.ts'
import { readPointer, readRecord, writeRecord } from './room.ts'
import type { InstanceRecord } from './room.ts'
import { serviceFault } from './service-fault.ts'
import { settlePointer } from './turn-sides.ts'
import type { InstanceSide, ServiceMemento, ServiceOut, ServicePart, ServiceState } from './spec.ts'

type PreparedService = Prepared<ServiceMemento, ServiceOut>

export async function prepareSides(
  at: At<ServicePart>,
  from: ServiceState | null,
  to: ServiceState | null,
  call: Hands,
): Promise<PreparedService> {
  const mode = (to ?? from)?.beside === 'no' ? 'in-place' : 'beside'
  const before = await holdLive(from, call)
  if (to === null) {
    const memento: ServiceMemento = { key: call.key, mode, before, after: null }
    return { memento, out: null, reversal: before === null ? 'switch' : 'restore', bytesHeld: 0, losses: [] }
  }
  const made = mode === 'beside' ? await readyBeside(at, to, call) : await readyInPlace(at, from, to, call)
  const memento: ServiceMemento = { key: call.key, mode, before, after: { instance: made.name, state: to, answered: true } }
  const kept = from === null || (mode === 'beside' && from.standby !== 'stopped')
  return {
    memento,
    out: outOf(to, made.port),
    reversal: kept ? 'switch' : 'restore',
    bytesHeld: 0,
    losses: [],
  }
}

/** The live side as the plan saw it, held from now on. */
async function holdLive(from: ServiceState | null, call: Hands): Promise<InstanceSide> {
  await settlePointer(call)
  const { live } = readPointer(call)
  const record = live === null ? null : readRecord(call, live)
  if (live !== null && record === null) throw serviceFault('service.record-lost', `instance ${live}`)
  if (record === null || from === null) {
    if (record === null && from === null) return null
    throw serviceFault('service.changed', record === null ? 'it is not there any more' : 'it is there already')
  }
  // Whether it still runs may differ: that is not somebody else's edit.
  if (canonical({ ...record.state, running: true }) !== canonical({ ...from, running: true })) {
    throw serviceFault('service.changed', `instance ${record.name} stands for another state`)
  }
  if (!record.heldBy.includes(call.key)) writeRecord(call, { ...record, heldBy: [...record.heldBy, call.key] })
  const running = from.running && isUp(record, call)
  return { instance: record.name, state: { ...record.state, running }, answered: running && (await probe(record, call)).fit }
}

async function readyBeside(at: At<ServicePart>, to: ServiceState, call: Hands): Promise<InstanceRecord> {
  const name = instanceName(call.key, call)
  const known = readRecord(call, name)
  if (known !== null) {
    const same = canonical(known.state) === canonical(to)
    if (same && isUp(known, call) && (await probe(known, call)).fit) return nowUp(known, call)
    await end(known, call)
  }
  const made = newInstance(to, name, call.key, await choosePort(at.part, to, call), call)
  return start(at.part, { ...made, starts: known?.starts ?? 0 }, { keepPort: false, until: 'answer' }, call)
}

async function readyInPlace(at: At<ServicePart>, from: ServiceState | null, to: ServiceState, call: Hands): Promise<InstanceRecord> {
  const name = instanceName(call.key, call)
  const known = readRecord(call, name)
  if (known !== null) await end(known, call)
  if (to.code !== null) await materialise(to.code, to.user, call)
  const same = known !== null && canonical(known.state) === canonical(to)
  const port = same ? known.port : await choosePort(at.part, to, call)
  // Its own predecessor may have it until the turn; anybody else is a reason to stop now, before that one is ended.
  if (from?.port !== to.port && (await call.fx.net.accepts(to.host, port, 1_000))) {
    throw serviceFault('service.port-taken', `${to.host}:${port}: somebody listens there.`)
  }
  const made = { ...newInstance(to, name, call.key, port, call), starts: known?.starts ?? 0 }
  writeRecord(call, made)
  return made
}
