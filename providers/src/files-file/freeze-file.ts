// Owns: making a spec complete while planning: the path absolute, the source in the store.
// Never: reads the live file.
import { posix } from 'node:path'
import { isObject } from '@understudy/contract'
import type { Hands, Json } from '@understudy/contract'
import { shown } from '../files-tree/tree-fault.ts'
import { fileFault } from './file-fault.ts'
import { openIfThere } from './open-if-there.ts'
import { readFile } from './read-file.ts'
import { absolutePath } from './spec.ts'

export async function freezeFile(spec: Json, base: string, call: Hands): Promise<Json> {
  if (!isObject(spec)) return spec
  const { path, source } = spec
  const placed: Json = typeof path === 'string' && path !== '' ? { ...spec, path: absolutePath(base, path) } : spec
  if (typeof source === 'string') return { ...placed, source: await keep(source, base, call) }
  if (isObject(source) && '$ref' in source) {
    const hint = 'Write the path as text: a source is read while planning.'
    throw fileFault('source-known-too-late', 'invalid', 'The source refers to what is known only later.', JSON.stringify(source), hint)
  }
  return placed
}

async function keep(written: string, base: string, call: Hands): Promise<Json> {
  const path = absolutePath(base, written)
  const dir = openIfThere(call.fx, posix.dirname(path))
  try {
    const read = dir === null ? null : readFile(dir, posix.basename(path), (bytes) => call.name(bytes))
    if (read === null) {
      throw fileFault(
        'no-source',
        'invalid',
        'The source is not there.',
        shown(path),
        'Correct `source`; it is relative to the stack file.',
      )
    }
    return { from: written, digest: await call.put(read.bytes), size: read.bytes.length }
  } finally {
    dir?.close()
  }
}
