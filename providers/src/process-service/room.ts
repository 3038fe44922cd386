// Owns: what a service keeps in its room: one record for each instance, and the pointer to the live one. Every write is
// whole (written beside, flushed, renamed), so a kill leaves the old or the new text.
// Never: starts or ends a process.
import { z } from 'zod'
import { Fault } from '@understudy/contract'
import type { DirReads, DirWrites, Hands, Look } from '@understudy/contract'
import { serviceFault } from './service-fault.ts'
import { stateSchema } from './spec.ts'
import type { ServiceState } from './spec.ts'

const idShape = z.strictObject({ boot: z.string(), pid: z.int(), start: z.int() })
const recordShape = z.strictObject({
  name: z.string(),
  /** Value of its mark in the environment; other than the name it is unique in the whole machine. */
  mark: z.string(),
  port: z.int(),
  /**
   * down ──▶ starting ──▶ up ──▶ ending ──▶ down. Written before what it names is done, `up` after it answered. One that
   * ended by itself, or with the machine, still says up (or starting): only what was ended on purpose may be started again.
   */
  phase: z.enum(['down', 'starting', 'up', 'ending']),
  /** Null: not started, or being started right now. */
  id: idShape.nullable(),
  /** How often it was started: each start has its own log. */
  starts: z.int(),
  /** Milliseconds since 1970; 0 before the first start. */
  startedAt: z.number(),
  /** Keys of the steps that may still need it. */
  heldBy: z.array(z.string()),
})
const fileShape = z.strictObject({ record: recordShape, state: z.unknown() })

export type InstanceRecord = z.output<typeof recordShape> & { readonly state: ServiceState }

const pointerShape = z.strictObject({
  /** Name of the live instance; null is absence, said by somebody who is turning. */
  live: z.string().nullable(),
  /** In-place only: the side that is being turned to. While it is there both are in doubt. */
  turningTo: z.string().nullable(),
  turning: z.boolean(),
})
export type Pointer = z.output<typeof pointerShape>

const ABSENT: Pointer = { live: null, turningTo: null, turning: false }
const INSTANCES = 'instances'
const POINTER = 'live.json'

export function readPointer(call: Look): Pointer {
  return reading(call, ABSENT, (dir) => {
    if (dir.stat(POINTER) === null) return ABSENT
    const found = pointerShape.safeParse(parsed(dir.read(POINTER)))
    if (!found.success) throw serviceFault('service.record-lost', `${call.room}/${POINTER}`)
    return found.data
  })
}

/** The rename is what turns the service. No pointer at all is how absence stands. */
export function writePointer(call: Hands, pointer: Pointer): void {
  writing(call, (dir) => {
    if (pointer.live === null && !pointer.turning) {
      dir.remove(POINTER)
      dir.sync('')
    } else replace(dir, POINTER, JSON.stringify(pointer))
  })
}

export function readRecord(call: Look, name: string): InstanceRecord | null {
  return reading(call, null, (dir) => {
    const file = `${INSTANCES}/${name}.json`
    if (dir.stat(file) === null) return null
    const found = fileShape.safeParse(parsed(dir.read(file)))
    const state = found.success ? stateSchema.safeParse(found.data.state) : null
    if (!found.success || state?.success !== true) throw serviceFault('service.record-lost', `${call.room}/${file}`)
    return { ...found.data.record, state: state.data }
  })
}

export function writeRecord(call: Hands, instance: InstanceRecord): void {
  const { state, ...record } = instance
  writing(call, (dir) => {
    if (dir.stat(INSTANCES) === null) {
      dir.mkdir(INSTANCES, 0o700)
      dir.sync('')
    }
    replace(dir, `${INSTANCES}/${record.name}.json`, JSON.stringify({ record, state }))
  })
}

export function listRecords(call: Look): readonly string[] {
  return reading(call, [], (dir) => {
    if (dir.stat(INSTANCES) === null) return []
    return dir.list(INSTANCES).flatMap(({ name }) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []))
  })
}

/** The record of an instance, its logs, and what a kill left half written. */
export function removeRecord(call: Hands, name: string): void {
  writing(call, (dir) => {
    dir.remove(`${INSTANCES}/${name}.json.part`)
    dir.remove(`${INSTANCES}/${name}.json`)
    for (const { name: log } of dir.stat(LOGS) === null ? [] : dir.list(LOGS)) if (log.startsWith(`${name}.`)) dir.remove(`${LOGS}/${log}`)
  })
}

const LOGS = 'logs'
const TAIL_BYTES = 4_096 // enough for a stack trace and the line before it, little enough for a fault
const LOG_READ_MAX = 8 * 1024 * 1024 // a start that wrote more than this is not read into memory to be quoted

/** Where the given start of an instance writes to. */
export function logPath(call: Look, name: string, starts: number): string {
  return `${call.room}/${LOGS}/${name}.${starts}.log`
}

export function ensureLogs(call: Hands): void {
  call.fx.fs.ensure(`${call.room}/${LOGS}`, 0o700)
}

export function logTail(call: Look, name: string, starts: number): string {
  const file = `${LOGS}/${name}.${starts}.log`
  return reading(call, '', (dir) => {
    const size = dir.stat(file)?.size ?? 0
    if (size === 0) return ''
    if (size > LOG_READ_MAX) return `(${size} bytes in ${call.room}/${file})`
    return Buffer.from(dir.read(file).slice(-TAIL_BYTES)).toString('utf8').trimEnd()
  })
}

/** Everything in the room goes. */
export function emptyRoom(call: Hands): void {
  writing(call, (dir) => {
    for (const { name } of dir.list('')) dir.remove(name)
  })
}

/** Room that is not there yet reads as `absent`. */
function reading<T>(call: Look, absent: T, body: (dir: DirReads) => T): T {
  let dir
  try {
    dir = call.fx.fs.open(call.room)
  } catch (error) {
    if (error instanceof Fault && error.fault.class === 'conflict') return absent
    throw error
  }
  try {
    return body(dir)
  } finally {
    dir.close()
  }
}

export function writing<T>(call: Hands, body: (dir: DirWrites) => T): T {
  const dir = call.fx.fs.open(call.room)
  try {
    return body(dir)
  } finally {
    dir.close()
  }
}

function replace(dir: DirWrites, name: string, text: string): void {
  dir.remove(`${name}.part`)
  dir.create(`${name}.part`, Buffer.from(text), 0o600)
  dir.sync(`${name}.part`)
  dir.rename(`${name}.part`, dir, name, { replace: true })
  dir.sync(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '')
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return null
  }
}
