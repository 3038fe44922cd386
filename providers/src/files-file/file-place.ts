// Owns: where a file and its other side stand: `/etc/app.conf` beside `/etc/.app.conf.understudy/KEY`.
// Never: touches either.
import { posix } from 'node:path'

export interface FilePlace {
  readonly path: string
  readonly parent: string
  readonly name: string
  /** Directory for the sides that are not live; in the same directory, so that a rename can reach it. */
  readonly holder: string
  readonly slot: string
}

const NAME_BYTES_MAX = 255 // of Linux; `.` and `.understudy` take 12 of them

export function filePlace(path: string, key: string, name: (bytes: Uint8Array) => string): FilePlace {
  const own = posix.basename(path)
  const fits = Buffer.byteLength(own) + 12 <= NAME_BYTES_MAX
  const holder = fits ? `.${own}.understudy` : `.${name(Buffer.from(own, 'utf16le')).slice(2, 34)}.understudy`
  return { path, parent: posix.dirname(path), name: own, holder, slot: `${holder}/${key.replaceAll('/', '-')}` }
}
