// Owns: opening a directory that may not be there.
// Never: takes "forbidden" for absent.
import { Fault } from '@understudy/contract'
import type { DirReads, DirWrites, Effects, Path, Reads } from '@understudy/contract'

/** Null when there is no such directory. */
export function openIfThere(fx: Effects, dir: Path): DirWrites | null
export function openIfThere(fx: Reads | Effects, dir: Path): DirReads | null
export function openIfThere(fx: Reads | Effects, dir: Path): DirReads | null {
  try {
    return fx.fs.open(dir)
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.fault.class === 'conflict') return null
    throw thrown
  }
}
