// Owns: the state that a spec asks for: what it says, and for what it does not say, what is there.
// Never: writes anything but content to the store.
import type { Look } from '@understudy/contract'
import { openIfThere } from './open-if-there.ts'
import { readFile, statFile } from './read-file.ts'
import { posix } from 'node:path'
import { fileFault } from './file-fault.ts'
import type { FileSpec, FileState } from './spec.ts'

export async function wantFile(path: string, spec: FileSpec, call: Look): Promise<FileState> {
  const { bytes, digest, size, secret } = await contentOf(spec, call)
  if (bytes !== null) await call.put(bytes)
  const kept = livingTraits(path, call)
  const mode = spec.mode === undefined ? (kept.mode ?? (secret ? 0o600 : 0o644)) : Number.parseInt(spec.mode, 8)
  const uid = spec.owner?.uid ?? kept.uid ?? process.getuid?.() ?? 0
  const gid = spec.owner?.gid ?? kept.gid ?? process.getgid?.() ?? 0
  const xattrs = keptXattrs(kept.xattrs, { sameMode: mode === kept.mode, sameContent: digest === kept.digest })
  return { digest, size, mode, uid, gid, xattrs, secret }
}

interface Content {
  readonly bytes: Uint8Array | null
  readonly digest: FileState['digest']
  readonly size: number
  readonly secret: boolean
}

async function contentOf({ content, source }: FileSpec, call: Look): Promise<Content> {
  if (content === undefined) {
    if (source !== undefined && typeof source !== 'string') return { bytes: null, digest: source.digest, size: source.size, secret: false }
    throw fileFault('not-frozen', 'bug', 'The source was not read while planning.', `source ${String(source)}`, 'Plan it again.')
  }
  const parts = typeof content === 'string' ? [content] : '$join' in content ? content.$join : [content]
  let text = ''
  for (const part of parts) text += typeof part === 'string' ? part : await call.reveal(part)
  const bytes = Buffer.from(text, 'utf8')
  return { bytes, digest: call.name(bytes), size: bytes.length, secret: parts.some((part) => typeof part !== 'string') }
}

type Traits = { readonly [K in 'digest' | 'mode' | 'uid' | 'gid' | 'xattrs']: FileState[K] | null }

function livingTraits(path: string, call: Look): Traits {
  const none: Traits = { digest: null, mode: null, uid: null, gid: null, xattrs: null }
  const parent = openIfThere(call.fx, posix.dirname(path))
  if (parent === null) return none
  try {
    const name = posix.basename(path)
    if (statFile(parent, name) === null) return none
    return readFile(parent, name, (bytes) => call.name(bytes))?.state ?? none
  } finally {
    parent.close()
  }
}

/** An ACL says again what the mode says, so a new mode ends it; capabilities were given to one content, not to the next. */
function keptXattrs(
  xattrs: FileState['xattrs'],
  { sameMode, sameContent }: { sameMode: boolean; sameContent: boolean },
): FileState['xattrs'] {
  if (xattrs === null) return null
  const kept = Object.entries(xattrs).filter(
    ([name]) => (sameMode || name !== 'system.posix_acl_access') && (sameContent || name !== 'security.capability'),
  )
  return kept.length === 0 ? null : Object.fromEntries(kept)
}
