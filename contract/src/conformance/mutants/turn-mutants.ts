// Owns: providers broken in the way there and back.
// Never: broken in a way that no author would ever come up with.
import * as fs from 'node:fs'
import { equal } from '../../json.ts'
import { powerfulNote as note } from '../note-powers.ts'
import { each, folderOf, mutant, nameOf } from './mutant.ts'
import type { Mutant } from './mutant.ts'

export function turnMutants(): readonly Mutant[] {
  return [
    mutant(
      'prepares under the live name',
      {
        async prepare(at, from, to, call) {
          const made = await note.prepare(at, from, to, call)
          if (from === null) fs.writeFileSync(at.part.path, '')
          else fs.appendFileSync(at.part.path, ' ')
          return made
        },
      },
      each('*: preparing is invisible'),
    ),
    mutant(
      'leaves the sync to the kernel',
      {
        turn: (at, memento, to, call) => {
          const open: typeof call.fx.fs.open = (path) => ({ ...call.fx.fs.open(path), sync: () => undefined })
          return note.turn(at, memento, to, { ...call, fx: { ...call.fx, fs: { ...call.fx.fs, open } } })
        },
      },
      each('*: what a turn did to files is on disk when it resolves'),
    ),
    mutant(
      'says it has turned',
      { turn: async (at, memento, to, call) => (call.key === 'step' ? { side: to, standby: 'fit' } : note.turn(at, memento, to, call)) },
      [...each('*: after turn(after) it is what was wanted')],
    ),
    mutant(
      'restores nearly',
      {
        async turn(at, memento, to, call) {
          const stand = await note.turn(at, memento, to, call)
          // The content without its time; or, of what was not there, an empty file.
          if (to === 'before') fs.closeSync(fs.openSync(at.part.path, 'a'))
          if (to === 'before') fs.utimesSync(at.part.path, 1, 1)
          return stand
        },
      },
      each('*: turn(before) restores it exactly, also what the spec does not speak of'),
    ),
    mutant(
      'restores the content but not the mode',
      {
        async turn(at, memento, to, call) {
          const stand = await note.turn(at, memento, to, call)
          if (to === 'before' && fs.existsSync(at.part.path)) fs.chmodSync(at.part.path, 0o640)
          return stand
        },
      },
      ['change: turn(before) restores it exactly, also what the spec does not speak of'],
    ),
    mutant(
      'goes to the other side when it is there already',
      {
        async turn(at, memento, to, call) {
          const { side } = await note.look(at, memento, 'quick', call)
          if (side === to) await note.turn(at, memento, to === 'after' ? 'before' : 'after', call)
          else await note.turn(at, memento, to, call)
          return { side: to, standby: 'fit' }
        },
      },
      each('L9: * each turn twice is once, and turn(before) of nothing is nothing').map((name) => name.replace(/^L9: (\w+) /, '$1: L9: ')),
    ),
    {
      name: 'can be undone once only',
      make() {
        const done = new Set<string>()
        return {
          ...note,
          async turn(at, memento, to, call) {
            if (to === 'after' && done.has(call.key)) return { side: 'after', standby: 'fit' }
            if (to === 'before') done.add(call.key)
            return note.turn(at, memento, to, call)
          },
        }
      },
      caughtBy: each('*: L12: what was undone can be done again, and undone again'),
    },
    mutant('always looks as before', { look: async () => ({ side: 'before', standby: 'fit' }) }, [
      ...each('*: look says the side that is live, and that the other one is fit'),
    ]),
    mutant(
      'leaves a mark when it is released',
      {
        async release(at, memento, call) {
          await note.release(at, memento, call)
          fs.writeFileSync(`${at.part.path}.released`, '')
        },
      },
      [
        ...each('*: undone and released, nothing is left over; released twice is once'),
        ...each('*: prepared and never turned, released by memento, nothing is left over'),
      ],
    ),
    mutant('releases nothing', { release: async () => undefined }, [
      'create: undone and released, nothing is left over; released twice is once',
    ]),
    mutant(
      'puts its hand on the live side when it is released',
      {
        async release(at, memento, call) {
          await note.release(at, memento, call)
          if (memento === null) return
          fs.closeSync(fs.openSync(at.part.path, 'a'))
          fs.utimesSync(at.part.path, 1, 1)
        },
      },
      each('*: kept and released, it stays as it was turned, and the next change works'),
    ),
    mutant(
      'tells the sides apart by their state only',
      {
        async turn(at, memento, to, call) {
          const { before, after } = memento
          return equal(before?.state ?? null, after?.state ?? null) ? { side: 'before', standby: 'fit' } : note.turn(at, memento, to, call)
        },
      },
      ['a forced step, from and to the same state, turns both ways'],
    ),
    mutant(
      'keeps a log of each change for ever',
      {
        async prepare(at, from, to, call) {
          fs.writeFileSync(`${call.room}/${call.key}.log`, '')
          return note.prepare(at, from, to, call)
        },
      },
      ['ten changes undone and released leave no more behind than one'],
    ),
    mutant(
      'turns with more effects the bigger it is',
      {
        async turn(at, memento, to, call) {
          const stand = await note.turn(at, memento, to, call)
          const dir = call.fx.fs.open(folderOf(at.part))
          for (let kib = 0; kib < fs.statSync(at.part.path).size / 1024; kib += 1) dir.sync(nameOf(at.part))
          dir.close()
          return stand
        },
      },
      ['a switch is a switch: turning has as many effects for a big thing as for a small one'],
    ),
  ]
}
