// Owns: providers broken in what others write.
// Never: broken in a way that no author would ever come up with.
import { Fault } from '../../fault.ts'
import { powerfulNote as note } from '../note-powers.ts'
import type { NoteProvider } from '../note-subject.ts'
import { folderOf, mutant, nameOf } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function conflictMutants(): readonly Mutant[] {
  /** Writes what it wants over whatever is there. */
  const overwrite: NoteProvider['turn'] = async (at, memento, to, call) => {
    const dir = call.fx.fs.open(folderOf(at.part))
    dir.remove(nameOf(at.part))
    const target = memento[to]
    if (target !== null) dir.create(nameOf(at.part), await call.get(target.state.content), target.state.mode)
    dir.close()
    return { side: to, standby: 'fit' }
  }
  return [
    mutant(
      'plans from what is there, whatever it was asked to start from',
      {
        async prepare(at, _from, to, call) {
          return note.prepare(at, (await note.read(at, null, call))?.state ?? null, to, call)
        },
      },
      [
        'change: an edit between reading and turning is a conflict, and it is still there',
        'delete: an edit between reading and turning is a conflict, and it is still there',
      ],
    ),
    mutant('turns without comparing', { turn: overwrite }, [
      'change: an edit between preparing and turning is a conflict, and it is still there',
      'delete: an edit between preparing and turning is a conflict, and it is still there',
      'create: what came in between is a conflict, and it is still there',
      'delete: what came after it is not overwritten by the undo',
      'L17: an edit after turn(after) is never overwritten: the undo is refused, or keeps it aside and names it',
    ]),
    mutant(
      'throws plain errors',
      {
        turn: (...given) =>
          note.turn(...given).catch((thrown: unknown) => {
            throw new Error(String(thrown))
          }),
      },
      ['change: an edit between preparing and turning is a conflict, and it is still there'],
    ),
    mutant(
      'calls a conflict transient',
      {
        turn: (...given) =>
          note.turn(...given).catch((thrown: unknown) => {
            throw thrown instanceof Fault ? new Fault({ ...thrown.fault, class: 'transient' }) : thrown
          }),
      },
      ['change: an edit between preparing and turning is a conflict, and it is still there'],
    ),
    mutant(
      'never looks at the other side',
      {
        look: async (...given) => ({ side: (await note.look(...given)).side, standby: 'fit' }),
      },
      ['L17: a late write to the side that is not live is named, and not lost in the undo'],
    ),
  ]
}
