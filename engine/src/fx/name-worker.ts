// Owns: the worker thread that names files: one message in, one answer out, in order.
// Never: does anything by itself.
import type { KeyObject } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { nameHere } from './name-here.ts'

export interface NameTask {
  readonly folder: number
  readonly names: readonly (string | Uint8Array)[]
  /** Null: the same as in the task before; a key costs more to send than a directory to name. */
  readonly key: KeyObject | null
}

const port = parentPort
let last: KeyObject | null = null
port?.on('message', ({ folder, names, key }: NameTask) => {
  last = key ?? last
  port.postMessage(last === null ? names.map(() => null) : nameHere(folder, names, last))
})
