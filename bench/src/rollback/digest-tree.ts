// Owns: what a directory really holds, taken by the benchmark's own means, so that it believes no contender.
// Never: uses code of Understudy.
import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { join } from 'node:path'

const BUFFER_BYTES = 65_536

/** SHA-256 over names, types, rights and contents; `.git` left out. */
export function digestTree(dir: string): string {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  const walk = (folder: string, inside: string): void => {
    for (const name of readdirSync(folder).toSorted()) {
      if (name === '.git') continue
      const [path, shown] = [join(folder, name), `${inside}/${name}`]
      const { mode, size } = lstatSync(path)
      hash.update(`${shown}\0${mode}\0`)
      if ((mode & 0o170000) === 0o040000) walk(path, shown)
      else if ((mode & 0o170000) === 0o120000) hash.update(readlinkSync(path))
      else {
        hash.update(`${size}\0`)
        addContent(path, buffer, (bytes) => hash.update(bytes))
      }
    }
  }
  walk(dir, '')
  return hash.digest('hex')
}

/** The physical limit of looking at everything: one buffer, one thread, lstat and SHA-256 of each file. */
export function digestEachFile(dir: string): number {
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  let files = 0
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else {
        lstatSync(path)
        const hash = createHash('sha256')
        addContent(path, buffer, (bytes) => hash.update(bytes))
        hash.digest()
        files += 1
      }
    }
  }
  walk(dir)
  return files
}

function addContent(path: string, buffer: Buffer, add: (bytes: Uint8Array) => void): void {
  const file = openSync(path, 'r')
  try {
    for (;;) {
      const count = readSync(file, buffer, 0, buffer.length, null)
      if (count === 0) return
      add(buffer.subarray(0, count))
      if (count < buffer.length) return
    }
  } finally {
    closeSync(file)
  }
}
