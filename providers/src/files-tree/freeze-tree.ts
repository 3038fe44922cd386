// Owns: the wanted content taken out of the world once: folder and files of the spec into the store, as a tree without owners.
// Never: follows a link of the source, or takes a file that changed while it was read.
import { posix } from 'node:path'
import { Fault, isDigest, isObject } from '@understudy/contract'
import type { Digest, Hands, Json } from '@understudy/contract'
import { editTree } from './edit-tree.ts'
import { dirEntry, fileEntry, noCounts } from './entry.ts'
import type { Entry } from './entry.ts'
import { isPath } from './pointer.ts'
import { pause, readTree } from './read-tree.ts'
import { countsOf, keeping, openTrees, saveDirectory, saveRoot } from './tree-objects.ts'
import type { Keep, Trees } from './tree-objects.ts'
import { shown, treeFault } from './tree-fault.ts'
import { realPath } from '../files-file/real-path.ts'

export const FILE_MODE = 0o644
export const DIR_MODE = 0o755
const NOBODY = { uid: -1, gid: -1 }

/** Texts with holes stay in the spec (`want` resolves them in each world); everything else becomes `tree`. */
export async function freezeTree(spec: Json, base: string, call: Hands): Promise<Json> {
  if (!isObject(spec)) throw badSpec('the spec', spec)
  const { source, exclude, modes, tree, ...rest } = spec
  const path = literal(spec['path'], 'path')
  const absolute = posix.resolve(base, path)
  const files = spec['files']
  const inline = files === undefined ? {} : isObject(files) ? files : badFiles(files)
  const taken = Object.entries(inline).filter(([, file]) => isObject(file) && file['source'] !== undefined)
  if (isDigest(tree) && taken.length === 0 && source === undefined) return { ...spec, path: absolute }

  const trees = openTrees(call)
  const wanted = { files: modeOf(modes, 'files'), dirs: modeOf(modes, 'dirs') }
  let frozen: { root: Digest; entry: Entry }
  if (isDigest(tree)) frozen = { root: tree, entry: await trees.loadRoot(tree) }
  else if (source === undefined) frozen = await emptyTree(wanted.dirs, keeping(call))
  else
    frozen = await takeFolder(
      apart(posix.resolve(base, literal(source, 'source')), absolute, call),
      excludesOf(exclude),
      wanted,
      trees,
      call,
    )
  const edits = new Map<string, Entry | null>()
  for (const [name, file] of taken) {
    if (!isObject(file)) continue
    if (!isPath(name.split('/'))) throw badName(name)
    const from = posix.resolve(base, literal(file['source'], `files.${name}.source`))
    const mode = file['mode'] === undefined ? wanted.files : octal(file['mode'], `files.${name}.mode`)
    edits.set(name, await takeFile(from, mode, call))
  }
  if (edits.size > 0) frozen = await editTree(frozen.root, edits, trees, keeping(call))
  const left = Object.entries(inline).filter(([, file]) => !isObject(file) || file['source'] === undefined)
  return {
    ...rest,
    path: absolute,
    tree: frozen.root,
    counts: { ...(frozen.entry.counts ?? noCounts) },
    ...(modes === undefined ? {} : { modes }),
    ...(files === undefined ? {} : { files: Object.fromEntries(left) }),
  }
}

/** A tree in its own source would be taken into itself with every change; one that is its source, or holds it, would take it away. */
function apart(source: string, live: string, call: Hands): string {
  // The way to something in them: with a link at their end followed, too.
  const [from, to] = [source, live].map((path) => realPath(posix.join(path, 'x'), call).slice(0, -1))
  if (from === undefined || to === undefined || (!from.startsWith(to) && !to.startsWith(from))) return source
  throw treeFault(
    'source-overlaps',
    'invalid',
    'The live directory and its source must not contain one another.',
    `path ${shown(live)}, source ${shown(source)}`,
    'Keep the source in a directory of its own, beside the live one.',
  )
}

export async function emptyTree(mode: number | null, keep: Keep): Promise<{ root: Digest; entry: Entry }> {
  const entry = dirEntry({ mode: mode ?? DIR_MODE, ...NOBODY }, await saveDirectory(new Map(), keep), noCounts)
  return { root: await saveRoot(entry, keep), entry }
}

interface Modes {
  readonly files: number | null
  readonly dirs: number | null
}

async function takeFolder(
  folder: string,
  excludes: (path: string, name: string) => boolean,
  modes: Modes,
  trees: Trees,
  call: Hands,
): Promise<{ root: Digest; entry: Entry }> {
  const dir = openSource(folder, call)
  try {
    const stat = dir.stat('')
    if (stat?.type !== 'dir') throw noSource(folder)
    const read = await readTree(dir, '', {
      call: { ...call, progress: (done, of) => call.progress(done, of, 'taking the source') },
      keep: keeping(call),
      known: null,
      excludes,
      onContent: (bytes) => call.put(bytes),
    })
    if (read.sockets.length > 0) {
      const hint = 'Leave it out with `exclude:`.'
      throw treeFault(
        'socket-in-source',
        'invalid',
        'There is a unix socket in the source.',
        shown(`${folder}/${read.sockets[0] ?? ''}`),
        hint,
      )
    }
    const entry = await withoutOwners(read.entry, modes, trees, call)
    return { root: await saveRoot(entry, keeping(call)), entry }
  } finally {
    dir.close()
  }
}

/** Who owns the sources on the machine of whoever plans says nothing about who shall own the files. */
async function withoutOwners(entry: Entry, modes: Modes, trees: Trees, call: Hands): Promise<Entry> {
  const mode = entry.type === 'dir' ? (modes.dirs ?? entry.mode) : entry.type === 'file' ? (modes.files ?? entry.mode) : entry.mode
  const own = { ...entry, ...NOBODY, mode }
  if (entry.type !== 'dir' || entry.content === null) return own
  const entries = new Map<string, Entry>()
  for (const [name, below] of await trees.load(entry.content)) entries.set(name, await withoutOwners(below, modes, trees, call))
  await pause(call)
  return dirEntry(own, await saveDirectory(entries, keeping(call)), countsOf(entries), entry.xattrs)
}

async function takeFile(path: string, mode: number | null, call: Hands): Promise<Entry> {
  const dir = openSource(posix.dirname(path), call)
  try {
    const name = posix.basename(path)
    for (let tries = 0; tries < 3; tries += 1) {
      const before = dir.stat(name)
      if (before === null) throw noSource(path)
      if (before.type !== 'file') {
        throw treeFault(
          'source-not-file',
          'invalid',
          'The source of a file is no file.',
          `${shown(path)} (${before.type}).`,
          'Name a file; a folder goes into `source:`.',
        )
      }
      const bytes = dir.read(name)
      const after = dir.stat(name)
      if (after?.ctimeNs === before.ctimeNs && after.ino === before.ino && bytes.length === after.size) {
        return fileEntry({ mode: mode ?? before.mode, ...NOBODY }, await call.put(bytes), bytes.length)
      }
    }
    throw treeFault(
      'changed-while-read',
      'conflict',
      'A file or directory changed while it was read.',
      shown(path),
      'Stop whoever writes to it, and try again.',
    )
  } finally {
    dir.close()
  }
}

function openSource(folder: string, call: Hands) {
  try {
    return call.fx.fs.open(folder)
  } catch (thrown) {
    throw isGone(thrown) ? noSource(folder) : thrown
  }
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.fault.class === 'conflict'
}

function noSource(path: string) {
  return treeFault('no-source', 'invalid', 'The source is not there.', shown(path), 'Paths of sources start at the stack file.')
}

function excludesOf(exclude: Json | undefined): (path: string, name: string) => boolean {
  const words = Array.isArray(exclude) ? exclude.map((word: Json) => literal(word, 'exclude').replace(/^\.?\/|\/$/g, '')) : []
  const names = new Set(words.filter((word) => !word.includes('/')))
  const paths = new Set(words.filter((word) => word.includes('/')))
  return (path, name) => names.has(name) || paths.has(path)
}

function modeOf(modes: Json | undefined, which: 'files' | 'dirs'): number | null {
  const mode = isObject(modes) ? modes[which] : undefined
  return mode === undefined ? null : octal(mode, `modes.${which}`)
}

export function octal(mode: Json | undefined, where: string): number {
  if (typeof mode === 'string' && /^0?[0-7]{3,4}$/.test(mode)) return Number.parseInt(mode, 8)
  throw treeFault('bad-mode', 'invalid', 'This is no mode.', `${where}: ${JSON.stringify(mode)}.`, 'Write it in octal and quoted: "0644".')
}

function literal(value: Json | undefined, where: string): string {
  if (typeof value === 'string') return value
  if (isObject(value) && ('$ref' in value || '$join' in value)) {
    throw new Fault({
      code: 'plan.known-too-late',
      class: 'invalid',
      summary: 'A value is known only after preparing, but is needed while planning.',
      detail: where,
      hint: 'Write the value out. Inside the text of `files: { NAME: { content: … } }` references are fine.',
    })
  }
  throw badSpec(where, value ?? null)
}

function badFiles(files: Json): never {
  throw badSpec('files', files)
}

function badSpec(where: string, value: Json) {
  return treeFault(
    'bad-spec',
    'invalid',
    'The spec is not one of a tree.',
    `${where}: ${JSON.stringify(value).slice(0, 100)}.`,
    'See `understudy validate`.',
  )
}

export function badName(name: string) {
  const hint = 'Write a path inside the tree, without "..", "//" or a slash at its ends: conf.d/a.conf.'
  return treeFault('bad-name', 'invalid', 'A file of the spec has a name that leads out of the tree.', shown(name), hint)
}
