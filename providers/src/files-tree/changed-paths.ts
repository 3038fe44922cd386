// Owns: the paths that a step changes, with what lstat says of each on both sides: the compare of compare-and-swap.
// Never: reads content. A write that leaves inode, size, mtime and ctime as they were is not seen here; a full look sees it.
import { isDigest, isObject } from '@understudy/contract'
import type { DirReads, Look, Stat } from '@understudy/contract'
import type { TreeMemento } from './memento.ts'
import { badTree } from './entry.ts'

export type Changed = TreeMemento['changed']

const NUMBERS = 4 // inode, size or rights, mtime, ctime: 32 bytes a path
const INLINE_MAX = 16_384 // bytes of paths kept in the memento itself; more is an object

/** Fingerprints of the paths below `base`, absent ones as zeros. */
export function printsOf(dir: DirReads, base: string | null, paths: readonly string[]): BigUint64Array {
  const prints = new BigUint64Array(paths.length * NUMBERS)
  if (base === null) return prints
  const prefix = `${base}/`
  for (let index = 0, at = 0; index < paths.length; index += 1, at += NUMBERS) {
    const path = paths[index] ?? ''
    const stat = dir.stat(path === '' ? base : prefix + path)
    if (stat !== null) fill(prints, at, stat, path === '')
  }
  return prints
}

/** A directory's ctime changes when it is renamed, so for directories it does not count; the tree's own times neither. */
function fill(prints: BigUint64Array, at: number, stat: Stat, isTree: boolean): void {
  const dir = stat.type === 'dir'
  prints[at] = isTree ? 1n : stat.ino
  prints[at + 1] = dir ? (BigInt(stat.mode) << 48n) ^ (BigInt(stat.uid) << 24n) ^ BigInt(stat.gid) : BigInt(stat.size)
  prints[at + 2] = isTree ? 0n : BigInt.asUintN(64, stat.mtimeNs)
  prints[at + 3] = dir ? 0n : BigInt.asUintN(64, stat.ctimeNs)
}

export function sumOf(prints: BigUint64Array, call: Pick<Look, 'name'>) {
  return call.name(bytesOf(prints))
}

function bytesOf(prints: BigUint64Array): Uint8Array {
  return new Uint8Array(prints.buffer, prints.byteOffset, prints.byteLength)
}

/** Takes the fingerprints of both sides. A side that is absent has base null. */
export async function recordChanged(
  dir: DirReads,
  bases: { readonly before: string | null; readonly after: string | null },
  paths: readonly string[],
  call: Look,
): Promise<Changed> {
  const [before, after] = [printsOf(dir, bases.before, paths), printsOf(dir, bases.after, paths)]
  const prints = await call.put(Buffer.concat([bytesOf(before), bytesOf(after)]))
  const listed = Buffer.from(JSON.stringify({ v: 1, paths }), 'utf8')
  return {
    count: paths.length,
    paths: listed.length <= INLINE_MAX ? [...paths] : await call.put(listed),
    prints,
    before: sumOf(before, call),
    after: sumOf(after, call),
  }
}

export async function pathsOf({ paths }: Changed, call: Pick<Look, 'get'>): Promise<readonly string[]> {
  if (!isDigest(paths)) return paths
  const value: unknown = JSON.parse(Buffer.from(await call.get(paths)).toString('utf8'))
  const listed = isObject(value) ? value['paths'] : undefined
  if (!Array.isArray(listed) || !listed.every((path) => typeof path === 'string')) throw badTree('the list of changed paths')
  return listed
}

/** Names of what is not as recorded for that side; empty when all is. */
export async function driftOf(
  dir: DirReads,
  base: string,
  side: 'before' | 'after',
  changed: Changed,
  paths: readonly string[],
  call: Pick<Look, 'get' | 'name'>,
): Promise<readonly string[]> {
  const now = printsOf(dir, base, paths)
  if (sumOf(now, call) === changed[side]) return []
  const recorded = await call.get(changed.prints)
  const both = new BigUint64Array(recorded.slice().buffer)
  const offset = side === 'before' ? 0 : paths.length * NUMBERS
  return paths.filter((_, index) => {
    for (let number = index * NUMBERS; number < (index + 1) * NUMBERS; number += 1) if (now[number] !== both[offset + number]) return true
    return false
  })
}
