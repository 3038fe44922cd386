// Owns: putting the channels together that a provider's `call.fx` is made of.
// Never: does anything by itself.
import type { Effects, Reads } from '@understudy/contract'
import type { EffectsLock } from './effects-lock.ts'
import { fsChannel } from './fs-channel.ts'
import { httpChannel } from './http-channel.ts'
import { netChannel } from './net-channel.ts'
import { processChannel } from './process-channel.ts'
import type { Recorder } from './recorder.ts'
import { sqlChannel } from './sql-channel.ts'
import { pauseFor, timeChannel } from './time-channel.ts'

/** Effects of one step, on this machine: the reading half alone for calls that change nothing, and both. Commands inherit `lock`. */
export function openEffects(recorder: Recorder, lock?: EffectsLock): { readonly reads: Reads; readonly effects: Effects } {
  const fs = fsChannel(recorder)
  const processes = processChannel(recorder, lock)
  const http = httpChannel(recorder)
  const sql = sqlChannel(recorder)
  const net = netChannel(recorder)
  const time = timeChannel(recorder)
  const pause = (): Promise<void> => pauseFor(recorder.signal)
  const reads: Reads = { fs: fs.reads, process: processes.reads, net, http: http.reads, sql: sql.reads, time, pause }
  const effects: Effects = {
    fs: { ...fs.reads, ...fs.writes },
    process: { ...processes.reads, ...processes.writes },
    net,
    http: { ...http.reads, ...http.writes },
    sql: { ...sql.reads, ...sql.writes },
    time,
    pause,
  }
  return { reads, effects }
}
