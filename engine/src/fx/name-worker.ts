// Owns: the worker thread that names files: one message in, one answer out, in order.
// Never: does anything by itself.
import type { KeyObject } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { nameHere } from './name-here.ts'

export interface NameTask {
  readonly folder: number
  readonly names: readonly (string | Uint8Array)[]
  readonly key: KeyObject
}

const port = parentPort
port?.on('message', ({ folder, names, key }: NameTask) => port.postMessage(nameHere(folder, names, key)))
