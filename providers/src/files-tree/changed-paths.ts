// Owns: the paths that a step changes, with what lstat says of each on both sides: the compare of compare-and-swap.
// Never: reads content. A write that leaves inode, size, mtime and ctime as they were is not seen here; a full look sees it.
import { isDigest, isObject, PRINT_NUMBERS } from '@understudy/contract'
import type { DirReads, Look } from '@understudy/contract'
import type { TreeMemento } from './memento.ts'
import { badTree } from './entry.ts'

export type Changed = TreeMemento['changed']

const INLINE_MAX = 16_384 // bytes of paths kept in the memento itself; more is an object

/** Prints of the paths below `base` (null: an absent tree). Of the tree itself only the rights count: a turn changes its times. */
export async function printsOf(dir: DirReads, base: string | null, paths: readonly string[], call: Pick<Look, 'prints'>) {
  if (base === null) return new BigUint64Array(paths.length * PRINT_NUMBERS)
  const prefix = `${base}/`
  const prints = await call.prints(
    dir,
    paths.map((path) => (path === '' ? base : prefix + path)),
  )
  const itself = paths.indexOf('') * PRINT_NUMBERS
  if (itself >= 0) prints.set([1n, prints[itself + 1] ?? 0n, 0n, 0n], itself)
  return prints
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
  const [before, after] = await Promise.all([printsOf(dir, bases.before, paths, call), printsOf(dir, bases.after, paths, call)])
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
  call: Pick<Look, 'get' | 'name' | 'prints'>,
): Promise<readonly string[]> {
  const now = await printsOf(dir, base, paths, call)
  if (sumOf(now, call) === changed[side]) return []
  const recorded = await call.get(changed.prints)
  const both = new BigUint64Array(recorded.slice().buffer)
  const offset = side === 'before' ? 0 : paths.length * PRINT_NUMBERS
  return paths.filter((_, index) => {
    for (let number = index * PRINT_NUMBERS; number < (index + 1) * PRINT_NUMBERS; number += 1)
      if (now[number] !== both[offset + number]) return true
    return false
  })
}
