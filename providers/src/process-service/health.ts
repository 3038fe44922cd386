// Owns: whether an instance answers: one probe, and waiting for the first good one.
// Never: starts or ends anything.
import { Fault } from '@understudy/contract'
import type { Look, ProcessId } from '@understudy/contract'
import type { InstanceRecord } from './room.ts'
import type { ServiceState } from './spec.ts'

export interface Answer {
  readonly fit: boolean
  readonly detail: string
}

/** Without a health check a service counts as started when it lived this long: longer than a missing file or a bad setting takes to end it. */
const STEADY_MS = 1_000

export async function probe({ state, id, port }: InstanceRecord, call: Look): Promise<Answer> {
  if (id === null || !call.fx.process.alive(id)) return { fit: false, detail: 'its process is gone' }
  const { health, host } = state
  if (health === null) return { fit: true, detail: `process ${id.pid} is there (no health check is set)` }
  const where = urlOf(host, port)
  if (health.http === null) {
    const open = await call.fx.net.accepts(host, port, health.timeoutMs)
    return { fit: open, detail: open ? `${where} accepts connections` : `${where} accepts no connection` }
  }
  const url = `${where}${health.http}`
  try {
    const { status } = await call.fx.http.get({ url, timeoutMs: health.timeoutMs })
    const wanted = status === health.expectStatus ? '' : `, not ${health.expectStatus}`
    return { fit: wanted === '', detail: `${url} answers ${status}${wanted}` }
  } catch (error) {
    if (call.signal.aborted || !(error instanceof Fault)) throw error
    return { fit: false, detail: `${url}: ${error.fault.code} (${error.fault.detail})` }
  }
}

/** `exited` when it ended before it was up. */
export async function waitUntilUp(instance: InstanceRecord, id: ProcessId, call: Look): Promise<'up' | 'exited' | Answer> {
  const { time, process } = call.fx
  const { health } = instance.state
  const until = time.monotonic() + (health?.startWithinMs ?? STEADY_MS)
  for (;;) {
    if (!process.alive(id)) return 'exited'
    const answer = await probe(instance, call)
    const late = time.monotonic() >= until
    if (answer.fit && (health !== null || late)) return process.alive(id) ? 'up' : 'exited'
    if (late) return process.alive(id) ? answer : 'exited'
    await time.wait(health?.everyMs ?? 50)
  }
}

export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

export function outOf(state: ServiceState, port: number): { port: number; host: string; url: string } {
  return { port, host: state.host, url: urlOf(state.host, port) }
}
