// Owns: the parts of a file's state that can be shown, compared, merged and gone back to one by one.
// Never: gives the text of what holds a secret.
import { equal, isDigest, isObject } from '@understudy/contract'
import type { Components, Json, Look, Merging } from '@understudy/contract'
import { fileFault } from './file-fault.ts'
import { stateSchema } from './spec.ts'
import type { FileState } from './spec.ts'

const pointers = ['/content', '/mode', '/owner', '/xattrs'] as const
const TEXT_BYTES_MAX = 1_048_576 // more is not read by people, and would have to be held twice to compare

function partOf(state: FileState, pointer: string): Json | undefined {
  if (pointer === '/content') return { digest: state.digest, size: state.size, secret: state.secret }
  if (pointer === '/mode') return `0${state.mode.toString(8)}`
  if (pointer === '/owner') return { uid: state.uid, gid: state.gid }
  if (pointer === '/xattrs') return state.xattrs ?? undefined
  return undefined
}

function partsOf(state: FileState | null): ReadonlyMap<string, Json> {
  if (state === null) return new Map()
  return new Map(
    pointers.flatMap((pointer) => {
      const part = partOf(state, pointer)
      return part === undefined ? [] : [[pointer, part] as const]
    }),
  )
}

function withPart(state: FileState, pointer: string, value: Json | undefined): FileState {
  let next: unknown = null
  if (pointer === '/content' && isObject(value)) next = { ...state, ...value }
  if (pointer === '/mode' && typeof value === 'string' && /^[0-7]{3,5}$/.test(value)) next = { ...state, mode: Number.parseInt(value, 8) }
  if (pointer === '/owner' && isObject(value)) next = { ...state, ...value }
  if (pointer === '/xattrs') next = { ...state, xattrs: value ?? null }
  const parsed = stateSchema.safeParse(next)
  if (parsed.success) return parsed.data
  const hint = `Name one of ${pointers.join(', ')}; a file can only be taken out whole.`
  throw fileFault('bad-component', 'invalid', 'This is not a component of a file.', `${pointer} = ${JSON.stringify(value ?? null)}`, hint)
}

export const fileComponents: Components<FileState> = {
  list: async (state) => [...partsOf(state).keys()],
  async differ(a, b) {
    const one = partsOf(a)
    const two = partsOf(b)
    return pointers.filter((pointer) => !equal(one.get(pointer) ?? null, two.get(pointer) ?? null))
  },
  get: async (state, pointer) => partOf(state, pointer),
  set: async (state, pointer, value) => withPart(state, pointer, value),
  text: textOf,
}

async function textOf(component: Json, call: Look): Promise<string | null> {
  if (typeof component === 'string') return component
  if (!isObject(component)) return null
  const { digest, size, secret } = component
  if (!isDigest(digest)) return JSON.stringify(component)
  if (secret !== false || typeof size !== 'number' || size > TEXT_BYTES_MAX) return null
  const bytes = await call.get(digest)
  if (bytes.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

/** Three ways, part by part; content is one part. */
export const fileMerging: Merging<FileState> = {
  async merge(base, ours, theirs) {
    const same = (a: FileState | null, b: FileState | null): boolean => equal(a, b)
    if (same(ours, theirs) || same(base, theirs)) return { merged: ours }
    if (same(base, ours)) return { merged: theirs }
    if (ours === null || theirs === null || base === null) {
      return { conflicts: [{ pointer: '', base, ours, theirs }] }
    }
    const [b, o, t] = [partsOf(base), partsOf(ours), partsOf(theirs)]
    const conflicts: { pointer: string; base: Json; ours: Json; theirs: Json }[] = []
    let merged = ours
    for (const pointer of pointers) {
      const was = b.get(pointer) ?? null
      const mine = o.get(pointer) ?? null
      const other = t.get(pointer) ?? null
      if (equal(mine, other) || equal(was, other)) continue
      if (equal(was, mine)) merged = withPart(merged, pointer, t.get(pointer))
      else conflicts.push({ pointer, base: was, ours: mine, theirs: other })
    }
    return conflicts.length > 0 ? { conflicts } : { merged }
  },
}
