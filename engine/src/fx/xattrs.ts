// Owns: extended attributes of one file, directory or link, POSIX ACLs and capabilities among them.
// Never: follows a link. Linux has no calls for a name relative to a directory, so the directory is named as /proc/self/fd/N.
import { constants as os } from 'node:os'
import { nativeFault } from './fs-fault.ts'
import { decodeName, encodeName } from './names.ts'
import { natives } from './natives.ts'
import type { NativeName } from './natives.ts'
import type { TreeRoot } from './tree-root.ts'

const { ENODATA, EPERM, EACCES, ENOTSUP, EOPNOTSUPP } = os.errno

export function readXattrs(root: TreeRoot, name: string): Readonly<Record<string, Uint8Array>> {
  const calls = natives()
  const path = pathOf(root, 'xattrs', name)
  const list = calls.listXattrs(path)
  if (typeof list === 'number') {
    if (list === -ENOTSUP || list === -EOPNOTSUPP) return {}
    throw nativeFault('xattrs', root.shown(name), list)
  }
  if (list.length === 0) return {}
  const found: Record<string, Uint8Array> = {}
  const keys = decodeName(list)
    .split('\0')
    .filter((key) => key !== '')
  for (const key of keys.sort()) {
    const value = calls.getXattr(path, zeroEnded(key))
    if (typeof value !== 'number') found[key] = value
    // Gone since it was listed, or not ours to read.
    else if (![ENODATA, EPERM, EACCES, ENOTSUP].includes(-value)) throw nativeFault('xattrs', root.shown(name), value)
  }
  return found
}

export function writeXattrs(root: TreeRoot, name: string, set: Readonly<Record<string, Uint8Array>>, drop: readonly string[]): void {
  const calls = natives()
  const path = pathOf(root, 'setXattrs', name)
  for (const key of drop) {
    const result = calls.removeXattr(path, zeroEnded(key))
    if (result < 0 && result !== -ENODATA) throw nativeFault(`drop attribute ${key} of`, root.shown(name), result)
  }
  for (const [key, value] of Object.entries(set)) {
    const result = calls.setXattr(path, zeroEnded(key), value)
    if (result < 0) throw nativeFault(`set attribute ${key} of`, root.shown(name), result)
  }
}

function pathOf(root: TreeRoot, operation: string, name: string): NativeName {
  const { dir, name: last } = root.spot(operation, name)
  const parent = `/proc/self/fd/${dir}/`
  return typeof last === 'string' ? parent + last : Buffer.concat([Buffer.from(parent), last])
}

function zeroEnded(name: string): Uint8Array {
  return Buffer.concat([encodeName(name), Buffer.of(0)])
}
