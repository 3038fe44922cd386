// Owns: dropping the sides that are not live, also those that a kill left over.
// Never: touches a live path.
import type { At, Hands } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { forgetRoots, rememberedRoots } from './slot-roots.ts'
import { slotsName } from './slots.ts'
import type { CommandPart } from './spec.ts'

/** All content is in the store since preparing: what was there, and what came. */
export async function releaseCommand({ part }: At<CommandPart>, key: string, call: Hands): Promise<void> {
  for (const root of rememberedRoots(call, key)) {
    const dir = openIfThere(call.fx, `${part.root}${root}`)
    if (dir === null) continue
    try {
      if (dir.stat(slotsName(key)) === null) continue
      const { mtimeNs } = dir.stat('') ?? { mtimeNs: null }
      dir.remove(slotsName(key))
      if (mtimeNs !== null) dir.setMtime('', mtimeNs)
      dir.sync('')
    } finally {
      dir.close()
    }
  }
  forgetRoots(call, key)
}
