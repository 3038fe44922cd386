// Owns: the worker thread that names and prints files: one message in, one answer out, in order.
// Never: does anything by itself.
import type { KeyObject } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { nameHere } from './name-here.ts'
import type { NamedHere } from './name-here.ts'
import { printsAt } from './tree-prints.ts'
import { TreeRoot } from './tree-root.ts'

export interface NameTask {
  readonly folder: number
  readonly names: readonly (string | Uint8Array)[]
  /** Null: the same as in the task before; a key costs more to send than a directory to name. */
  readonly key: KeyObject | null
}

export interface PrintTask {
  /** Descriptor of the directory that the paths are below. */
  readonly root: number
  /** Joined by zeros: one string costs less to send than a thousand. */
  readonly paths: string
}

/** Prints are null where something other than absence was in the way: then who asked does it and gets the fault. */
export type FileAnswer = { readonly named: readonly (NamedHere | null)[] } | { readonly prints: BigUint64Array | null }

const port = parentPort
let last: KeyObject | null = null
port?.on('message', (task: NameTask | PrintTask) => port.postMessage('root' in task ? print(task) : name(task)))

function name({ folder, names, key }: NameTask): FileAnswer {
  last = key ?? last
  return { named: last === null ? names.map(() => null) : nameHere(folder, names, last) }
}

function print({ root, paths }: PrintTask): FileAnswer {
  try {
    const dir = new TreeRoot(`/proc/self/fd/${root}`)
    try {
      return { prints: printsAt(dir, paths.split('\0')) }
    } finally {
      dir.close()
    }
  } catch {
    return { prints: null }
  }
}
