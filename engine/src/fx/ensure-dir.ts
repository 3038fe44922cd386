// Owns: making a directory and those above it, each with an exact mode.
// Never: changes one that is there.
import { statSync } from 'node:fs'
import { constants as os } from 'node:os'
import { posix } from 'node:path'
import { faultOfCode, fsFault, nativeFault } from './fs-fault.ts'
import type { FsRecords } from './fs-records.ts'
import { encodeName } from './names.ts'
import { natives } from './natives.ts'
import { setMode } from './set-mode.ts'
import { codeOf } from './system-error.ts'
import { TreeRoot } from './tree-root.ts'

/** Faults `fs.not-a-directory` where something else has the name. A directory that is there makes no record. */
export function ensureDir(records: FsRecords, dir: string, mode: number): void {
  if (!dir.startsWith('/')) throw faultOfCode('ensure', dir, 'EILSEQ')
  const missing: string[] = []
  for (let at = posix.normalize(dir).replace(/(?<=.)\/$/, ''); !isDirectory(at); at = posix.dirname(at)) missing.push(at)
  for (const path of missing.reverse()) records.taken('ensure', path, 0, () => make(path, mode))
}

function make(path: string, mode: number): void {
  const parent = new TreeRoot(posix.dirname(path))
  const name = posix.basename(path)
  try {
    const spot = parent.spot('ensure', name)
    const result = natives().mkdirAt(spot.dir, spot.name, mode & 0o777)
    if (result === -os.errno.EEXIST && isDirectory(path)) return // somebody made it at the same time
    if (result < 0) throw nativeFault('ensure', path, result)
    setMode(parent, 'ensure', name, mode)
  } finally {
    parent.close()
  }
}

function isDirectory(path: string): boolean {
  try {
    if (statSync(encodeName(path)).isDirectory()) return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw fsFault('ensure', path, error)
  }
  throw faultOfCode('ensure', path, 'ENOTDIR')
}
