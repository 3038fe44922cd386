// Owns: the kind command.run: any command, tried once in a sandbox; what is applied and undone is what it changed there.
// Never: runs a confined command on the real thing.
import type { Provider } from '@understudy/contract'
import { commandComponents } from './command-components.ts'
import { closeCommand, forkCommand } from './fork-command.ts'
import { freezeCommand } from './freeze-command.ts'
import { lookCommand } from './look-command.ts'
import { prepareCommand } from './prepare-command.ts'
import { releaseCommand } from './release-command.ts'
import { mementoSchema, outSchema, partSchema, specSchema, stateSchema } from './spec.ts'
import type { CommandMemento, CommandOut, CommandPart, CommandSpec, CommandState } from './spec.ts'
import { turnCommand } from './turn-command.ts'
import { readCommand, wantCommand } from './want-command.ts'

export const commandRun: Provider<CommandSpec, CommandState, CommandMemento, CommandPart, CommandOut> = {
  kind: 'command.run',
  version: 1,
  schema: { spec: specSchema, state: stateSchema, memento: mementoSchema, part: partSchema, out: outSchema },
  lasting: [],
  prepares: () => 'in-place',
  home: () => ({ root: '', runs: true }),
  want: wantCommand,
  read: (at, _hint, call) => readCommand(at, call),
  fork: (from, _to, live, spec, call) => forkCommand(from.part, live, spec, call),
  close: async (_at, call) => closeCommand(call),
  prepare: prepareCommand,
  look: lookCommand,
  turn: turnCommand,
  release: (at, memento, call) => releaseCommand(at, memento?.key ?? call.key, call),
  source: { once: true, freeze: freezeCommand },
  components: commandComponents,
}
