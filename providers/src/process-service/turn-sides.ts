// Owns: which instance is the live one: the pointer, its compare-and-swap, and what becomes of the other instance.
// Never: points to an instance that does not answer, unless it did not when it was the live one; then only to restore it.

// beside:    pointer A ──turn(after): B answers, rename──▶ pointer B, A kept as its `standby` says
// in-place:  pointer A ──▶ A, turning to B ──A ended──B started, answers──▶ pointer B      (either way; mixed in between)
// Towards absence the pointer goes first, then the instance is ended: what is deleted must not go on working.

import type { At, Hands, Look, Side, Stand } from '@understudy/contract'
import { probe, waitUntilUp } from './health.ts'
import { end, isUp, marked, nowUp, refuseTaken, start } from './instance.ts'
import { readPointer, readRecord, writePointer } from './room.ts'
import type { InstanceRecord } from './room.ts'
import { serviceFault } from './service-fault.ts'
import type { InstanceSide, ServiceMemento, ServicePart } from './spec.ts'

export async function lookAtSides(memento: ServiceMemento, depth: 'quick' | 'full', call: Look): Promise<Stand> {
  const side = sideNow(memento, call)
  const other = side === 'after' ? memento.before : memento.after
  return { side, standby: await standbyOf(memento, side, other, depth, call), ...(depth === 'full' ? { late: [] } : {}) }
}

export async function turnSides(at: At<ServicePart>, memento: ServiceMemento, to: Side, call: Hands): Promise<Stand> {
  const side = sideNow(memento, call)
  if (side === 'other') throw serviceFault('service.changed', 'another instance is the live one')
  const [target, left] = to === 'after' ? [memento.after, memento.before] : [memento.before, memento.after]
  if (side !== to) {
    if (memento.mode === 'in-place') await turnInPlace(at, target, left, call)
    else await turnBeside(at, target, call)
  }
  await leave(target, left, memento, call)
  return lookAtSides(memento, 'quick', call)
}

async function turnBeside(at: At<ServicePart>, target: InstanceSide, call: Hands): Promise<void> {
  if (target !== null && target.state.running) await bringUp(at, recordOf(target, call), target, call)
  writePointer(call, { live: target?.instance ?? null, turningTo: null, turning: false })
}

/** One that is kept up has to answer; one that was ended on purpose is started again, at the port it is known by. */
async function bringUp(at: At<ServicePart>, record: InstanceRecord, side: NonNullable<InstanceSide>, call: Hands): Promise<void> {
  const { id, phase } = record
  if (id !== null && isUp(record, call) && phase === 'up') {
    call.fx.process.signal(id, 'SIGCONT')
    const answer = await probe(record, call)
    if (!answer.fit && side.answered) throw serviceFault('service.not-answering', answer.detail)
    return
  }
  // Started by a turn that was killed before it answered: it gets its time.
  if (id !== null && phase === 'starting' && (await waitUntilUp(record, id, call)) === 'up') {
    nowUp(record, call)
    return
  }
  if (!restartable(record, side.state.standby)) throw serviceFault('service.standby-gone', `instance ${record.name}`)
  await startAgain(at, record, side, call)
}

async function startAgain(
  at: At<ServicePart>,
  record: InstanceRecord,
  { answered }: NonNullable<InstanceSide>,
  call: Hands,
): Promise<void> {
  await start(at.part, await end(record, call), { keepPort: true, until: answered ? 'answer' : 'life' }, call)
}

function restartable({ phase }: InstanceRecord, standby: 'running' | 'stopped' | 'paused'): boolean {
  return phase !== 'up' || standby === 'stopped'
}

/** Found before anything is ended: where nothing of ours stands on the port, whoever does would keep the other side from starting. */
async function refuseForeign(target: InstanceRecord, left: InstanceRecord | null, call: Hands): Promise<void> {
  const ours = [target, ...(left === null ? [] : [left])].some((record) => marked(record, call).length > 0)
  if (!ours) await refuseTaken(target, call)
}

async function turnInPlace(at: At<ServicePart>, target: InstanceSide, left: InstanceSide, call: Hands): Promise<void> {
  const leftRecord = left === null ? null : readRecord(call, left.instance)
  if (target !== null && target.state.running && !readPointer(call).turning) await refuseForeign(recordOf(target, call), leftRecord, call)
  writePointer(call, { live: left?.instance ?? null, turningTo: target?.instance ?? null, turning: true })
  if (leftRecord !== null) await end(leftRecord, call)
  if (target !== null && target.state.running) {
    const record = recordOf(target, call)
    const stands = isUp(record, call) && (!target.answered || (await probe(record, call)).fit)
    if (!stands) await startAgain(at, record, target, call)
  }
  writePointer(call, { live: target?.instance ?? null, turningTo: null, turning: false })
}

/** What becomes of the instance that is not live any more. */
async function leave(target: InstanceSide, left: InstanceSide, { mode }: ServiceMemento, call: Hands): Promise<void> {
  const record = left === null ? null : readRecord(call, left.instance)
  if (record === null) return
  const { standby } = record.state
  if (target === null || mode === 'in-place' || standby === 'stopped') {
    // It may have ended by itself and left others behind.
    if (marked(record, call).length > 0) await end(record, call)
  } else if (standby === 'paused' && record.id !== null && isUp(record, call)) call.fx.process.signal(record.id, 'SIGSTOP')
}

/**
 * A pointer that a turn left half-way, once nobody can be turning any more: that turn was settled otherwise. What was live is
 * live, up or not; the other one is ended.
 */
export async function settlePointer(call: Hands): Promise<void> {
  const { live, turningTo, turning } = readPointer(call)
  if (!turning) return
  const other = turningTo === null ? null : readRecord(call, turningTo)
  if (other !== null) await end(other, call)
  writePointer(call, { live, turningTo: null, turning: false })
}

function sideNow({ before, after }: ServiceMemento, call: Look): Stand['side'] {
  const { live, turningTo, turning } = readPointer(call)
  const names = [before?.instance ?? null, after?.instance ?? null]
  if (turning) return names.includes(live) && names.includes(turningTo) ? 'mixed' : 'other'
  if (live === names[0]) return 'before'
  return live === names[1] ? 'after' : 'other'
}

async function standbyOf(
  memento: ServiceMemento,
  side: Stand['side'],
  other: InstanceSide,
  depth: 'quick' | 'full',
  call: Look,
): Promise<Stand['standby']> {
  if (other === null) return 'fit'
  const record = readRecord(call, other.instance)
  if (record === null) return 'gone'
  // Going back restores what was there; but as an undo that only turns it is worth nothing: a fresh one is started for that.
  if (!other.answered) return isUp(record, call) && (await probe(record, call)).fit ? 'fit' : 'gone'
  if (isUp(record, call)) {
    const paused = record.state.standby === 'paused' && side !== 'mixed'
    return depth === 'quick' || paused || (await probe(record, call)).fit ? 'fit' : 'stale'
  }
  return memento.mode === 'in-place' || restartable(record, record.state.standby) ? 'fit' : 'gone'
}

function recordOf(side: NonNullable<InstanceSide>, call: Look): InstanceRecord {
  const record = readRecord(call, side.instance)
  if (record === null) throw serviceFault('service.standby-gone', `instance ${side.instance}`)
  return record
}
