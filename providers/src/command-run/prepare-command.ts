// Owns: the slow half of a step: each path's new side made beside, in its root, and the list of edits.
// Never: touches a live path, or prepares on top of what the plan did not see.
import type { At, DirReads, DirWrites, Hands, Prepared } from '@understudy/contract'
import { completeCopy } from './complete-copy.ts'
import { editsBytes, loadList, loadRun, noEntries, sameButLinks, sameEntry } from './entries.ts'
import type { Edit, Edits, Entries, Entry } from './entries.ts'
import { makeEntry } from './make-entry.ts'
import { openRoots, parentIn, readPaths, siteOf, statOrNull } from './read-entry.ts'
import { changedOutside, runFault } from './run-fault.ts'
import { readRecord } from './run-record.ts'
import { rememberRoots } from './slot-roots.ts'
import { slotsName } from './slots.ts'
import type { CommandMemento, CommandOut, CommandPart, CommandState, RunRecord } from './spec.ts'
import { joined } from './want-command.ts'

export async function prepareCommand(
  { part }: At<CommandPart>,
  from: CommandState | null,
  to: CommandState | null,
  call: Hands,
): Promise<Prepared<CommandMemento, CommandOut>> {
  const { roots, wanted, expected, first } = await goal(from, to, call)
  if (!part.runs) await completeCopy(part.root, roots, first, call)
  const paths = Object.keys(wanted).toSorted()
  // With content: what is there now has to be found again, whatever becomes of the files.
  const now = await readPaths(part.root, roots, paths, call, (bytes) => call.put(bytes))
  const strange = paths.filter((path) => !expected(path, now.entries[path] ?? null))
  if (strange.length > 0) throw changedOutside(strange)
  const differing = paths.filter((path) => !sameEntry(now.entries[path] ?? null, wanted[path] ?? null))
  const edits = differing.map((path, index): Edit => {
    const stat = now.stats.get(path)
    const { root } = siteOf(path, roots)
    const sides = { before: now.entries[path] ?? null, after: wanted[path] ?? null }
    return {
      path,
      root,
      slot: `${index}`,
      ...sides,
      beforeIno: `${stat?.ino ?? ''}`,
      afterIno: '',
    }
  })
  const times = timesAround(part.root, edits, call)
  const made = await makeSlots(part.root, edits, call)
  const before = readRecord(call)
  const after: RunRecord | null =
    to === null
      ? null
      : { origin: to.origin, run: to.run, effects: to.effects, secret: to.secret, bare: to.bare, by: call.key, begun: false }
  const bare = to?.bare ?? null
  return {
    memento: { key: call.key, edits: await call.put(editsBytes({ edits: made, times })), before, after },
    out: to === null ? null : await loadRun(to.run, call),
    reversal: bare === null ? ((to?.effects.length ?? 0) > 0 ? 'compensate' : 'restore') : bare.undo === null ? 'none' : 'compensate',
    bytesHeld: made.reduce((sum, { before: old }) => sum + (old?.type === 'file' ? old.size : 0), 0),
    losses: bare === null ? (to?.effects ?? []) : lossesOf(to?.effects ?? [], bare.command),
  }
}

function lossesOf(effects: readonly string[], command: readonly string[]): readonly string[] {
  return effects.length > 0 ? effects : [`whatever ${command.join(' ')} does`]
}

interface Goal {
  readonly roots: readonly string[]
  readonly wanted: Entries
  readonly expected: (path: string, now: Entry | null) => boolean
  /** What this run is the first to change, as it found it. */
  readonly first: Entries
}

async function goal(from: CommandState | null, to: CommandState | null, call: Hands): Promise<Goal> {
  const fromPaths = from === null ? noEntries : await loadList(from.paths, call)
  const fromOrigin = from === null ? noEntries : await loadList(from.origin, call)
  const toPaths = to === null ? noEntries : await loadList(to.paths, call)
  const toOrigin = to === null ? noEntries : await loadList(to.origin, call)
  const expected = (path: string, now: Entry | null): boolean =>
    path in fromPaths.entries
      ? sameEntry(now, fromPaths.entries[path] ?? null)
      : // A path that this run is the first to change: it has to be as the run found it.
        sameButLinks(now, toOrigin.entries[path] ?? null)
  // A path that the wanted state does not know goes back to where it came from.
  const wanted = { ...fromOrigin.entries, ...toPaths.entries }
  const first = Object.fromEntries(Object.entries(toOrigin.entries).filter(([path]) => !(path in fromPaths.entries)))
  return { roots: joined(fromPaths.roots, toPaths.roots), wanted, expected, first }
}

async function makeSlots(prefix: string, edits: readonly Edit[], call: Hands): Promise<readonly Edit[]> {
  if (edits.length === 0) return edits
  const used = [...new Set(edits.map(({ root }) => root))]
  rememberRoots(call, used)
  const folder = slotsName(call.key)
  const roots = openRoots<DirWrites>(prefix, (dir) => call.fx.fs.open(dir))
  const tops = new Map<string, bigint>()
  try {
    for (const root of used) {
      const dir = roots.open(root)
      if (dir === null) throw changedOutside([root])
      const top = dir.stat('')
      if (top !== null) tops.set(root, top.mtimeNs)
      dir.remove(folder) // left by an earlier try of this very step
      dir.mkdir(folder, 0o700)
      checkExchange(dir, folder)
    }
    const made: Edit[] = []
    const slots = new Map(edits.map(({ path, slot, root }) => [path, { slot, root }]))
    for (const edit of edits) {
      const dir = roots.open(edit.root)
      if (dir === null) throw changedOutside([edit.root])
      if (edit.after === null || changesInPlace(edit)) {
        made.push(changesInPlace(edit) ? { ...edit, afterIno: edit.beforeIno } : edit)
        continue
      }
      const group = edit.after.type === 'file' ? edit.after.group : null
      const first = group === null || group === edit.path ? undefined : slots.get(group)
      const linkTo = first === undefined || first.root !== edit.root ? null : `${folder}/${first.slot}`
      await makeEntry(dir, `${folder}/${edit.slot}`, edit.after, linkTo, call)
      made.push({ ...edit, afterIno: `${dir.stat(`${folder}/${edit.slot}`)?.ino ?? ''}` })
      call.progress(made.length, edits.length, 'preparing')
      if (made.length % 64 === 0) await call.fx.pause()
    }
    for (const root of used) {
      roots.open(root)?.sync(folder)
      const mtimeNs = tops.get(root)
      if (mtimeNs !== undefined) roots.open(root)?.setMtime('', mtimeNs) // preparing is invisible
      roots.open(root)?.sync('')
    }
    return made
  } finally {
    roots.close()
  }
}

/** The directories that something comes into or goes from. */
function timesAround(prefix: string, edits: readonly Edit[], call: Hands): Edits['times'] {
  const roots = openRoots<DirReads>(prefix, (dir) => call.fx.fs.open(dir))
  const times = new Map<string, Edits['times'][number]>()
  try {
    for (const edit of edits) {
      const name = parentIn(edit)
      const stat = name === null ? null : statOrNull(roots.open(edit.root), name)
      if (name !== null && stat?.type === 'dir') times.set(`${edit.root}/${name}`, { root: edit.root, name, mtimeNs: `${stat.mtimeNs}` })
    }
  } finally {
    roots.close()
  }
  return [...times.values()]
}

/** A directory that stays is not swapped: what is in it is not ours. */
export function changesInPlace({ before, after }: Pick<Edit, 'before' | 'after'>): boolean {
  return before?.type === 'dir' && after?.type === 'dir'
}

function checkExchange(dir: DirWrites, folder: string): void {
  const [one, two] = [`${folder}/probe-a`, `${folder}/probe-b`]
  dir.create(one, new Uint8Array(), 0o600)
  dir.create(two, new Uint8Array(), 0o600)
  const can = dir.exchange(one, dir, two)
  dir.remove(one)
  dir.remove(two)
  if (can) return
  const hint = 'Keep these files on a local file system (ext4, xfs, btrfs, tmpfs).'
  throw runFault('no-exchange', 'invalid', 'The file system cannot exchange two names.', dir.path, hint)
}
