// Owns: naming many files away from this thread, so that whoever verifies 100,000 files goes on answering meanwhile.
// Never: starts a worker for a few files; keeps the process alive for it.
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { closeSync, constants, openSync } from 'node:fs'
import { isDigest } from '@understudy/contract'
import type { DirReads, NamedFile } from '@understudy/contract'
import { askWorker } from './ask-file-worker.ts'
import { encodeName } from './names.ts'
import { nameHere } from './name-here.ts'
import type { NamedHere } from './name-here.ts'
import { O_PATH } from './open-flags.ts'
import { rootBehind } from './tree-root.ts'

const FEW = 256 // files of one call named here: about 15 ms, and less than a worker takes to start
const BATCH = 256 // files a message: the answer comes in time for heartbeats and Ctrl-C

/** For one call of a provider: its first few files are named here. */
export function fileNamer(key: KeyObject) {
  let named = 0
  return async (dir: DirReads, folder: string, names: readonly string[]): Promise<readonly (NamedFile | null)[]> => {
    const root = rootBehind(dir)
    if (root === null) return names.map((name) => nameThrough(dir, folder === '' ? name : `${folder}/${name}`, key))
    const held = openSync(`/proc/self/fd/${root.dir('read', folder)}`, O_PATH | constants.O_DIRECTORY)
    try {
      const found: (NamedFile | null)[] = []
      for (let at = 0; at < names.length; at += BATCH) {
        const batch = names.slice(at, at + BATCH).map((name) => (name.isWellFormed() ? name : encodeName(name)))
        named += batch.length
        const answer = named <= FEW ? null : await askWorker({ folder: held, names: batch, key })
        const rows = answer !== null && 'named' in answer ? answer.named : nameHere(held, batch, key)
        for (const row of rows) found.push(fileOf(row))
      }
      return found
    } finally {
      closeSync(held)
    }
  }
}

/** Somebody stands between us and the directory (a test that kills): only what it offers is used. */
function nameThrough(dir: DirReads, path: string, key: KeyObject): NamedFile | null {
  const before = dir.stat(path)
  if (before?.type !== 'file') return null
  const bytes = dir.read(path)
  const after = dir.stat(path)
  const still = after?.ino === before.ino && after.ctimeNs === before.ctimeNs && after.size === bytes.length
  const hex = createHmac('sha256', key).update(bytes).digest('hex')
  return still ? fileOf({ hex, size: bytes.length, ino: before.ino, ctimeNs: before.ctimeNs }) : null
}

function fileOf(row: NamedHere | null): NamedFile | null {
  if (row === null) return null
  const { hex, size, ino, ctimeNs } = row
  const digest = `h:${hex}`
  return isDigest(digest) ? { digest, size, ino, ctimeNs } : null
}
