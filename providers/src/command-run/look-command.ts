// Owns: telling where each edit stands, and from that where the step stands.
// Never: writes.
import { equal } from '@understudy/contract'
import type { At, DirReads, Look, Side, Stand, Stat } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { pause } from '../files-tree/read-tree.ts'
import { shown } from '../files-tree/tree-fault.ts'
import { loadEdits, sameButLinks } from './entries.ts'
import type { Edit, Entry } from './entries.ts'
import { changesInPlace } from './prepare-command.ts'
import { nameIn, openRoots, readEntry, statOrNull } from './read-entry.ts'
import { readRecord } from './run-record.ts'
import { slotsName } from './slots.ts'
import type { CommandMemento, CommandPart } from './spec.ts'

export interface EditStand {
  readonly edit: Edit
  readonly live: Side | 'other'
  /** Of the live path; null where nothing stands. */
  readonly stat: Stat | null
  readonly standby: Stand['standby']
}

/** Where one edit stands. `names`: inode, type, size, mode, owner. `bytes`: content as well. */
export async function standOf(dir: DirReads, edit: Edit, key: string, care: 'names' | 'bytes', call: Look): Promise<EditStand> {
  const name = nameIn(edit)
  const stat = statOrNull(dir, name)
  const entry = stat !== null && care === 'bytes' ? ((await readEntry(dir, name, async (bytes) => call.name(bytes)))?.entry ?? null) : null
  const is = (side: Side): boolean => {
    const [wanted, ino] = side === 'before' ? [edit.before, edit.beforeIno] : [edit.after, edit.afterIno]
    if (stat === null || wanted === null) return stat === null && wanted === null
    if (care === 'bytes') return sameButLinks(entry, wanted) && (`${stat.ino}` === ino || !sameButLinks(edit.before, edit.after))
    return `${stat.ino}` === ino && alike(stat, wanted)
  }
  const live = is('before') ? 'before' : is('after') ? 'after' : 'other'
  if (live === 'other') return { edit, live, stat, standby: 'stale' }
  return { edit, live, stat, standby: await standbyOf(dir, edit, live, key, care, call) }
}

async function standbyOf(
  dir: DirReads,
  edit: Edit,
  live: Side,
  key: string,
  care: 'names' | 'bytes',
  call: Look,
): Promise<Stand['standby']> {
  const [wanted, ino] = live === 'before' ? [edit.after, edit.afterIno] : [edit.before, edit.beforeIno]
  if (wanted === null || changesInPlace(edit)) return 'fit'
  const slot = `${slotsName(key)}/${edit.slot}`
  const stat = statOrNull(dir, slot)
  if (stat === null) return 'gone'
  if (care === 'names') return `${stat.ino}` === ino && alike(stat, wanted) ? 'fit' : 'stale'
  const found = await readEntry(dir, slot, async (bytes) => call.name(bytes))
  return sameButLinks(found?.entry ?? null, wanted) ? 'fit' : 'stale'
}

function alike(stat: Stat, entry: Entry): boolean {
  if (stat.type !== entry.type || stat.uid !== entry.uid || stat.gid !== entry.gid) return false
  if (entry.type === 'file' && entry.size !== stat.size) return false
  return entry.type === 'link' || stat.mode === entry.mode
}

export async function standsOf(
  part: CommandPart,
  edits: readonly Edit[],
  key: string,
  care: 'names' | 'bytes',
  call: Look,
): Promise<readonly EditStand[]> {
  const roots = openRoots(part.root, (dir) => openIfThere(call.fx, dir))
  const stands: EditStand[] = []
  try {
    for (const edit of edits) {
      const dir = roots.open(edit.root)
      stands.push(dir === null ? { edit, live: 'other', stat: null, standby: 'gone' } : await standOf(dir, edit, key, care, call))
      if (stands.length % 64 === 0) await pause(call)
    }
  } finally {
    roots.close()
  }
  return stands
}

/** What the record says: it is turned after the last edit. */
export function recordSide(memento: CommandMemento, call: Look): Side | 'mixed' | 'other' {
  const record = readRecord(call)
  if (record?.begun === true) return record.by === memento.key ? 'mixed' : 'other'
  if (equal(record, memento.after)) return 'after'
  return equal(record, memento.before) ? 'before' : 'other'
}

export async function lookCommand({ part }: At<CommandPart>, memento: CommandMemento, depth: 'quick' | 'full', call: Look): Promise<Stand> {
  const { edits } = await loadEdits(memento.edits, call)
  const stands = await standsOf(part, edits, memento.key, depth === 'full' ? 'bytes' : 'names', call)
  const record = recordSide(memento, call)
  const sides = new Set<Stand['side']>([record, ...stands.map(({ live }) => live)])
  const [only] = sides
  const side = sides.has('other') ? 'other' : sides.size === 1 && only !== undefined ? only : 'mixed'
  const standby = stands.some((stand) => stand.standby === 'gone')
    ? 'gone'
    : stands.some((stand) => stand.standby === 'stale')
      ? 'stale'
      : 'fit'
  if (depth === 'quick') return { side, standby }
  const late = stands.filter((stand) => stand.live !== 'other' && stand.standby === 'stale').map(({ edit }) => shown(edit.path))
  return late.length === 0 ? { side, standby } : { side, standby, late }
}
