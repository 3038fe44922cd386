// Owns: providers broken in copies.
// Never: broken in a way that no author would ever come up with.
import * as fs from 'node:fs'
import { powerfulNote as note } from '../note-powers.ts'
import type { NotePart } from '../note-provider.ts'
import type { NoteProvider } from '../note-subject.ts'
import { folderOf, mutant, nameOf } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function forkMutants(): readonly Mutant[] {
  const besideOf = (part: NotePart, world: string): NotePart => ({ path: `${part.path}.fork-${world}` })
  /** Copies to a place beside the original. */
  const forkBeside =
    (name: (world: string) => string): NoteProvider['fork'] =>
    async (from, to, live, spec, call) => {
      const made = await note.fork(from, to, live, spec, call)
      const part = besideOf(from.part, name(to.world))
      if (live !== null) fs.cpSync(made.part.path, part.path)
      return { ...made, part, out: live === null ? null : part }
    }
  return [
    mutant(
      'forks to where the original is',
      { fork: async (from) => ({ part: from.part, out: from.part, fidelity: 'exact', because: '' }) },
      ["a fork's writes are invisible outside, and closed it is gone; closed twice is once"],
    ),
    mutant(
      'does not say why its fork is not exact',
      { fork: async (...given) => ({ ...(await note.fork(...given)), fidelity: 'partial' }) },
      ['a fork stands for the same state, with outputs of its own, and says how far it can be believed'],
    ),
    mutant(
      'gives outputs for a fork of nothing',
      { fork: async (...given) => ({ ...(await note.fork(...given)), out: { path: '/nowhere' } }) },
      ['a fork of what is not there is only a place: it can be created there'],
    ),
    mutant('forks every world to the same place', { fork: forkBeside(() => 'all') }, [
      'writes outside do not show in a fork, nor those of one fork in another',
    ]),
    mutant('does not remove its fork', { fork: forkBeside((world) => world) }, [
      "a fork's writes are invisible outside, and closed it is gone; closed twice is once",
    ]),
    mutant(
      'removes a fork only when it is told where it is',
      {
        async fork(from, to, live, _spec, call) {
          const dir = call.fx.fs.open(folderOf(from.part))
          const part = besideOf(from.part, to.world)
          dir.remove(nameOf(part))
          if (live !== null) dir.create(nameOf(part), dir.read(nameOf(from.part)), live.mode)
          dir.close()
          return { part, out: live === null ? null : part, fidelity: 'exact', because: '' }
        },
        async close(at, call) {
          if (at.part !== null) fs.rmSync(at.part.path, { force: true })
          await note.close(at, call)
        },
      },
      ['L8: killed while forking, it is closed without its part or forked again, and nothing is left over'],
    ),
  ]
}
