// Owns: providers broken in reading.
// Never: broken in a way that no author would ever come up with.
import * as fs from 'node:fs'
import { powerfulNote as note } from '../note-powers.ts'
import { mutant } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function readMutants(): readonly Mutant[] {
  return [
    mutant(
      'takes absent for empty',
      {
        async read(at, hint, call) {
          const state = { content: call.name(new Uint8Array()), mode: 0o644 }
          return (await note.read(at, hint, call)) ?? { state, out: at.part, unmanaged: null, volatile: null }
        },
      },
      ['what is not there reads as null'],
    ),
    mutant(
      'takes a lock while it reads',
      {
        async look(at, memento, depth, call) {
          fs.writeFileSync(`${at.part.path}.lock`, '')
          fs.rmSync(`${at.part.path}.lock`)
          return note.look(at, memento, depth, call)
        },
      },
      ['reading changes nothing'],
    ),
    mutant(
      'believes the hint',
      {
        async read(at, hint, call) {
          const seen = await note.read(at, null, call)
          return seen === null || hint === null ? seen : { ...seen, state: hint }
        },
      },
      ['reading with a hint gives what reading without gives'],
    ),
    mutant('takes what cannot be told for absent', { read: (at, hint, call) => note.read(at, hint, call).catch(() => null) }, [
      'what cannot be told faults, and is not taken for absent',
    ]),
    mutant(
      'shows the text of a secret among what changes by itself',
      {
        async read(at, hint, call) {
          const seen = await note.read(at, hint, call)
          return seen === null ? null : { ...seen, volatile: fs.readFileSync(at.part.path, 'utf8') }
        },
      },
      ['L18: a secret shows in no state, memento, part, output, record or fault'],
    ),
  ]
}
