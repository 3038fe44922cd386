// Owns: a command's state as components: `/files/~1etc~1app.conf` for each path, `/ran` for the run itself.
// Never: gives the text of a file that a command with secrets made.
import { equal, isObject } from '@understudy/contract'
import type { Components, Json, Look } from '@understudy/contract'
import { z } from 'zod'
import { listBytes, loadList, parseEntry } from './entries.ts'
import type { Entry, EntryList } from './entries.ts'
import { runFault } from './run-fault.ts'
import { stateSchema } from './spec.ts'
import type { CommandState } from './spec.ts'

const TEXT_BYTES_MAX = 1_048_576 // more is not read by people
const RAN = '/ran'
const FILES = '/files/'
/** A path that the command took away, or that is not there any more. */
const ABSENT: Json = { type: 'absent' }

function pointerOf(path: string): string {
  return `${FILES}${path.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function pathOf(pointer: string): string | null {
  return pointer.startsWith(FILES) ? pointer.slice(FILES.length).replaceAll('~1', '/').replaceAll('~0', '~') : null
}

async function partsOf(state: CommandState | null, call: Look): Promise<ReadonlyMap<string, Json>> {
  if (state === null) return new Map()
  const { roots, entries } = await loadList(state.paths, call)
  const { paths: _paths, ...ran } = state
  const files = Object.keys(entries)
    .toSorted()
    .map((path) => [pointerOf(path), entries[path] ?? ABSENT] as const)
  return new Map<string, Json>([...files, [RAN, { ...ran, roots: [...roots] }]])
}

export const commandComponents: Components<CommandState> = {
  list: async (state, call) => [...(await partsOf(state, call)).keys()],
  async differ(a, b, call) {
    const one = await partsOf(a, call)
    const two = await partsOf(b, call)
    return [...new Set([...one.keys(), ...two.keys()])].filter((pointer) => {
      const [mine, other] = [one.get(pointer), two.get(pointer)]
      return mine === undefined || other === undefined ? mine !== other : !equal(mine, other)
    })
  },
  async get(state, pointer, call) {
    const part = (await partsOf(state, call)).get(pointer)
    return isObject(part) && pointer !== RAN ? { ...part, secret: state.secret } : part
  },
  async set(state, pointer, value, call) {
    const list = await loadList(state.paths, call)
    if (pointer === RAN) return withRun(list, value, call)
    const path = pathOf(pointer)
    if (path === null || !path.startsWith('/')) throw badComponent(pointer)
    const entries: Record<string, Entry | null> = { ...list.entries }
    if (value === undefined) delete entries[path]
    else entries[path] = entryOf(value, pointer)
    return { ...state, paths: await call.put(listBytes({ ...list, entries })) }
  },
  text: textOf,
}

async function withRun(list: EntryList, value: Json | undefined, call: Look): Promise<CommandState> {
  if (!isObject(value)) throw badComponent(RAN)
  const { roots, ...ran } = value
  const known = z.array(z.string()).safeParse(roots)
  if (!known.success) throw badComponent(RAN)
  const next = stateSchema.safeParse({ ...ran, paths: await call.put(listBytes({ ...list, roots: known.data })) })
  if (next.success) return next.data
  throw badComponent(RAN)
}

function badComponent(pointer: string) {
  return runFault('bad-component', 'invalid', 'This is not a component of the command.', pointer, 'Name one of the paths that it changed.')
}

function entryOf(value: Json, pointer: string): Entry | null {
  if (!isObject(value)) throw badComponent(pointer)
  const { secret: _mark, ...entry } = value
  if (equal(entry, ABSENT)) return null
  const parsed = parseEntry(entry)
  if (parsed === null) throw badComponent(pointer)
  return parsed
}

async function textOf(component: Json, call: Look): Promise<string | null> {
  if (!isObject(component) || component['type'] === undefined || component['type'] === 'absent') return null
  const entry = entryOf(component, '')
  if (entry?.type === 'link') return entry.target
  if (entry?.type !== 'file' || entry.size > TEXT_BYTES_MAX || component['secret'] !== false) return null
  const bytes = await call.get(entry.digest)
  if (bytes.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
