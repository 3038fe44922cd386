// Owns: the optional powers for the example's notes, so that the suite's checks of them have something to pass.
// Never: part of the example itself: a note of one file needs none of them.
import { equal, isDigest } from '../json.ts'
import type { Components, Merging, Probing, Sourcing } from '../provider.ts'
import { provider } from './note-provider.ts'
import type { NotePart, NoteState } from './note-provider.ts'
import type { NoteProvider } from './note-subject.ts'

const fields = ['/content', '/mode'] as const

export const noteComponents: Components<NoteState> = {
  list: async () => fields,
  async differ(a, b) {
    return fields.filter((field) => !equal(valueAt(a, field) ?? null, valueAt(b, field) ?? null))
  },
  get: async (state, pointer) => valueAt(state, pointer),
  async set(state, pointer, value) {
    if (pointer === '/content' && isDigest(value)) return { ...state, content: value }
    if (pointer === '/mode' && typeof value === 'number') return { ...state, mode: value }
    throw new TypeError(`a note has no ${pointer} of that kind`)
  },
  text: async (component, call) =>
    isDigest(component) ? Buffer.from(await call.get(component)).toString('utf8') : JSON.stringify(component),
}

export const noteMerging: Merging<NoteState> = {
  async merge(base, ours, theirs) {
    if (equal(base, ours) || equal(ours, theirs)) return { merged: theirs }
    if (equal(base, theirs)) return { merged: ours }
    if (base === null || ours === null || theirs === null) return { conflicts: [{ pointer: '', base, ours, theirs }] }
    const conflicts = fields.flatMap((pointer) => {
      const [at, left, right] = [base, ours, theirs].map((state) => valueAt(state, pointer) ?? null)
      const agrees = left === right || left === at || right === at
      return agrees ? [] : [{ pointer, base: at ?? null, ours: left ?? null, theirs: right ?? null }]
    })
    if (conflicts.length > 0) return { conflicts }
    const content = ours.content === base.content ? theirs.content : ours.content
    return { merged: { content, mode: ours.mode === base.mode ? theirs.mode : ours.mode } }
  },
}

export const noteProbing: Probing<NotePart> = {
  async probe(at, call) {
    const seen = await provider.read(at, null, call)
    return seen === null ? { fit: false, detail: 'there is no note' } : { fit: true, detail: 'it can be read' }
  },
}

export const noteSourcing: Sourcing = { freeze: async (spec) => spec }

export const powerfulNote: NoteProvider = {
  ...provider,
  source: noteSourcing,
  components: noteComponents,
  merging: noteMerging,
  probing: noteProbing,
  inPlaceParts: { prepareParts: (at, from, to, _pointers, call) => provider.prepare(at, from, to, call) },
}

function valueAt(state: NoteState | null, pointer: string) {
  if (state === null) return undefined
  return pointer === '/content' ? state.content : pointer === '/mode' ? state.mode : undefined
}
