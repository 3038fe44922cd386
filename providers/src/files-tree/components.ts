// Owns: files of a tree as components of its state, and merging by file.
// Never: merges inside of a file: two edits of one file are a conflict.
import type { Components, Json, Look, Merging } from '@understudy/contract'
import { componentOf, entryOfComponent, sameEntry, sameSelf } from './entry.ts'
import type { Entry } from './entry.ts'
import { editTree } from './edit-tree.ts'
import { pathNamed, pathOfPointer, pointerOf } from './pointer.ts'
import { allBelow, differenceOf, eachPath, parentOf } from './tree-difference.ts'
import type { Difference } from './tree-difference.ts'
import { keeping, naming, openTrees, saveDirectory } from './tree-objects.ts'
import type { TreeState } from './tree-schemas.ts'
import { treeFault } from './tree-fault.ts'

const TEXT_MAX = 1_048_576 // bytes shown as text; a difference of more is no reading matter

export const treeComponents: Components<TreeState> = {
  async list(state, call) {
    const trees = openTrees(call)
    const below = await allBelow('', await trees.loadRoot(state.root), trees)
    return [pointerOf('', true), ...below.map(([path, entry]) => pointerOf(path, entry.type === 'dir'))]
  },
  async differ(a, b, call) {
    return (await changes(a, b, call)).map(({ path, before, after }) => pointerOf(path, (after ?? before)?.type === 'dir'))
  },
  async get(state, pointer, call) {
    const path = pathNamed(pointer)
    const entry = path === null ? null : await openTrees(call).find(state.root, path)
    return entry === null ? undefined : componentOf(entry)
  },
  async set(state, pointer, value, call) {
    const entry = value === undefined ? null : entryOfComponent(value, await saveDirectory(new Map(), keeping(call)))
    if (entry === null && value !== undefined) {
      throw treeFault(
        'bad-component',
        'invalid',
        'This is no file, directory or link.',
        JSON.stringify(value).slice(0, 200),
        'Take one as `get` gives it.',
      )
    }
    return edited(state, new Map([[pathOfPointer(pointer), entry]]), call)
  },
  async text(component, call) {
    const entry = entryOfComponent(component, await saveDirectory(new Map(), naming(call)))
    if (entry?.type === 'link') return entry.target
    if (entry?.type !== 'file' || entry.content === null || entry.size > TEXT_MAX) return null
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await call.get(entry.content))
      return text.includes('\0') ? null : text
    } catch {
      return null // not text, or its bytes were never put into the store
    }
  },
}

export const treeMerging: Merging<TreeState> = {
  async merge(base, ours, theirs, call) {
    const roots = [base, ours, theirs].map((state) => state?.root ?? null)
    if (roots[1] === roots[2] || roots[0] === roots[2]) return { merged: ours }
    if (roots[0] === roots[1]) return { merged: theirs }
    if (ours === null || theirs === null) {
      return { conflicts: [{ pointer: pointerOf('', true), base: state(base), ours: state(ours), theirs: state(theirs) }] }
    }
    const mine = new Map((await changes(base, ours, call)).map((change) => [change.path, change]))
    const others = await changes(base, theirs, call)
    const edits = new Map<string, Entry | null>()
    const conflicts: { pointer: string; base: Json; ours: Json; theirs: Json }[] = []
    const gone = { mine: removed(mine.values()), theirs: removed(others) }
    const trees = openTrees(call)
    for (const change of others) {
      const own = mine.get(change.path)
      const same = own !== undefined && alike(own.after, change.after)
      const away = awayFor(change, gone.mine)
      if (same) continue
      if (own === undefined && away.length === 0) {
        edits.set(change.path, change.after)
        continue
      }
      for (const path of [...away, change.path]) conflicts.push(await conflict(path, base, ours, theirs))
    }
    for (const change of mine.values()) {
      const away = awayFor(change, gone.theirs)
      for (const path of away.length === 0 ? [] : [...away, change.path]) conflicts.push(await conflict(path, base, ours, theirs))
    }
    if (conflicts.length > 0) return { conflicts: unique(conflicts) }
    return { merged: await edited(ours, edits, call) }

    async function conflict(path: string, ...sides: readonly (TreeState | null)[]) {
      const found: (Entry | null)[] = []
      for (const side of sides) found.push(side === null ? null : await trees.find(side.root, path))
      const [was, our, their] = found.map((entry) => (entry === null ? null : componentOf(entry)))
      const isDirectory = found.some((entry) => entry?.type === 'dir')
      return { pointer: pointerOf(path, isDirectory), base: was ?? null, ours: our ?? null, theirs: their ?? null }
    }
  },
}

function unique<T extends { readonly pointer: string }>(conflicts: readonly T[]): T[] {
  return [...new Map(conflicts.map((one) => [one.pointer, one])).values()]
}

/** What stopped being a directory. */
function removed(changed: Iterable<Difference>): ReadonlySet<string> {
  return new Set([...changed].filter(({ before, after }) => before?.type === 'dir' && after?.type !== 'dir').map(({ path }) => path))
}

/** Directories that the other side removed and something is to stand in: who decides for that decides for them as well. */
function awayFor({ path, after }: Difference, gone: ReadonlySet<string>): readonly string[] {
  return after === null ? [] : above(path).filter((directory) => gone.has(directory))
}

/** The directories that a path stands in, the outermost first; without the tree itself. */
function above(path: string): readonly string[] {
  const parent = parentOf(path)
  return parent === '' ? [] : [...above(parent), parent]
}

function alike(a: Entry | null, b: Entry | null): boolean {
  if (a?.type === 'dir' && b?.type === 'dir') return sameSelf(a, b)
  return sameEntry(a, b)
}

function state(value: TreeState | null): Json {
  return value === null ? null : { ...value }
}

/** Every path that differs, each once. A file that became a directory is one change of that path. */
async function changes(a: TreeState | null, b: TreeState | null, call: Look): Promise<readonly Difference[]> {
  const trees = openTrees(call)
  return eachPath(await differenceOf(a?.root ?? null, b?.root ?? null, trees), trees)
}

async function edited({ root }: TreeState, edits: ReadonlyMap<string, Entry | null>, call: Look): Promise<TreeState> {
  const after = await editTree(root, edits, openTrees(call), keeping(call))
  return stateOf(after.root, after.entry)
}

export function stateOf(root: TreeState['root'], { counts }: Entry): TreeState {
  const { files = 0, dirs = 0, links = 0, other = 0, bytes = 0 } = counts ?? {}
  return { root, files, dirs, links, other, bytes }
}
