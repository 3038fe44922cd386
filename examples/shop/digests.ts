// Owns: digests of what is really there, taken by the demo's own means, so that it believes nobody.
// Never: uses code of Understudy.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Names, contents, modes and modification times of a directory. */
export function directoryDigest(dir: string): string {
  const hash = createHash('sha256')
  const walk = (path: string, name: string): void => {
    const { mode, mtimeNs } = lstatSync(path, { bigint: true })
    hash.update(`${name}\0${mode}\0${name === '' ? '' : mtimeNs}\0`)
    if ((mode & 0o170000n) === 0o040000n) for (const entry of readdirSync(path).toSorted()) walk(join(path, entry), `${name}/${entry}`)
    else hash.update(readFileSync(path))
  }
  walk(dir, '')
  return hash.digest('hex').slice(0, 16)
}

export function fileDigest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16)
}
