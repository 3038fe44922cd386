// Owns: the file with the store's key: 32 random bytes, made once, whole and on disk before anybody sees it.
// Never: replaces a key; never makes one for a store that exists.
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fchmodSync, fsyncSync, linkSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../fx/system-error.ts'
import { storeFault } from './store-fault.ts'

const KEY_BYTES = 32
const DRAFT = 'key.new-' // what a kill may leave over; never read

/**
 * The key of the store in `dir`. Without one it is made, unless `exists` (then fault `store.key-missing`). Two makers
 * agree: a link fails when the name is taken, and then the other one's key holds.
 */
export function readKey(dir: string, exists: boolean): Uint8Array {
  const path = join(dir, 'key')
  const found = read(path)
  if (found !== null) return found
  if (exists) throw storeFault('store.key-missing', `there is ${join(dir, 'store.db')}, but no ${path}`)
  make(dir, path)
  const made = read(path)
  if (made === null) throw storeFault('store.key-missing', `${path} was taken away while the store was made`)
  return made
}

function read(path: string): Uint8Array | null {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  if (bytes.length !== KEY_BYTES) throw storeFault('store.key-wrong', `${path} has ${bytes.length} bytes, not ${KEY_BYTES}`)
  return bytes
}

function make(dir: string, path: string): void {
  const draft = join(dir, `${DRAFT}${randomBytes(8).toString('hex')}`)
  const file = openSync(draft, 'wx', 0o600)
  try {
    fchmodSync(file, 0o600)
    writeSync(file, randomBytes(KEY_BYTES))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(draft, path)
  } catch (error) {
    // EEXIST: somebody was quicker. ENOENT: somebody who was quicker has swept our draft.
    if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  for (const name of readdirSync(dir)) if (name.startsWith(DRAFT)) rmSync(join(dir, name), { force: true })
  syncDir(dir)
}

/** Makes the names in a directory durable. */
export function syncDir(dir: string): void {
  const file = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
