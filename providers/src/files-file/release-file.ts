// Owns: dropping the side that is not live and what led to it, and finding it by key when preparing was killed.
// Never: touches the live file.
import type { Hands } from '@understudy/contract'
import { sweepLinks } from '../files-tree/place.ts'
import { filePlace } from './file-place.ts'
import { openIfThere } from './open-if-there.ts'

export async function releaseFile(path: string, key: string, call: Hands): Promise<void> {
  const place = filePlace(path, key, (bytes) => call.name(bytes))
  const dir = openIfThere(call.fx, place.parent)
  if (dir === null) return
  try {
    if (dir.stat(place.holder)?.type !== 'dir') return
    // Its content as it was prepared is in the store; this is for what was written to it since.
    if (dir.stat(place.slot)?.type === 'file') await call.put(dir.read(place.slot))
    dir.remove(place.slot)
    sweepLinks({ dir, ...place.names })
    if (dir.list(place.holder).length === 0) dir.remove(place.holder)
    dir.sync('')
  } finally {
    dir.close()
  }
}
