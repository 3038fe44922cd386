// Owns: providers broken in the optional powers.
// Never: broken in a way that no author would ever come up with.
import * as fs from 'node:fs'
import { noteComponents, noteMerging, powerfulNote as note } from '../note-powers.ts'
import type { NoteProvider } from '../note-subject.ts'
import { mutant } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function powerMutants(): readonly Mutant[] {
  const components = (changes: Partial<typeof noteComponents>): Partial<NoteProvider> => ({ components: { ...noteComponents, ...changes } })
  return [
    mutant('sets a component to something else', components({ set: async (state) => ({ ...state, mode: 0o777 }) }), [
      'components: list names each once, get finds each, setting what is there changes nothing',
    ]),
    mutant('finds a difference where there is none', components({ differ: async () => ['/content', '/mode'] }), [
      'components: differ names exactly what differs; absence differs in all',
    ]),
    mutant(
      'does not set one component',
      components({
        set: async (state, pointer, value, call) => (pointer === '/mode' ? state : noteComponents.set(state, pointer, value, call)),
      }),
      ['components: all differences of b set on a give b'],
    ),
    mutant(
      'writes where it should only compute',
      components({
        async get(state, pointer, call) {
          fs.mkdirSync(`${call.room}/cache`, { recursive: true })
          return noteComponents.get(state, pointer, call)
        },
      }),
      ['components: reading them changes nothing'],
    ),
    mutant('always merges to ours', { merging: { merge: async (_base, ours) => ({ merged: ours }) } }, [
      'merging: who changed nothing loses nothing',
    ]),
    mutant(
      'takes ours where both changed',
      {
        merging: {
          async merge(base, ours, theirs, call) {
            const result = await noteMerging.merge(base, ours, theirs, call)
            return 'conflicts' in result ? { merged: ours } : result
          },
        },
      },
      ['merging: ours and theirs may change places'],
    ),
    mutant('is always fit', { probing: { probe: async () => ({ fit: true, detail: 'surely' }) } }, [
      'probing: what stands can answer, what is not there cannot',
    ]),
    mutant(
      'turns more than the part',
      { inPlaceParts: { prepareParts: (at, from, to, _pointers, call) => note.prepare(at, from, { ...to, mode: 0o611 }, call) } },
      ['parts: turning one component changes only that one, either way'],
    ),
    mutant(
      'turns a part over whatever is there',
      {
        inPlaceParts: {
          async prepareParts(at, _from, to, _pointers, call) {
            return note.prepare(at, (await note.read(at, null, call))?.state ?? null, to, call)
          },
        },
      },
      ['parts: an edit to that component in between is a conflict, and it is still there'],
    ),
  ]
}
