// Owns: the tree that is measured: config-like text of 0.3 to 1.5 KB a file, and versions of it, each of which rewrote
// a tenth of the one before. The same seed gives the same bytes.
// Never: reads a file.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { seeded } from '../statistics.ts'

const PER_FOLDER = 50 // files; /etc of a Debian server has about that many in its bigger folders
const FOLDERS_PER_PART = 40
const BYTES_MIN = 300
const BYTES_MAX = 1_500
const CHANGED_SHARE = 0.1
const words = ['listen', 'timeout', 'upstream', 'cache', 'retry', 'limit', 'backend', 'log_level', 'pool', 'max_conns', 'zone', 'root']

export interface GeneratedTree {
  readonly files: number
  readonly seed: number
  /** Paths in order. */
  readonly paths: readonly string[]
  /** What version `v` (1, 2, …) rewrote of the one before; none for version 1. */
  changedIn(version: number): readonly string[]
  /** Writes files of a version below `dir`; with `only`, just these. */
  write(dir: string, version: number, only?: readonly string[]): void
}

export function generateTree(files: number, seed: number): GeneratedTree {
  const paths = Array.from({ length: files }, (_, index) => pathOf(index))
  const indexOf = new Map(paths.map((path, index) => [path, index]))
  const changedIn = (version: number): readonly string[] => {
    if (version <= 1) return []
    const random = seeded(seed ^ Math.imul(version, 0x9e3779b1))
    const wanted = Math.max(1, Math.round(files * CHANGED_SHARE))
    const chosen = new Set<number>()
    while (chosen.size < wanted) chosen.add(Math.floor(random() * files))
    return [...chosen].toSorted((a, b) => a - b).map((index) => paths[index] ?? '')
  }
  const lastChange = (version: number): ReadonlyMap<string, number> => {
    const last = new Map<string, number>()
    for (let one = 2; one <= version; one += 1) for (const path of changedIn(one)) last.set(path, one)
    return last
  }
  return {
    files,
    seed,
    paths,
    changedIn,
    write(dir, version, only = paths) {
      const last = lastChange(version)
      const folders = new Set<string>()
      for (const path of only) {
        const full = join(dir, path)
        const folder = dirname(full)
        if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
        folders.add(folder)
        writeFileSync(full, textOf(seed, indexOf.get(path) ?? 0, last.get(path) ?? 1))
      }
    },
  }
}

function pathOf(index: number): string {
  const folder = Math.floor(index / PER_FOLDER)
  const part = Math.floor(folder / FOLDERS_PER_PART)
  return `part-${part}/site-${folder}.d/${String(index).padStart(6, '0')}.conf`
}

function textOf(seed: number, index: number, version: number): string {
  const random = seeded(seed ^ Math.imul(index + 1, 0x85ebca6b) ^ Math.imul(version, 0xc2b2ae35))
  const bytes = BYTES_MIN + Math.floor(random() * (BYTES_MAX - BYTES_MIN))
  let text = `# site ${index}, revision ${version}\n`
  while (text.length < bytes) {
    const word = words[Math.floor(random() * words.length)] ?? ''
    text += `${word}.${Math.floor(random() * 64)} = ${Math.floor(random() * 1e9).toString(36)};\n`
  }
  return text.slice(0, bytes)
}
