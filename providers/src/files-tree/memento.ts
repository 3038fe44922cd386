// Owns: what a step remembers, as data: both sides by inode and root, and fingerprints of what differs.
// Never: holds content; that is in the store or in a slot.
import { z } from 'zod'
import { isDigest } from '@understudy/contract'
import type { Digest } from '@understudy/contract'

export const digestSchema = z.custom<Digest>(isDigest, 'not a digest')
const number = z.string().regex(/^\d+$/)

const sideSchema = z.strictObject({
  dev: number,
  ino: number,
  root: digestSchema,
  /** Moment (ns, the file system's clock) at which the directory was known to hold this tree. */
  at: number,
})

/** Paths that differ and what they look like on each side. Long lists lie in the store. */
const changedSchema = z.strictObject({
  count: z.number().int().nonnegative(),
  paths: z.union([z.array(z.string()), digestSchema]),
  /** Fingerprints of all paths, before then after: to name what differs. */
  prints: digestSchema,
  /** Digest over the fingerprints of one side: to see that nothing differs. */
  before: digestSchema,
  after: digestSchema,
})

const treeSchema = z.strictObject({
  form: z.literal('tree'),
  /** Name of the step's slot, `n-…`. */
  standby: z.string(),
  between: z.string(),
  kept: z.string(),
  before: sideSchema.nullable(),
  after: sideSchema.nullable(),
  changed: changedSchema,
  /** False: the file system has no exchange; turning is two renames with a moment in between. */
  atomic: z.boolean(),
})

const unitSideSchema = z.strictObject({
  ino: number,
  size: z.number().int().nonnegative(),
  mtimeNs: number,
  type: z.string(),
  /** Content of a file, to compare before anything is turned. */
  content: digestSchema.nullable(),
})

const selfSchema = z.strictObject({
  mode: z.number().int(),
  uid: z.number().int(),
  gid: z.number().int(),
  xattrs: z.record(z.string(), z.string()),
})

const unitSchema = z.union([
  z.strictObject({
    path: z.string(),
    /** Name in `parts` of the side that is not live: a number, or the path where the slot is lent. */
    name: z.string(),
    before: unitSideSchema.nullable(),
    after: unitSideSchema.nullable(),
  }),
  /** A directory's own mode, owner and attributes. */
  z.strictObject({ path: z.string(), self: z.strictObject({ ino: number, before: selfSchema, after: selfSchema }) }),
])

const unitsSchema = z.array(unitSchema)

const partsSchema = z.strictObject({
  form: z.literal('parts'),
  /** Inode of the live tree: it stays the same on both sides. */
  ino: number,
  /** `p-KEY`, this step's own; or the slot of an earlier step, which keeps the rest of what is in it. */
  parts: z.string(),
  lent: z.boolean().default(false),
  before: digestSchema,
  after: digestSchema,
  units: z.union([unitsSchema, digestSchema]),
  /** Directories in which names are exchanged, with the time each had. */
  times: z.union([z.array(z.strictObject({ path: z.string(), mtimeNs: number })), digestSchema]),
  atomic: z.boolean(),
})

export const mementoSchema = z.discriminatedUnion('form', [treeSchema, partsSchema])
export type Memento = z.infer<typeof mementoSchema>
export type TreeMemento = z.infer<typeof treeSchema>
export type TreeSide = z.infer<typeof sideSchema>
export type PartsMemento = z.infer<typeof partsSchema>
export type Unit = z.infer<typeof unitSchema>
export type UnitSide = z.infer<typeof unitSideSchema>
