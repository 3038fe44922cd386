// Owns: the kind files.file: one regular file, switched by exchanging two names in its own directory.
// Never: follows a link, manages a directory, or loses what somebody else wrote.
import { posix } from 'node:path'
import type { Provider } from '@understudy/contract'
import { slotOf } from '../files-tree/place.ts'
import { fileFault } from './file-fault.ts'
import { fileComponents, fileMerging } from './file-components.ts'
import { filePlace } from './file-place.ts'
import { readRecord } from './file-record.ts'
import { closeFile, forkFile } from './fork-file.ts'
import { freezeFile } from './freeze-file.ts'
import { linksLead, lookFile } from './look-file.ts'
import { openIfThere } from './open-if-there.ts'
import { prepareFile } from './prepare-file.ts'
import { readFile } from './read-file.ts'
import { realPath } from './real-path.ts'
import { releaseFile } from './release-file.ts'
import { absolutePath, mementoSchema, outSchema, partSchema, specSchema, stateSchema } from './spec.ts'
import type { FileMemento, FileOut, FilePart, FileSpec, FileState } from './spec.ts'
import { turnFile } from './turn-file.ts'
import { wantFile } from './want-file.ts'

export const filesFile: Provider<FileSpec, FileState, FileMemento, FilePart, FileOut> = {
  kind: 'files.file',
  version: 1,
  schema: { spec: specSchema, state: stateSchema, memento: mementoSchema, part: partSchema, out: outSchema },
  lasting: ['path'],
  prepares: () => 'beside',
  home({ path }) {
    if (posix.isAbsolute(path)) return { path: absolutePath('/', path) }
    const hint = 'Write an absolute path; in a stack file it may be relative to that file.'
    throw fileFault('relative-path', 'invalid', 'The path is not absolute.', path, hint)
  },
  async want({ part }, spec, call) {
    return { state: await wantFile(part.path, spec, call), claims: [`file:${realPath(part.path, call)}`] }
  },
  async read({ part: { path } }, _hint, call) {
    const { parent, name, names } = filePlace(path, '', (bytes) => call.name(bytes))
    const dir = openIfThere(call.fx, parent)
    if (dir === null) return null
    try {
      const read = readFile(dir, name, (bytes) => call.name(bytes))
      if (read === null) return null
      const secret = readRecord(call).secrets.includes(read.state.digest)
      const unmanaged = { mtimeNs: `${read.stat.mtimeNs}`, links: read.stat.nlink }
      const out = { path, slot: slotOf({ dir, ...names }, path, read.stat.ino) }
      return { state: { ...read.state, secret }, out, unmanaged, volatile: null }
    } finally {
      dir.close()
    }
  },
  fork: (from, _to, live, _spec, call) => forkFile(from.part, live, call),
  close: async (at, call) => closeFile(at, call),
  prepare: ({ part }, from, to, call) => prepareFile(part.path, from, to, call),
  async look({ part: { path } }, memento, depth, call) {
    const place = filePlace(path, memento.key, (bytes) => call.name(bytes))
    const dir = openIfThere(call.fx, place.parent)
    if (dir === null) return { side: 'other', standby: 'gone' }
    try {
      const stand = lookFile(dir, place, memento, depth === 'full' ? 'bytes' : 'names', call)
      // Killed between the exchange and its links: whoever opens a slot must not get the other side.
      return linksLead(dir, place, memento, stand.side) ? stand : { ...stand, side: 'mixed' }
    } finally {
      dir.close()
    }
  },
  turn: async ({ part }, memento, to, call) => turnFile(part.path, memento, to, call),
  release: ({ part }, memento, call) => releaseFile(part.path, memento?.key ?? call.key, call),
  source: { freeze: freezeFile },
  components: fileComponents,
  merging: fileMerging,
  async liveBytes({ part: { path } }, pointer, call) {
    // Who wrote to a file that holds a secret may have left the secret in it.
    if (pointer !== '/content' || readRecord(call).secrets.length > 0) return null
    const dir = openIfThere(call.fx, posix.dirname(path))
    try {
      return dir === null ? null : (readFile(dir, posix.basename(path), (bytes) => call.name(bytes))?.bytes ?? null)
    } finally {
      dir?.close()
    }
  },
}
