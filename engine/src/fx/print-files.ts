// Owns: printing many names: by the worker where it runs and has nothing to do, else here, so that two lists at once take
// the time of one.
// Never: starts the worker for it.
import { closeSync, constants, openSync } from 'node:fs'
import type { DirReads, Look, Path } from '@understudy/contract'
import { PRINT_NUMBERS } from '@understudy/contract'
import { askWorker, isWorkerFree } from './ask-file-worker.ts'
import { O_PATH } from './open-flags.ts'
import { isNoWay, printsAt } from './tree-prints.ts'
import { rootBehind } from './tree-root.ts'

const FEW = 100 // names: asking costs as much as these

export const printFiles: Look['prints'] = async (dir, names) => {
  const root = rootBehind(dir)
  if (root === null) return printsThrough(dir, names)
  if (names.length > FEW && isWorkerFree()) {
    const held = openSync(`/proc/self/fd/${root.dir('stat', '')}`, O_PATH | constants.O_DIRECTORY)
    try {
      const answer = await askWorker({ root: held, paths: names.join('\0') })
      if (answer !== null && 'prints' in answer && answer.prints !== null) return answer.prints
    } finally {
      closeSync(held)
    }
  }
  return printsAt(root, names)
}

/** Somebody stands between us and the directory (a test that kills): only what it offers is used. */
function printsThrough(dir: DirReads, names: readonly Path[]): BigUint64Array {
  const prints = new BigUint64Array(names.length * PRINT_NUMBERS)
  for (const [index, name] of names.entries()) {
    const stat = statOrNull(dir, name)
    if (stat === null) continue
    const { type, ino, size, mode, uid, gid, mtimeNs, ctimeNs } = stat
    const rights = (BigInt(mode) << 48n) ^ (BigInt(uid) << 24n) ^ BigInt(gid)
    const [second, last] = type === 'dir' ? [rights, 0n] : [BigInt(size), BigInt.asUintN(64, ctimeNs)]
    prints.set([ino, second, BigInt.asUintN(64, mtimeNs), last], index * PRINT_NUMBERS)
  }
  return prints
}

function statOrNull(dir: DirReads, name: Path) {
  try {
    return dir.stat(name)
  } catch (error) {
    if (isNoWay(error)) return null
    throw error
  }
}
