// Owns: completing a copy by what a run is the first of its resource to change: a copy is made of what the runs before it
// changed, and the run found these files on the real thing.
// Never: replaces anything; touches the real thing.
import { posix } from 'node:path'
import type { DirWrites, Hands } from '@understudy/contract'
import type { Entries } from './entries.ts'
import { linkName } from './fork-command.ts'
import { makeEntry } from './make-entry.ts'
import { nameIn, openRoots, siteOf, statOrNull } from './read-entry.ts'

export async function completeCopy(copy: string, roots: readonly string[], found: Entries, call: Hands): Promise<void> {
  for (const root of roots) call.fx.fs.ensure(`${copy}${root}`, 0o700)
  const open = openRoots<DirWrites>(copy, (dir) => call.fx.fs.open(dir))
  const groups = new Map<string, string>()
  try {
    for (const [path, entry] of Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const site = siteOf(path, roots)
      const dir = open.open(site.root)
      const name = nameIn(site)
      if (dir === null || entry === null || statOrNull(dir, name) !== null) continue
      if (!hasParents(dir, name)) continue // something else stands on the way: that shows as a foreign change
      await makeEntry(dir, name, entry, linkName(entry, path, groups, roots), call)
      if (entry.type === 'file' && entry.group !== null && !groups.has(entry.group)) groups.set(entry.group, path)
    }
  } finally {
    open.close()
  }
}

/** Makes the directories on the way; nobody asks for their modes, else they would be among what was found. */
function hasParents(dir: DirWrites, name: string): boolean {
  const parent = posix.dirname(name)
  if (parent === '.') return true
  const stat = statOrNull(dir, parent)
  if (stat !== null) return stat.type === 'dir'
  if (!hasParents(dir, parent)) return false
  dir.mkdir(parent, 0o700)
  return true
}
