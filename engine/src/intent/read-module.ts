// Owns: from what a module exports to a tree: plain values only, with their paths for errors.
// Never: keeps a function, an object of a class or a reference to the module's own objects.
import type { Complaints } from './complaints.ts'
import type { Member, Source, Span, Tree } from './located.ts'
import { quoted } from './snippet.ts'

const DEPTH_MAX = 100 // as for YAML; also ends on circles

/** Null when something in it is not a plain value; what and where is among the complaints. */
export function treeOfValue(value: unknown, source: Source, complaints: Complaints): Tree | null {
  const before = complaints.count
  let order = 0
  const read = (item: unknown, path: string, depth: number): Tree => {
    order += 1
    const span: Span = { source, start: order, end: order }
    const refuse = (what: string, hint: string): Tree => {
      complaints.add({ code: 'intent.not-json', span, detail: `${path === '' ? 'the stack' : path} is ${what}`, hint })
      return { type: 'leaf', span, value: null }
    }
    if (depth > DEPTH_MAX) return refuse(`nested deeper than ${DEPTH_MAX} levels`, 'Does an object hold itself?')
    if (item === null || typeof item === 'boolean' || typeof item === 'string') return { type: 'leaf', span, value: item }
    if (typeof item === 'number') {
      if (Number.isFinite(item)) return { type: 'leaf', span, value: item }
      return refuse(String(item), 'Only finite numbers can be written down.')
    }
    if (Array.isArray(item)) {
      return { type: 'list', span, items: item.map((entry: unknown, index) => read(entry, `${path}/${index}`, depth + 1)) }
    }
    if (typeof item !== 'object') return refuse(`a ${typeof item}`, 'Use text, numbers, true, false, null, arrays and plain objects.')
    const prototype: unknown = Object.getPrototypeOf(item)
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      return refuse(`an object of class ${quoted(item.constructor?.name ?? '?')}`, 'Use plain objects and arrays.')
    }
    const members = new Map<string, Member>()
    for (const [key, member] of Object.entries(item)) {
      if (member === undefined) continue
      if (key === '__proto__') refuse('an object with a key __proto__', 'This name has a meaning of its own; choose another.')
      else members.set(key, { key: { source, start: order, end: order }, value: read(member, `${path}/${key}`, depth + 1) })
    }
    return { type: 'map', span, members }
  }
  try {
    const tree = read(value, '', 0)
    source.root = tree
    return complaints.count === before ? tree : null
  } catch (thrown) {
    const detail = `reading a property failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`
    const span = { source, start: 0, end: 0 }
    complaints.add({ code: 'intent.module-failed', span, detail, hint: 'A getter or proxy threw: use plain values.' })
    return null
  }
}
