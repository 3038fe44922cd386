// Owns: where a file and its other side stand: `/etc/app.conf` beside `/etc/.app.conf.understudy/KEY`, and the links that
// lead to each by its inode, as those of a tree do: `/etc/.app.conf.understudy/iINODE`.
// Never: touches any of them.
import { posix } from 'node:path'
import type { Names } from '../files-tree/place.ts'

export interface FilePlace {
  readonly path: string
  readonly parent: string
  readonly name: string
  /** Directory for the sides that are not live; in the same directory, so that a rename can reach it. */
  readonly holder: string
  /** The same as a tree's place, for its links. */
  readonly names: Names
  readonly slot: string
}

const NAME_BYTES_MAX = 255 // of Linux; `.` and `.understudy` take 12 of them

export function filePlace(path: string, key: string, name: (bytes: Uint8Array) => string): FilePlace {
  const own = posix.basename(path)
  const fits = Buffer.byteLength(own) + 12 <= NAME_BYTES_MAX
  const holder = fits ? `.${own}.understudy` : `.${name(Buffer.from(own, 'utf16le')).slice(2, 34)}.understudy`
  const parent = posix.dirname(path)
  const names = { parent, live: own, slots: holder }
  return { path, parent, name: own, holder, names, slot: `${holder}/${key.replaceAll('/', '-')}` }
}
