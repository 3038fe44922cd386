// Owns: a rename that overwrites nothing, for file systems that lack RENAME_NOREPLACE (some network file systems).
// Never: replaces more than an empty directory that was made in the same instant.
import { constants as os } from 'node:os'
import { natives } from './natives.ts'
import { statOf } from './stat-of.ts'
import type { Spot } from './tree-root.ts'

export function renameKeeping(from: Spot, onto: Spot): number {
  const calls = natives()
  const source = calls.statAt(from.dir, from.name)
  if (source < 0) return source
  if (statOf(calls.raw).type !== 'dir') {
    const linked = calls.linkAt(from.dir, from.name, onto.dir, onto.name)
    return linked < 0 ? linked : calls.unlinkAt(from.dir, from.name)
  }
  const target = calls.statAt(onto.dir, onto.name)
  if (target === 0) return -os.errno.EEXIST
  if (target !== -os.errno.ENOENT) return target
  return calls.renameAt(from.dir, from.name, onto.dir, onto.name, 'replace')
}
