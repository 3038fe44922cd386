// Owns: which files of the checkout are looked at.
// Never: depends on git being there: a copy of the tree is checked like a clone.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TextFile } from './source-file.ts'

/** As in .gitignore. */
const skipped = new Set(['.git', 'node_modules', 'dist', '.understudy', 'coverage'])
/** Bytes. Larger files are recorded data, not written by hand. */
const sizeMax = 2 ** 20

/** All text files under the root (a file with a NUL byte is not text). */
export function readFiles(root: string): TextFile[] {
  const files: TextFile[] = []
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (skipped.has(entry.name) || /\.(log|tgz)$/.test(entry.name)) continue
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      if (!entry.isFile()) continue
      const bytes = readFileSync(join(root, path))
      if (bytes.length <= sizeMax && !bytes.includes(0)) files.push({ path, text: bytes.toString('utf8') })
    }
  }
  walk('')
  return files
}
