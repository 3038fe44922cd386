// Owns: what differs between two trees in the store, in the order of a walk; reads only directories that differ.
// Never: looks at a file system.
import type { Digest } from '@understudy/contract'
import { sameSelf } from './entry.ts'
import type { Entry } from './entry.ts'
import type { Trees } from './tree-objects.ts'

/** One path. Both sides directories: they differ in themselves (mode, owner, xattrs), not in what they hold. */
export interface Difference {
  /** Relative to the tree; '' is the tree itself. */
  readonly path: string
  readonly before: Entry | null
  readonly after: Entry | null
}

/** Differences from `a` to `b`, parents first. What came or went as a whole is one difference. Null is absence. */
export async function differenceOf(a: Digest | null, b: Digest | null, trees: Trees): Promise<Difference[]> {
  if (a === b) return []
  const found: Difference[] = []
  await compare('', a === null ? null : await trees.loadRoot(a), b === null ? null : await trees.loadRoot(b), trees, found)
  return found
}

async function compare(path: string, before: Entry | null, after: Entry | null, trees: Trees, found: Difference[]): Promise<void> {
  if (before === null || after === null || !sameSelf(before, after)) found.push({ path, before, after })
  if (before?.type !== 'dir' || after?.type !== 'dir') return
  if (before.content === after.content || before.content === null || after.content === null) return
  const [left, right] = await trees.loadDifferent(before.content, after.content)
  for (const name of [...new Set([...left.keys(), ...right.keys()])].sort()) {
    const [mine, theirs] = [left.get(name) ?? null, right.get(name) ?? null]
    if (mine !== null && theirs !== null && mine.content === theirs.content && sameSelf(mine, theirs)) continue
    await compare(join(path, name), mine, theirs, trees, found)
  }
}

/** Each path below what came or went as a whole on its own, too. */
export async function eachPath(differences: readonly Difference[], trees: Trees): Promise<Difference[]> {
  const all: Difference[] = []
  for (const { path, before, after } of differences) {
    all.push({ path, before, after })
    const bothDirs = before?.type === 'dir' && after?.type === 'dir'
    if (bothDirs) continue
    if (before?.type === 'dir')
      for (const [below, entry] of await allBelow(path, before, trees)) all.push({ path: below, before: entry, after: null })
    if (after?.type === 'dir')
      for (const [below, entry] of await allBelow(path, after, trees)) all.push({ path: below, before: null, after: entry })
  }
  return all
}

/** Everything below a directory, parents first. */
export async function allBelow(path: string, dir: Entry, trees: Trees): Promise<[string, Entry][]> {
  const all: [string, Entry][] = []
  if (dir.content === null) return all
  for (const [name, entry] of await trees.load(dir.content)) {
    const below = join(path, name)
    all.push([below, entry])
    if (entry.type === 'dir') for (const item of await allBelow(below, entry, trees)) all.push(item)
  }
  return all
}

export function join(path: string, name: string): string {
  return path === '' ? name : name === '' ? path : `${path}/${name}`
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? '' : path.slice(0, slash)
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
