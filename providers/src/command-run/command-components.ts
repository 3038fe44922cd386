// Owns: the paths of a command's state as components: `/~1etc~1app.conf`.
// Never: gives the text of a file that a command with secrets made.
import { equal, isObject } from '@understudy/contract'
import type { Components, Json, Look } from '@understudy/contract'
import { listBytes, loadList, parseEntry } from './entries.ts'
import type { EntryList } from './entries.ts'
import { runFault } from './run-fault.ts'
import type { CommandState } from './spec.ts'

const TEXT_BYTES_MAX = 1_048_576 // more is not read by people

function pointerOf(path: string): string {
  return `/${path.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function pathOf(pointer: string): string {
  return pointer.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')
}

const none: EntryList = { roots: [], entries: {} }

async function listOf(state: CommandState | null, call: Look): Promise<EntryList> {
  return state === null ? none : loadList(state.paths, call)
}

export const commandComponents: Components<CommandState> = {
  async list(state, call) {
    const { entries } = await listOf(state, call)
    return Object.keys(entries)
      .filter((path) => entries[path] !== null)
      .toSorted()
      .map(pointerOf)
  },
  async differ(a, b, call) {
    const one = (await listOf(a, call)).entries
    const two = (await listOf(b, call)).entries
    const paths = [...new Set([...Object.keys(one), ...Object.keys(two)])].toSorted()
    return paths.filter((path) => !equal(one[path] ?? null, two[path] ?? null)).map(pointerOf)
  },
  async get(state, pointer, call) {
    const entry = (await listOf(state, call)).entries[pathOf(pointer)] ?? null
    return entry === null ? undefined : { ...entry, secret: state.secret }
  },
  async set(state, pointer, value, call) {
    const list = await listOf(state, call)
    const path = pathOf(pointer)
    const entry = value === undefined ? null : entryOf(value)
    if (!(path in list.entries) || (value !== undefined && entry === null)) {
      throw runFault(
        'bad-component',
        'invalid',
        'This is not a component of the command.',
        pointer,
        'Name one of the paths that it changed.',
      )
    }
    return { ...state, paths: await call.put(listBytes({ ...list, entries: { ...list.entries, [path]: entry } })) }
  },
  text: textOf,
}

function entryOf(value: Json) {
  if (!isObject(value)) return null
  const { secret: _mark, ...entry } = value
  return parseEntry(entry)
}

async function textOf(component: Json, call: Look): Promise<string | null> {
  const entry = entryOf(component)
  if (entry === null) return null
  if (entry.type === 'link') return entry.target
  if (entry.type !== 'file' || entry.size > TEXT_BYTES_MAX || !equal(component, { ...entry, secret: false })) return null
  const bytes = await call.get(entry.digest)
  if (bytes.includes(0)) return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
