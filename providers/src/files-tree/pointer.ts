// Owns: paths in a tree as JSON pointers (RFC 6901): `conf.d/a.conf` is `/files/conf.d~1a.conf`, a directory's own
// mode and owner `/files/conf.d~1`, the tree's own `/files/.~1`.
// Never: takes a path that leads out of a tree.
import { treeFault } from './tree-fault.ts'

const PREFIX = '/files/'

export function pointerOf(path: string, isDirectory: boolean): string {
  const name = path === '' ? './' : isDirectory ? `${path}/` : path
  return PREFIX + name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Slashes may be written as they are: `/files/conf.d/a.conf`. Null: it can name nothing in a tree. */
export function pathNamed(pointer: string): string | null {
  const path = pointer.slice(PREFIX.length).replaceAll('~1', '/').replaceAll('~0', '~').replace(/\/$/, '')
  const sound = pointer.startsWith(PREFIX) && path !== '' && (path === '.' || isPath(path.split('/')))
  return sound ? (path === '.' ? '' : path) : null
}

export function pathOfPointer(pointer: string): string {
  const path = pathNamed(pointer)
  if (path !== null) return path
  const hint = 'Write `#/files/NAME`, e.g. `shop/config#/files/nginx.conf` or `shop/config#/files/conf.d/a.conf`.'
  throw treeFault('bad-pointer', 'invalid', 'This names no file of a tree.', pointer, hint)
}

export function isPath(names: readonly string[]): boolean {
  return names.length > 0 && names.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'))
}
