// Owns: the fs channel of `call.fx`: directories held open, directories made, room on the disk.
// Never: works on a relative path; what is read is not recorded, what is written always is.
import { statfsSync } from 'node:fs'
import type { Reads, Writes } from '@understudy/contract'
import { ensureDir } from './ensure-dir.ts'
import { fsFault, faultOfCode } from './fs-fault.ts'
import { fsRecords } from './fs-records.ts'
import { encodeName } from './names.ts'
import type { Recorder } from './recorder.ts'
import { bindRoot, TreeRoot } from './tree-root.ts'
import { treeReads } from './tree-reads.ts'
import { treeWrites } from './tree-writes.ts'

export function fsChannel(recorder: Recorder): { readonly reads: Reads['fs']; readonly writes: Writes['fs'] } {
  const records = fsRecords(recorder)
  return {
    reads: {
      open(dir) {
        const root = new TreeRoot(dir)
        return bindRoot(treeReads(root), root)
      },
      space(path) {
        if (!path.startsWith('/')) throw faultOfCode('space', path, 'EILSEQ')
        try {
          const { bavail, blocks, bsize } = statfsSync(encodeName(path), { bigint: true })
          return { freeBytes: Number(bavail * bsize), totalBytes: Number(blocks * bsize) }
        } catch (error) {
          throw fsFault('space', path, error)
        }
      },
    },
    writes: {
      open(dir) {
        const root = new TreeRoot(dir)
        return bindRoot(treeWrites(root, treeReads(root), records), root)
      },
      ensure: (dir, mode) => ensureDir(records, dir, mode),
    },
  }
}
