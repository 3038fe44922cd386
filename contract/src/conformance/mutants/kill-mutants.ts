// Owns: providers broken in what a kill leaves.
// Never: broken in a way that no author would ever come up with.
import type { Hands, Look, Stand } from '../../provider.ts'
import { powerfulNote as note } from '../note-powers.ts'
import type { NoteMemento, NotePart } from '../note-provider.ts'
import type { NoteProvider } from '../note-subject.ts'
import { each, folderOf, locked, mutant, nameOf } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function killMutants(): readonly Mutant[] {
  return [
    mutant('prepares behind a lock of its own', { prepare: locked((...given) => note.prepare(...given)) }, [
      ...each('L8: *: killed while preparing, it is released by key or tried again, and nothing is left over'),
    ]),
    mutant(
      'takes what a killed attempt left for finished',
      {
        async prepare(at, from, to, call) {
          const { fs: files } = call.fx
          const open = (dir: string) => {
            const real = files.open(dir)
            const create: typeof real.create = (name, ...rest) => (real.stat(name) === null ? real.create(name, ...rest) : undefined)
            return { ...real, create, remove: () => undefined }
          }
          return note.prepare(at, from, to, { ...call, fx: { ...call.fx, fs: { ...files, open } } })
        },
      },
      ['L8: change: killed while preparing, it is released by key or tried again, and nothing is left over'],
    ),
    mutant(
      'finds nothing by key',
      {
        release: async (at, memento, call) => (memento === null ? undefined : note.release(at, memento, call)),
      },
      ['L8: create: killed while preparing, it is released by key or tried again, and nothing is left over'],
    ),
    mutant('prepares whatever happens', { prepare: whatever }, [
      'a disk that is full for a moment while preparing: nothing shows, tried again it works, nothing is left over',
    ]),
    mutant(
      'turns whatever happens',
      { turn: (at, memento, to, call) => note.turn(at, memento, to, call).catch(() => ({ side: to, standby: 'fit' })) },
      [
        'a disk that is full for a moment in turn(after): it is told, and tried again it works',
        'a disk that is full for a moment in turn(before): it is told, and tried again it works',
      ],
    ),
    mutant('turns behind a lock of its own', { turn: locked((...given) => note.turn(...given)) }, [
      ...each('L8: *: killed in turn(after), it is ours, goes on either way, and nothing is left over'),
      ...each('L8: *: killed in turn(before), it is ours, goes on either way, and nothing is left over'),
    ]),
    mutant('turns by two renames, and does not know itself in between', { turn: byTwoRenames }, [
      'L8: change: killed in turn(after), it is ours, goes on either way, and nothing is left over',
    ]),
    mutant('releases behind a lock of its own', { release: locked((...given) => note.release(...given)) }, [
      ...each('L8: *: killed in release with before live, it is released again, and nothing is left over'),
      ...each('L8: *: killed in release with after live, it is released again, and nothing is left over'),
    ]),
    mutant(
      'closes behind a lock of its own',
      {
        close: (at, call) =>
          locked((...given: Parameters<NoteProvider['close']>) => note.close(...given))(
            { ...at, part: { path: `${call.room}/note` } },
            call,
          ),
      },
      ['L8: killed while closing, it is closed again, and nothing is left over'],
    ),
    mutant(
      'cannot fork again where a fork was killed',
      {
        async fork(from, to, live, spec, call) {
          const dir = call.fx.fs.open(call.room)
          dir.create('begun', new Uint8Array(), 0o600)
          const forked = await note.fork(from, to, live, spec, call)
          dir.close()
          return forked
        },
      },
      ['L8: killed while forking, it is closed without its part or forked again, and nothing is left over'],
    ),
  ]
}

async function byTwoRenames(
  at: { readonly world: string; readonly id: string; readonly part: NotePart },
  memento: NoteMemento,
  to: 'before' | 'after',
  call: Hands,
): Promise<Stand> {
  const look: Look = call
  const { side } = await note.look(at, memento, 'quick', look)
  if (memento.before === null || memento.after === null || side === to) return note.turn(at, memento, to, call)
  if (side === 'other') return note.turn(at, memento, to, call)
  const dir = call.fx.fs.open(folderOf(at.part))
  const [live, aside] = [nameOf(at.part), `${memento.beside}.aside`]
  dir.rename(live, dir, aside, { replace: false })
  dir.rename(memento.beside, dir, live, { replace: false })
  dir.rename(aside, dir, memento.beside, { replace: false })
  dir.close()
  return { side: to, standby: 'fit' }
}

/** Goes on when a file could not be made. */
const whatever: NoteProvider['prepare'] = (at, from, to, call) => {
  const { fs: files } = call.fx
  const open = (dir: string) => {
    const real = files.open(dir)
    const attempt = (run: () => void): void => {
      try {
        run()
      } catch {
        // Somebody will notice.
      }
    }
    const create: typeof real.create = (...given) => attempt(() => real.create(...given))
    return { ...real, create, chown: () => undefined, chmod: () => undefined, sync: () => undefined }
  }
  return note.prepare(at, from, to, { ...call, fx: { ...call.fx, fs: { ...files, open } } })
}
