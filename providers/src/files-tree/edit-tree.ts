// Owns: a tree in the store with some paths set or taken out: only directories on the way to them are written.
// Never: guesses: a file where a directory is needed is a fault.
import type { Digest } from '@understudy/contract'
import { noCounts } from './entry.ts'
import type { Entry } from './entry.ts'
import { directoryEntry, saveDirectory, saveRoot } from './tree-objects.ts'
import type { Keep, Trees } from './tree-objects.ts'
import { treeFault, shown } from './tree-fault.ts'

interface Edits {
  self: Entry | null | undefined
  readonly below: Map<string, Edits>
}

/**
 * Sets paths to entries (null takes out). A directory's entry stands for its own mode, owner and xattrs; what it holds
 * is kept, unless it is new: then it holds what its entry holds. Missing parents are made like the nearest one there is.
 */
export async function editTree(
  root: Digest,
  edits: ReadonlyMap<string, Entry | null>,
  trees: Trees,
  keep: Keep,
): Promise<{ root: Digest; entry: Entry }> {
  const plan: Edits = { self: undefined, below: new Map() }
  for (const [path, entry] of edits) {
    let at = plan
    for (const name of path === '' ? [] : path.split('/')) {
      const next: Edits = at.below.get(name) ?? { self: undefined, below: new Map() }
      at.below.set(name, next)
      at = next
    }
    at.self = entry
  }
  const before = await trees.loadRoot(root)
  const entry = await edited('', before, before, plan, trees, keep)
  if (entry === null)
    throw treeFault('bad-pointer', 'invalid', 'The tree itself is no component of it.', '', 'Delete the resource instead.')
  return { root: await saveRoot(entry, keep), entry }
}

async function edited(path: string, old: Entry | null, like: Entry, plan: Edits, trees: Trees, keep: Keep): Promise<Entry | null> {
  const wanted = plan.self === undefined ? old : plan.self
  if (plan.below.size === 0 && (wanted === null || wanted.type !== 'dir' || plan.self === undefined || old?.type !== 'dir')) return wanted
  const sets = [...plan.below.values()].some(adds)
  if (wanted === null && !sets) return null
  if (wanted !== null && wanted.type !== 'dir') {
    if (!sets) return wanted
    throw treeFault('not-a-directory', 'conflict', 'There is no directory to put it in.', shown(path), 'Change what is in its place first.')
  }
  const self = wanted ?? { ...like, type: 'dir' as const, counts: noCounts, content: await saveDirectory(new Map(), keep), group: null }
  const held = old?.type === 'dir' && plan.self !== null ? old.content : self.content
  const entries = new Map(held === null ? [] : await trees.load(held))
  for (const [name, edit] of plan.below) {
    const entry = await edited(path === '' ? name : `${path}/${name}`, entries.get(name) ?? null, self, edit, trees, keep)
    if (entry === null) entries.delete(name)
    else entries.set(name, entry)
  }
  return directoryEntry(self, entries, keep)
}

const adds = (plan: Edits): boolean => (plan.self !== undefined && plan.self !== null) || [...plan.below.values()].some(adds)
