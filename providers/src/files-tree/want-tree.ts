// Owns: the state that a frozen spec asks for in one world: owners filled in, texts of that world written into it.
// Never: changes anything; reads of the live tree only who owns what.
import type { Digest, DirReads, Look, Stat, Wanted } from '@understudy/contract'
import { dirEntry, fileEntry, noCounts } from './entry.ts'
import type { Entry } from './entry.ts'
import { editTree } from './edit-tree.ts'
import { badName, DIR_MODE, emptyTree, FILE_MODE, octal } from './freeze-tree.ts'
import { isPath } from './pointer.ts'
import { liveStat, namesOf, openToRead } from './place.ts'
import { pause } from './read-tree.ts'
import { join, parentOf } from './tree-difference.ts'
import { countsOf, keeping, openTrees, saveDirectory, saveRoot } from './tree-objects.ts'
import type { Trees } from './tree-objects.ts'
import type { TreePart, TreeSpec, TreeState } from './tree-schemas.ts'
import { stateOf } from './components.ts'
import { treeFault } from './tree-fault.ts'
import { realPath } from '../files-file/real-path.ts'

interface Owner {
  readonly uid: number
  readonly gid: number
}

export async function wantTree(part: TreePart, spec: TreeSpec, call: Look): Promise<Wanted<TreeState>> {
  const trees = openTrees(call)
  if (spec.source !== undefined) {
    throw treeFault('not-frozen', 'bug', 'The source of this spec was not taken into the store.', spec.source, 'Freeze the spec first.')
  }
  const defaults = { files: spec.modes.files, dirs: spec.modes.dirs }
  let root: Digest =
    spec.tree ?? (await emptyTree(defaults.dirs === undefined ? null : octal(defaults.dirs, 'modes.dirs'), keeping(call))).root
  const edits = await inlineEdits(spec, root, trees, call)
  if (edits.size > 0) root = (await editTree(root, edits, trees, keeping(call))).root

  const place = openToRead(part.path, call)
  try {
    const live = place === null ? null : liveStat(place)
    const fixed = spec.owner === 'keep' ? null : spec.owner
    const first = fixed ?? live ?? ownerAbove(part.path, call)
    const owned = await withOwners(await trees.loadRoot(root), {
      dir: live === null || place === null ? null : place.dir,
      path: namesOf(part.path).live,
      owner: first,
      fixed,
      trees,
      call,
    })
    return { state: stateOf(await saveRoot(owned, keeping(call)), owned), claims: [`file:${realPath(part.path, call)}/`] }
  } finally {
    place?.dir.close()
  }
}

async function inlineEdits(spec: TreeSpec, root: Digest, trees: Trees, call: Look): Promise<ReadonlyMap<string, Entry | null>> {
  const edits = new Map<string, Entry | null>()
  const fileMode = spec.modes.files ?? `0${FILE_MODE.toString(8)}`
  const dirMode = octal(spec.modes.dirs ?? `0${DIR_MODE.toString(8)}`, 'modes.dirs')
  const empty = await saveDirectory(new Map(), keeping(call))
  for (const [name, file] of Object.entries(spec.files ?? {})) {
    if (!isPath(name.split('/'))) throw badName(name)
    const content = typeof file === 'string' ? file : file.content
    if (content === undefined) {
      throw treeFault(
        'no-content',
        'invalid',
        'A file of the spec has neither content nor source.',
        name,
        'Give it `content:` or `source:`.',
      )
    }
    const text = typeof content === 'string' ? content : await call.reveal(content)
    const bytes = Buffer.from(text, 'utf8')
    const mode = octal((typeof file === 'string' ? undefined : file.mode) ?? fileMode, `files.${name}.mode`)
    for (let above = parentOf(name); above !== '' && !edits.has(above); above = parentOf(above)) {
      if ((await trees.find(root, above)) === null) edits.set(above, dirEntry({ mode: dirMode, uid: -1, gid: -1 }, empty, noCounts))
    }
    edits.set(name, fileEntry({ mode, uid: -1, gid: -1 }, await call.put(bytes), bytes.length))
  }
  return edits
}

interface Owning {
  readonly dir: DirReads | null
  readonly path: string
  readonly owner: Owner
  readonly fixed: Owner | null
  readonly trees: Trees
  readonly call: Look
}

/** What is there keeps its owner; what is new is owned as the directory that it comes into. */
async function withOwners(entry: Entry, at: Owning): Promise<Entry> {
  const { uid, gid } = at.owner
  const own = { ...entry, uid, gid }
  if (entry.type !== 'dir' || entry.content === null) return own
  const entries = new Map<string, Entry>()
  for (const [name, below] of await at.trees.load(entry.content)) {
    const path = join(at.path, name)
    const there: Stat | null = at.dir === null ? null : at.dir.stat(path)
    const stays = there !== null && (there.type === below.type || (there.type !== 'dir' && below.type !== 'dir')) ? there : null
    const owner = at.fixed ?? stays ?? at.owner
    entries.set(name, await withOwners(below, { ...at, dir: there?.type === 'dir' ? at.dir : null, path, owner }))
  }
  await pause(at.call)
  return dirEntry(own, await saveDirectory(entries, keeping(at.call)), countsOf(entries), entry.xattrs)
}

/** Nothing is there yet: whoever runs us will own it, known by the nearest directory there is of the ones made for this world. */
function ownerAbove(path: string, call: Look): Owner {
  for (const start of [call.room, path]) {
    for (let at = start; at !== '/' && at !== '.';) {
      try {
        const dir = call.fx.fs.open(at)
        const stat = dir.stat('')
        dir.close()
        if (stat !== null) return stat
      } catch {
        // not there yet: the one above it
      }
      at = namesOf(at).parent
    }
  }
  return { uid: 0, gid: 0 }
}
