// Owns: what stands at a path, as data, and lists of such in the store.
// Never: holds times or inode numbers: they are not what a command is asked for.
import { z } from 'zod'
import { canonical, equal } from '@understudy/contract'
import type { Digest, Json, Look } from '@understudy/contract'
import { runFault } from './run-fault.ts'

const digest = z.templateLiteral(['h:', z.string().regex(/^[0-9a-f]{64}$/)])
const owner = { mode: z.int(), uid: z.int(), gid: z.int(), xattrs: z.record(z.string(), z.string()).nullable() }

const entryShape = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('file'),
    ...owner,
    digest,
    size: z.int(),
    /** Hard links: the first path, among those looked at, that is the same file. */
    group: z.string().nullable(),
  }),
  z.strictObject({ type: z.literal('dir'), ...owner }),
  z.strictObject({ type: z.literal('link'), uid: z.int(), gid: z.int(), target: z.string() }),
  z.strictObject({ type: z.literal('fifo'), ...owner }),
  z.strictObject({ type: z.enum(['char', 'block', 'socket']), ...owner, rdev: z.string() }),
])

export type Entry = z.output<typeof entryShape>

/** Absolute path → what stands there; null is nothing. */
export type Entries = Readonly<Record<string, Entry | null>>

const listShape = z.strictObject({
  v: z.literal(1),
  /** The directories that the paths lie in, each on one file system. */
  roots: z.array(z.string()),
  entries: z.record(z.string(), entryShape.nullable()),
})

export interface EntryList {
  readonly roots: readonly string[]
  readonly entries: Entries
}

export const noEntries: EntryList = { roots: [], entries: {} }

const diffShape = z.strictObject({
  v: z.literal(1),
  roots: z.array(z.string()),
  before: z.record(z.string(), entryShape.nullable()),
  after: z.record(z.string(), entryShape.nullable()),
})

/** What a command changed. Both sides name the same paths. */
export interface Diff {
  readonly roots: readonly string[]
  readonly before: Entries
  readonly after: Entries
}

const editShape = z.strictObject({
  path: z.string(),
  root: z.string(),
  /** Name within the root's slot directory. */
  slot: z.string(),
  before: entryShape.nullable(),
  after: entryShape.nullable(),
  /** Inode of each side; '' where it is nothing. */
  beforeIno: z.string(),
  afterIno: z.string(),
})

export type Edit = z.output<typeof editShape>

/** A directory whose entries change, and the time that it has to have again. */
const timeShape = z.strictObject({ root: z.string(), name: z.string(), mtimeNs: z.string() })

export interface Edits {
  readonly edits: readonly Edit[]
  /** Parents before children. */
  readonly times: readonly z.output<typeof timeShape>[]
}

const editsShape = z.strictObject({ v: z.literal(1), edits: z.array(editShape), times: z.array(timeShape) })
const runShape = z.strictObject({ exitCode: z.int(), stdout: z.string() })

export async function loadList(digestOf: Digest, call: Pick<Look, 'get'>): Promise<EntryList> {
  return parsed(listShape, await call.get(digestOf))
}

export function listBytes({ roots, entries }: EntryList): Uint8Array {
  return bytesOf({ v: 1, roots: [...roots].sort(), entries })
}

export async function loadDiff(digestOf: Digest, call: Pick<Look, 'get'>): Promise<Diff> {
  return parsed(diffShape, await call.get(digestOf))
}

export function diffBytes({ roots, before, after }: Diff): Uint8Array {
  return bytesOf({ v: 1, roots: [...roots].sort(), before, after })
}

export async function loadEdits(digestOf: Digest, call: Pick<Look, 'get'>): Promise<Edits> {
  return parsed(editsShape, await call.get(digestOf))
}

export function editsBytes({ edits, times }: Edits): Uint8Array {
  return bytesOf({ v: 1, edits, times })
}

export async function loadRun(digestOf: Digest, call: Pick<Look, 'get'>): Promise<z.output<typeof runShape>> {
  return parsed(runShape, await call.get(digestOf))
}

export function sameEntry(a: Entry | null, b: Entry | null): boolean {
  return equal(a, b)
}

/** The same, whatever other names it has. */
export function sameButLinks(a: Entry | null, b: Entry | null): boolean {
  const alone = (entry: Entry | null): Entry | null => (entry?.type === 'file' ? { ...entry, group: null } : entry)
  return equal(alone(a), alone(b))
}

export function parseEntry(value: Json): Entry | null {
  const result = entryShape.safeParse(value)
  return result.success ? result.data : null
}

function bytesOf(value: Json): Uint8Array {
  return Buffer.from(canonical(value), 'utf8')
}

function parsed<T>(shape: z.ZodType<T>, bytes: Uint8Array): T {
  const result = shape.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8')))
  if (result.success) return result.data
  const detail = result.error.issues[0]?.message ?? 'it does not parse'
  const hint = 'It was written by a newer version, or the store is damaged: `understudy doctor` tells which.'
  throw runFault('bad-object', 'invalid', 'An object of this kind is not one.', detail, hint)
}
