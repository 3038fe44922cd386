// Owns: what an error of the file system means for the caller: its code, class, and what to do.
// Never: hides the system's own code; it stands in the detail.
import { getSystemErrorName } from 'node:util'
import { Fault } from '@understudy/contract'
import type { FaultClass } from '@understudy/contract'
import { shownName } from './names.ts'
import { codeOf } from './system-error.ts'

interface Meaning {
  readonly code: string
  readonly class: FaultClass
  readonly summary: string
  readonly hint: string
}

const missing: Meaning = {
  code: 'fs.missing',
  class: 'conflict',
  summary: 'A file or directory that was expected is not there.',
  hint: 'Somebody may have removed it: look again, plan again.',
}
const taken: Meaning = {
  code: 'fs.taken',
  class: 'conflict',
  summary: 'The name is taken.',
  hint: 'Nothing was overwritten. Look what is there, then plan again.',
}
const forbidden: Meaning = {
  code: 'fs.forbidden',
  class: 'forbidden',
  summary: 'The file system refuses this for want of rights.',
  hint: 'Check owner, mode and attributes (lsattr) of the path and of its directory, and as whom this runs.',
}
const noSpace: Meaning = {
  code: 'fs.no-space',
  class: 'transient',
  summary: 'The disk or the quota is full.',
  hint: 'Make room, then try again.',
}
const busy: Meaning = {
  code: 'fs.busy',
  class: 'transient',
  summary: 'Something else uses it right now.',
  hint: 'A mount point, a running program or another writer may hold it; try again when it is free.',
}
const tooManyOpen: Meaning = {
  code: 'fs.too-many-open',
  class: 'transient',
  summary: 'The system has no file descriptor or memory left for this.',
  hint: 'Raise the limit (ulimit -n), or try again when less is running.',
}
const ioError: Meaning = {
  code: 'fs.io-error',
  class: 'transient',
  summary: 'The device failed to read or write.',
  hint: 'Look at the kernel log (dmesg): the disk or the network behind it may be failing.',
}
const outside: Meaning = {
  code: 'files.outside-tree',
  class: 'conflict',
  summary: 'The name leads out of the directory, or through a symbolic link.',
  hint: 'Nothing was followed. Name the place itself, or make the link a directory.',
}
const notDirectory: Meaning = {
  code: 'fs.not-a-directory',
  class: 'conflict',
  summary: 'Something that was expected to be a directory is none.',
  hint: 'Look what is there, then plan again.',
}
const notFile: Meaning = {
  code: 'fs.not-a-file',
  class: 'conflict',
  summary: 'Something that was expected to be a regular file is none.',
  hint: 'Look what is there, then plan again.',
}
const notSupported: Meaning = {
  code: 'fs.not-supported',
  class: 'invalid',
  summary: 'This file system cannot do this.',
  hint: 'Leave it out of what is wanted, or use a file system that can.',
}
const badName: Meaning = {
  code: 'fs.bad-name',
  class: 'invalid',
  summary: 'This cannot be the name of a file.',
  hint: 'Correct the name where it was written.',
}

const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: missing,
  EEXIST: taken,
  ENOTEMPTY: { ...taken, code: 'fs.not-empty', summary: 'The directory is not empty.' },
  ENOTDIR: notDirectory,
  EISDIR: notFile,
  ENXIO: notFile,
  EACCES: forbidden,
  EPERM: forbidden,
  EROFS: { ...forbidden, summary: 'The file system is mounted read-only.', hint: 'Mount it for writing.' },
  ENOSPC: noSpace,
  EDQUOT: noSpace,
  ELOOP: outside,
  EXDEV: {
    code: 'fs.other-file-system',
    class: 'conflict',
    summary: 'The two places are on different file systems, or a mount point is between them.',
    hint: 'Both must be on one file system.',
  },
  EMFILE: tooManyOpen,
  ENFILE: tooManyOpen,
  ENOMEM: tooManyOpen,
  EBUSY: busy,
  ETXTBSY: busy,
  EAGAIN: busy,
  EINTR: busy,
  EIO: ioError,
  ESTALE: ioError,
  EREMOTEIO: ioError,
  ETIMEDOUT: ioError,
  ENAMETOOLONG: { ...badName, summary: 'The name or path is too long.' },
  EILSEQ: badName,
  EOPNOTSUPP: notSupported,
  ENOTSUP: notSupported,
  ENOSYS: notSupported,
  EINVAL: { ...notSupported, code: 'fs.refused', summary: 'The file system refuses this as it was asked.' },
  ENODATA: missing,
  EMLINK: { ...notSupported, code: 'fs.too-many-links', summary: 'The file has as many names as the file system allows.' },
  EFBIG: { ...notSupported, code: 'fs.too-big', summary: 'The file is bigger than is allowed here.' },
  E2BIG: { ...notSupported, code: 'fs.too-big', summary: 'The attributes are bigger than is allowed here.' },
  ERANGE: { ...notSupported, code: 'fs.too-big', summary: 'The attributes are bigger than is allowed here.' },
}

/** The fault for what node:fs threw. What is a fault already stays what it is. */
export function fsFault(operation: string, path: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  return faultOfCode(operation, path, codeOf(error), error)
}

/** The fault for a native call that gave minus an errno. */
export function nativeFault(operation: string, path: string, result: number): Fault {
  return faultOfCode(operation, path, getSystemErrorName(result))
}

/**
 * The fault for a failed fsync or syncfs. After EIO the kernel forgets what it could not write, and a second try says
 * that all is well: only a look at the content decides.
 */
export function syncFault(operation: string, path: string, error: unknown): Fault {
  if (codeOf(error) !== 'EIO') return fsFault(operation, path, error)
  return new Fault({
    ...ioError,
    code: 'fs.not-durable',
    class: 'outcome-unknown',
    summary: 'What was written may not be on the disk.',
    detail: `${operation} ${shownName(path)}: EIO.`,
  })
}

/** The fault for a system error code, e.g. where the kernel does not give it but it is meant. */
export function faultOfCode(operation: string, path: string, code: string, error?: unknown): Fault {
  const found = meanings[code]
  if (found !== undefined) return new Fault({ ...found, detail: `${operation} ${shownName(path)}: ${code}.` })
  const said = error instanceof Error && code === 'unknown' ? error.message : code
  return new Fault({
    code: 'fs.failed',
    class: 'transient',
    summary: 'The file system failed in an unusual way.',
    detail: `${operation} ${shownName(path)}: ${said}.`,
    hint: 'Look the code up in errno(3) and at the kernel log (dmesg).',
  })
}
