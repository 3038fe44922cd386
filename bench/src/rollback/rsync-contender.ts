// Owns: undo by copying a backup back with rsync.
// Never: trusts rsync's quick check with whole seconds: it misses edits of the same size (--modify-window=-1).
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runTool } from '../run-tool.ts'
import type { Contender } from './contender.ts'

/** @param v1 @param v2 directories with the two versions, only read. */
export function rsyncContender(dir: string, v1: string, v2: string): Contender {
  const live = join(dir, 'rsync')
  mkdirSync(live)
  cpSync(v2, live, { recursive: true, preserveTimestamps: true })
  const copy = (from: string): number => runTool('rsync', ['-a', '--delete', '--modify-window=-1', `${from}/`, `${live}/`], { cwd: dir })
  copy(v2)
  return {
    name: 'rsync -a --delete',
    live,
    undo: async () => ({ ms: copy(v1), parts: {} }),
    redo: async () => void copy(v2),
    close: async () => undefined,
  }
}
