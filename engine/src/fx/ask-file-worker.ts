// Owns: the one worker thread for files of this process, and the questions that it was asked.
// Never: keeps the process alive for it.
import type { KeyObject } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { FileAnswer, NameTask, PrintTask } from './file-worker.ts'

let worker: Worker | null = null
let sentKey: KeyObject | null = null
let waiting: ((answer: FileAnswer | null) => void)[] = []

/** It runs and has nothing to do. */
export function isWorkerFree(): boolean {
  return worker !== null && waiting.length === 0
}

/** Null when there is no worker to be had: then who asked does it. Answers come in the order of the questions. */
export function askWorker(task: NameTask | PrintTask): Promise<FileAnswer | null> {
  return new Promise((resolve) => {
    try {
      worker ??= start()
      const key = 'key' in task ? task.key : null
      worker.postMessage(key !== null && key === sentKey ? { ...task, key: null } : task)
      sentKey = key ?? sentKey
      waiting.push(resolve)
      worker.ref()
    } catch {
      resolve(null)
    }
  })
}

function start(): Worker {
  // In a bundle it is a file beside this one's chunk folder (cli/build.ts); in a checkout the module itself.
  const here = import.meta.url
  const program = here.endsWith('.ts') ? new URL('./file-worker.ts', here) : new URL('../file-worker.js', here)
  // What natives.ts opens Node does not know of, and would warn of when it is closed.
  const started = new Worker(program, { trackUnmanagedFds: false })
  const end = (): void => {
    if (worker !== started) return
    worker = null
    sentKey = null
    const left = waiting
    waiting = []
    for (const answer of left) answer(null)
  }
  started.on('message', (answer: FileAnswer) => {
    waiting.shift()?.(answer)
    if (waiting.length === 0) started.unref()
  })
  started.on('error', end)
  started.on('exit', end)
  return started
}
