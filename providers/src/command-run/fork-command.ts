// Owns: copies, in another world's room, of the paths that a command changes, and their removal.
// Never: writes to the originals.
import { posix } from 'node:path'
import { Fault } from '@understudy/contract'
import type { DirReads, DirWrites, Forked, Hands } from '@understudy/contract'
import { openIfThere } from '../files-file/open-if-there.ts'
import { loadDiff, loadList, loadRun, noEntries, sameEntry } from './entries.ts'
import type { Entries, Entry } from './entries.ts'
import { dress, makeEntry } from './make-entry.ts'
import { nameIn, openRoots, readPaths, siteOf, statOrNull } from './read-entry.ts'
import type { Roots } from './read-entry.ts'
import { changedOutside } from './run-fault.ts'
import { writeRecord } from './run-record.ts'
import type { CommandOut, CommandPart, CommandSpec, CommandState } from './spec.ts'
import { joined } from './want-command.ts'

const FOLDER = 'root'

export async function forkCommand(
  from: CommandPart,
  live: CommandState | null,
  spec: CommandSpec,
  call: Hands,
): Promise<Forked<CommandPart, CommandOut>> {
  const root = `${call.room}/${FOLDER}`
  const part: CommandPart = { root, runs: false }
  const known = live === null ? noEntries : await loadList(live.paths, call)
  const diff = spec.ran === undefined ? null : await loadDiff(spec.ran.diff, call)
  const roots = joined(known.roots, diff?.roots ?? [])
  const paths = [...new Set([...Object.keys(known.entries), ...Object.keys(diff?.before ?? {})])].toSorted()
  const now = await readPaths(from.root, roots, paths, call, (bytes) => call.put(bytes))
  const strange = Object.keys(known.entries).filter((path) => !sameEntry(now.entries[path] ?? null, known.entries[path] ?? null))
  if (strange.length > 0) throw changedOutside(strange)
  closeCommand(call) // what a killed fork left
  const missing = await copyAll(from.root, root, roots, now.entries, call)
  if (live !== null) {
    const { origin, run, effects, secret, bare } = live
    writeRecord(call, { origin, run, effects, secret, bare, by: 'fork', begun: false })
  }
  const out = live === null ? null : await loadRun(live.run, call)
  if (spec.confine === 'none') return { part, out, fidelity: 'modelled', because: 'an unconfined command runs only on the real thing' }
  return missing === '' ? { part, out, fidelity: 'exact', because: '' } : { part, out, fidelity: 'partial', because: missing }
}

async function copyAll(prefix: string, copy: string, roots: readonly string[], entries: Entries, call: Hands): Promise<string> {
  for (const root of roots) call.fx.fs.ensure(`${copy}${root}`, 0o700)
  const originals = openRoots(prefix, (dir) => openIfThere(call.fx, dir))
  const copies = openRoots<DirWrites>(copy, (dir) => call.fx.fs.open(dir))
  let missing = ''
  const groups = new Map<string, string>()
  try {
    for (const [path, entry] of Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const site = siteOf(path, roots)
      const dir = copies.open(site.root)
      const name = nameIn(site)
      if (dir === null) continue
      // Also for what is not there: its directory has to be, or what the command makes has no place.
      missing ||= copyParents(originals, site.root, name, dir)
      if (entry === null) continue
      try {
        if (name === '' || dir.stat(name) !== null) dress(dir, name, entry)
        else await makeEntry(dir, name, entry, linkName(entry, path, groups, roots), call)
      } catch (thrown) {
        if (!(thrown instanceof Fault) || thrown.fault.class !== 'forbidden') throw thrown
        missing ||= 'without the right to copy owners, devices or attributes'
      }
      if (entry.type === 'file' && entry.group !== null && !groups.has(entry.group)) groups.set(entry.group, path)
      const stat = originals.open(site.root)?.stat(name)
      if (stat !== undefined && stat !== null && name !== '') dir.setMtime(name, stat.mtimeNs)
    }
  } finally {
    originals.close()
    copies.close()
  }
  return missing
}

export function linkName(entry: Entry, path: string, groups: ReadonlyMap<string, string>, roots: readonly string[]): string | null {
  const first = entry.type === 'file' && entry.group !== null ? groups.get(entry.group) : undefined
  if (first === undefined) return null
  const [here, there] = [siteOf(path, roots), siteOf(first, roots)]
  return here.root === there.root ? nameIn(there) : null
}

/** The directories on the way, with their modes; what else is in them stays out. */
function copyParents(originals: Roots<DirReads>, root: string, name: string, dir: DirWrites): string {
  const parents: string[] = []
  for (let at = posix.dirname(name); at !== '.' && at !== ''; at = posix.dirname(at)) parents.unshift(at)
  const original = originals.open(root)
  let missing = ''
  for (const parent of parents) {
    if (dir.stat(parent) !== null) continue
    const stat = original === null ? null : statOrNull(original, parent)
    if (stat?.type !== 'dir') return missing
    dir.mkdir(parent, 0o700)
    try {
      dress(dir, parent, { type: 'dir', mode: stat.mode | 0o700, uid: stat.uid, gid: stat.gid, xattrs: null })
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.fault.class !== 'forbidden') throw thrown
      missing = 'without the right to copy owners, devices or attributes'
    }
  }
  return missing
}

export function closeCommand(call: Hands): void {
  const room = openIfThere(call.fx, call.room)
  if (room === null) return
  try {
    room.remove(FOLDER)
  } finally {
    room.close()
  }
}
