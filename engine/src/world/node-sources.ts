// Owns: the intent's sources on this machine: files, modules, environment.
// Never: reads more of a file than a stack file may be long; never lists the environment.
import { open, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Fault } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import { codeOf } from '../fx/system-error.ts'
import { FILE_BYTES_MAX } from './sources.ts'
import type { Sources } from './sources.ts'

export interface NodeSourcesOptions {
  /** `objects.put` of the stack's store, or `objects.name` where nothing is to be kept (validate). */
  readonly seal: (bytes: Uint8Array) => Promise<Digest>
  readonly environment: Readonly<Record<string, string | undefined>>
}

export function nodeSources({ seal, environment }: NodeSourcesOptions): Sources {
  return {
    read: readBounded,
    resolve: (base, path) => resolve(base, path),
    async importModule(path) {
      const file = resolve(path)
      const { mtimeMs, size } = await stat(file)
      // Modules are cached by their URL for as long as the process lives; a changed file must be another URL.
      return import(`${pathToFileURL(file).href}?${mtimeMs}-${size}`)
    },
    environment: (name) => (Object.hasOwn(environment, name) ? environment[name] : undefined),
    seal,
  }
}

const CHUNK = 1_048_576

/** Also from pipes (`--var-file <(pass show …)`), so the size is not known before. */
async function readBounded(path: string): Promise<Uint8Array | null> {
  let file
  try {
    file = await open(path, 'r')
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null
    throw unreadable(thrown)
  }
  try {
    const chunks: Uint8Array[] = []
    let total = 0
    while (total <= FILE_BYTES_MAX) {
      const chunk = new Uint8Array(CHUNK)
      const { bytesRead } = await file.read(chunk, 0, CHUNK, null)
      if (bytesRead === 0) break
      chunks.push(chunk.subarray(0, bytesRead))
      total += bytesRead
    }
    return Buffer.concat(chunks)
  } catch (thrown) {
    throw unreadable(thrown)
  } finally {
    await file.close()
  }
}

function unreadable(thrown: unknown): Fault {
  const code = codeOf(thrown)
  const rights = code === 'EACCES' || code === 'EPERM'
  return new Fault({
    code: 'intent.unreadable-file',
    class: rights ? 'forbidden' : 'invalid',
    summary: 'The file cannot be read.',
    detail: code === 'EISDIR' ? 'it is a folder' : rights ? 'the right to read it is missing' : `the system says ${code}`,
    hint: code === 'EISDIR' ? 'Name the file in it.' : 'Check the path and its rights.',
  })
}
