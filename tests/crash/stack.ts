// Owns: the little stack that is killed: a directory and a file, in two releases, and what each looks like.
// Never: more than what shows whether a kill left a mixture.
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Wishes } from '../kit.ts'

export function writeSources(dir: string): void {
  for (const release of ['v1', 'v2']) {
    const folder = join(dir, 'src', release)
    mkdirSync(join(folder, 'sub'), { recursive: true })
    writeFileSync(join(folder, 'same.txt'), 'the same\n')
    writeFileSync(join(folder, 'changed.txt'), `of ${release}\n`)
    writeFileSync(join(folder, 'sub', `only-${release}.txt`), release)
  }
  mkdirSync(join(dir, 'live'))
}

export function crashStack(release: string): Wishes {
  return {
    config: { kind: 'files.tree', spec: { path: 'live/config', source: `src/${release}` } },
    motd: { kind: 'files.file', spec: { path: 'live/motd', content: `hello from ${release}\n` } },
  }
}

/** One line for all that is live: names, contents, modes and times; equal for equal states. */
export function liveDigest(dir: string): string {
  const hash = createHash('sha256')
  const walk = (path: string, name: string): void => {
    if (!existsSync(path)) return void hash.update(`${name} absent\0`)
    const { mode, mtimeNs } = lstatSync(path, { bigint: true })
    const folder = (mode & 0o170000n) === 0o040000n
    hash.update(`${name}\0${mode}\0${folder ? '' : mtimeNs}\0`)
    if (!folder) hash.update(readFileSync(path))
    else for (const entry of readdirSync(path).toSorted()) walk(join(path, entry), `${name}/${entry}`)
  }
  walk(join(dir, 'live', 'config'), 'config')
  walk(join(dir, 'live', 'motd'), 'motd')
  return hash.digest('hex')
}
