// Owns: providers broken in what a provider says of itself.
// Never: broken in a way that no author would ever come up with.
import * as fs from 'node:fs'
import { powerfulNote as note } from '../note-powers.ts'
import { each, mutant } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function selfMutants(): readonly Mutant[] {
  const { schema } = note
  return [
    mutant('has a kind without a family', { kind: 'note' }, ['kind is family.thing, version a whole number from 1']),
    mutant(
      'takes any memento',
      { schema: { ...schema, memento: { safeParse: () => ({ success: true, data: { beside: 'x', before: null, after: null } }) } } },
      ['schemas refuse what is not theirs, and do not throw'],
    ),
    mutant(
      'overlooks typing errors in a spec',
      {
        schema: {
          ...schema,
          spec: {
            ...schema.spec,
            safeParse(value) {
              const { path, text, mode }: { path?: unknown; text?: unknown; mode?: unknown } = Object(value)
              return schema.spec.safeParse({ path, text, ...(mode === undefined ? {} : { mode }) })
            },
          },
        },
      },
      ['a spec with a key that nobody knows is refused'],
    ),
    mutant('describes nothing', { schema: { ...schema, spec: { ...schema.spec, describe: () => ({}) } } }, [
      'specs are described as JSON Schema for editors',
    ]),
    {
      name: 'has another home each time',
      make() {
        let times = 0
        return { ...note, home: ({ path }) => ({ path: `${path}${(times += 1) > 3 ? times : ''}` }) }
      },
      caughtBy: ['home is pure: the same spec has the same home, and making it touches nothing'],
    },
    mutant(
      'makes the folder while it is only asked what is wanted',
      {
        async want(at, spec, call) {
          fs.mkdirSync(`${at.part.path}.d`, { recursive: true })
          return note.want(at, spec, call)
        },
      },
      ['want is deterministic, names claims, tells the specs apart and changes nothing'],
    ),
    mutant('freezes what is frozen', { source: { freeze: async (spec) => ({ ...Object(spec), text: `${String(Object(spec).text)}!` }) } }, [
      'a frozen spec freezes to itself, and freezing changes nothing beside',
    ]),
    mutant('promises an output that it has not got', { lasting: ['port'] }, each('*: lasting outputs last')),
    mutant(
      'promises other outputs than it gives',
      { prepare: async (...given) => ({ ...(await note.prepare(...given)), out: { path: '/elsewhere' } }) },
      each('*: preparing says what it costs, and its outputs are those of the after side'),
    ),
  ]
}
