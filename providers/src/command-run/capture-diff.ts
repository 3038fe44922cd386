// Owns: what an overlay's upper directory means for the directory below it: path by path, before and after.
// Never: takes whiteouts, opaque directories or the overlay's own notes for files.
import type { DirReads, Look, Stat } from '@understudy/contract'
import { pause } from '../files-tree/read-tree.ts'
import { sameEntry } from './entries.ts'
import type { Diff, Entry } from './entries.ts'
import { grouped, readEntry, statOrNull } from './read-entry.ts'
import { runFault } from './run-fault.ts'
import { SLOTS } from './slots.ts'

const PATHS_MAX = 100_000 // a command that changes more is a build; its result belongs into a files.tree

interface Walk {
  readonly root: string
  readonly lower: DirReads
  readonly upper: DirReads
  readonly call: Look
  readonly before: Record<string, Entry | null>
  readonly after: Record<string, Entry | null>
  readonly beforeStats: Map<string, Stat>
  readonly afterStats: Map<string, Stat>
  readonly skipped: string[]
}

/** `skipped`: what cannot be kept as data (sockets). */
export async function captureDiff(
  root: string,
  lower: DirReads,
  upper: DirReads,
  call: Look,
): Promise<Diff & { readonly skipped: readonly string[] }> {
  const walk: Walk = { root, lower, upper, call, before: {}, after: {}, beforeStats: new Map(), afterStats: new Map(), skipped: [] }
  await change(walk, '')
  await below(walk, '', true)
  const before = grouped(walk.before, walk.beforeStats)
  const after = grouped(walk.after, walk.afterStats)
  const paths = Object.keys(after).filter((path) => !sameEntry(before[path] ?? null, after[path] ?? null))
  const only = (all: typeof before): Record<string, Entry | null> => Object.fromEntries(paths.map((path) => [path, all[path] ?? null]))
  return { roots: [root], before: only(before), after: only(after), skipped: walk.skipped }
}

/** What is in an upper directory. `merged`: the lower directory shows through. */
async function below(walk: Walk, name: string, merged: boolean): Promise<void> {
  const names = walk.upper.list(name)
  for (const child of names) {
    const path = name === '' ? child.name : `${name}/${child.name}`
    if (name === '' && child.name.startsWith(SLOTS)) continue
    await breathe(walk)
    const stat = walk.upper.stat(path)
    if (stat === null) continue
    if (stat.type === 'char' && stat.rdev === 0n) {
      if (merged) await removal(walk, path)
      continue
    }
    const lower = merged ? statOrNull(walk.lower, path) : null
    if (stat.type !== 'dir') {
      if (stat.type === 'socket') walk.skipped.push(`${walk.root}/${path}`)
      else await change(walk, path)
      if (lower?.type === 'dir') await removalsBelow(walk, path, new Set())
      continue
    }
    await change(walk, path)
    const opaque = Buffer.from(walk.upper.xattrs(path)['user.overlay.opaque'] ?? []).toString('latin1') === 'y'
    if (lower?.type === 'dir' && opaque) await removalsBelow(walk, path, new Set(walk.upper.list(path).map((entry) => entry.name)))
    // In an opaque directory too: a name that stands on both sides is a change, not a new file.
    await below(walk, path, lower?.type === 'dir')
  }
}

async function change(walk: Walk, name: string): Promise<void> {
  const path = name === '' ? walk.root : `${walk.root}/${name}`
  const after = await readEntry(walk.upper, name, (bytes) => walk.call.put(bytes))
  // Kept too: in a copy that does not have it yet it is made from this.
  const before = await readEntry(walk.lower, name, (bytes) => walk.call.put(bytes))
  if (after === null) return
  note(walk, path)
  walk.after[path] = after.entry
  walk.afterStats.set(path, after.stat)
  walk.before[path] = before?.entry ?? null
  if (before !== null) walk.beforeStats.set(path, before.stat)
}

async function removal(walk: Walk, name: string): Promise<void> {
  const path = `${walk.root}/${name}`
  const before = await readEntry(walk.lower, name, (bytes) => walk.call.put(bytes))
  if (before === null) return
  note(walk, path)
  walk.before[path] = before.entry
  walk.beforeStats.set(path, before.stat)
  walk.after[path] = null
  if (before.entry.type === 'dir') await removalsBelow(walk, name, new Set())
}

async function removalsBelow(walk: Walk, name: string, kept: ReadonlySet<string>): Promise<void> {
  for (const child of walk.lower.list(name)) {
    if (kept.has(child.name)) continue
    await breathe(walk)
    await removal(walk, `${name}/${child.name}`)
  }
}

let breaths = 0

async function breathe({ call }: Walk): Promise<void> {
  breaths += 1
  if (breaths % 64 === 0) await pause(call)
}

function note(walk: Walk, path: string): void {
  if (path in walk.after || Object.keys(walk.after).length < PATHS_MAX) return
  const hint = 'Leave what is scratch out of `writes` (say /tmp), or make the result a files.tree.'
  throw runFault('too-many-paths', 'invalid', 'The command changes too many files.', `More than ${PATHS_MAX} in ${walk.root}.`, hint)
}
