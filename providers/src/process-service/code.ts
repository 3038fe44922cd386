// Owns: the code that a service is started from: kept in the store while planning, written out again in the room.
// Never: starts from the folder that somebody edits: the old version could not be started again.
import { basename, dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { isObject } from '@understudy/contract'
import type { Digest, DirReads, Hands, Json } from '@understudy/contract'
import { writing } from './room.ts'
import { serviceFault } from './service-fault.ts'

const BYTES_MAX = 256 * 1024 * 1024 // kept per version, and read through memory file by file; bigger things are installed, not copied
const ENTRIES_MAX = 20_000 // keeps the manifest below some 4 MB
const SKIPPED = new Set(['.git', '.hg', '.svn']) // history is not run, and would make every version differ

const entryShape = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('dir'), path: z.string(), mode: z.int() }),
  z.strictObject({ type: z.literal('file'), path: z.string(), mode: z.int(), digest: z.templateLiteral(['h:', z.string()]) }),
  z.strictObject({ type: z.literal('link'), path: z.string(), target: z.string() }),
])
const manifestShape = z.strictObject({ entries: z.array(entryShape) })
type Entry = z.output<typeof entryShape>

/** Puts the code into the store and its digest into the spec; makes relative directories absolute. A frozen spec stays as it is. */
export async function freezeSpec(spec: Json, base: string, call: Hands): Promise<Json> {
  if (!isObject(spec)) return spec
  const absolute = (path: Json | undefined): Json | undefined => (typeof path === 'string' && !isAbsolute(path) ? join(base, path) : path)
  const { code, cwd, dirs } = spec
  const frozen: Record<string, Json> = { ...spec }
  if (isObject(dirs)) frozen['dirs'] = Object.fromEntries(Object.entries(dirs).map(([name, path]) => [name, absolute(path) ?? path]))
  if (code === undefined) {
    const from = absolute(cwd)
    return from === undefined ? frozen : { ...frozen, cwd: from }
  }
  if (typeof code === 'string') frozen['code'] = { from: code, digest: await keep(isAbsolute(code) ? code : join(base, code), call) }
  else if (!isObject(code) || code['digest'] === undefined) throw serviceFault('plan.known-too-late', '/code holds a reference')
  return frozen
}

async function keep(path: string, call: Hands): Promise<Digest> {
  const parent = openOrFault(call, dirname(path), path)
  try {
    const name = basename(path)
    const type = parent.stat(name)?.type
    if (type === 'file') {
      const entries: Entry[] = []
      await keepOne(parent, name, name, { bytes: 0 }, entries, call)
      return putManifest(entries, call)
    }
    if (type === undefined) throw serviceFault('service.code-missing', path)
    if (type !== 'dir' && type !== 'link') throw serviceFault('service.code-odd', `${path} is a ${type}`)
  } finally {
    parent.close()
  }
  const dir = openOrFault(call, path, path)
  try {
    const entries: Entry[] = []
    await keepFolder(dir, '', { bytes: 0 }, entries, call)
    return await putManifest(entries, call)
  } finally {
    dir.close()
  }
}

async function keepFolder(dir: DirReads, under: string, sum: { bytes: number }, entries: Entry[], call: Hands): Promise<void> {
  for (const { name } of dir.list(under)) {
    if (!SKIPPED.has(name))
      await keepOne(dir, under === '' ? name : `${under}/${name}`, under === '' ? name : `${under}/${name}`, sum, entries, call)
  }
}

async function keepOne(dir: DirReads, name: string, path: string, sum: { bytes: number }, entries: Entry[], call: Hands): Promise<void> {
  const stat = dir.stat(name)
  if (stat === null) throw serviceFault('service.code-missing', `${path} went while it was read`)
  if (entries.length >= ENTRIES_MAX) throw serviceFault('service.code-too-big', `more than ${ENTRIES_MAX} files`)
  if (stat.type === 'file') {
    sum.bytes += stat.size
    if (sum.bytes > BYTES_MAX) throw serviceFault('service.code-too-big', `more than ${BYTES_MAX} bytes`)
    entries.push({ type: 'file', path, mode: stat.mode & 0o777, digest: await call.put(dir.read(name)) })
  } else if (stat.type === 'link') {
    entries.push({ type: 'link', path, target: dir.readlink(name) })
  } else if (stat.type === 'dir') {
    entries.push({ type: 'dir', path, mode: stat.mode & 0o777 })
    await keepFolder(dir, name, sum, entries, call)
  } else {
    throw serviceFault('service.code-odd', `${path} is a ${stat.type}`)
  }
}

function putManifest(entries: readonly Entry[], call: Hands): Promise<Digest> {
  return call.put(Buffer.from(JSON.stringify({ entries })))
}

function openOrFault(call: Hands, folder: string, path: string): DirReads {
  try {
    return call.fx.fs.open(folder)
  } catch {
    throw serviceFault('service.code-missing', path)
  }
}

const CODE = 'code'

export function codePath(room: string, digest: Digest): string {
  return `${room}/${CODE}/${folderName(digest)}`
}

/** Half of the digest: unique among a few versions, and paths stay short. */
function folderName(digest: Digest): string {
  return digest.slice(2, 34)
}

/** Writes the code out, once for each version. The folder appears whole or not at all. */
export async function materialise(digest: Digest, user: { readonly uid: number; readonly gid: number } | null, call: Hands): Promise<void> {
  const target = `${CODE}/${folderName(digest)}`
  const part = `${target}.part`
  const there = writing(call, (dir) => {
    if (dir.stat(CODE) === null) dir.mkdir(CODE, 0o711)
    dir.remove(part)
    return dir.stat(target) !== null
  })
  if (there) return
  const found = manifestShape.safeParse(JSON.parse(Buffer.from(await call.get(digest)).toString('utf8')))
  if (!found.success) throw serviceFault('service.record-lost', `the list of files of the code ${digest}`)
  const { entries } = found.data
  writing(call, (dir) => dir.mkdir(part, 0o755))
  for (const [index, entry] of entries.entries()) {
    const bytes = entry.type === 'file' ? await call.get(entry.digest) : null
    writing(call, (dir) => {
      const name = `${part}/${entry.path}`
      if (entry.type === 'dir') dir.mkdir(name, entry.mode | 0o700)
      else if (entry.type === 'link') dir.symlink(name, entry.target)
      else dir.create(name, bytes ?? new Uint8Array(), entry.mode)
      if (user !== null) dir.chown(name, user.uid, user.gid)
    })
    call.progress(index + 1, entries.length, 'files of the code')
  }
  writing(call, (dir) => {
    if (user !== null) dir.chown(part, user.uid, user.gid)
    dir.syncAll()
    dir.rename(part, dir, target, { replace: false })
    dir.sync(CODE)
  })
}

/** Removes written-out versions that none of these digests names. */
export function dropUnusedCode(kept: readonly (Digest | null)[], call: Hands): void {
  const names = new Set(kept.flatMap((digest) => (digest === null ? [] : [folderName(digest)])))
  writing(call, (dir) => {
    if (dir.stat(CODE) === null) return
    for (const { name } of dir.list(CODE)) if (!names.has(name)) dir.remove(`${CODE}/${name}`)
  })
}
