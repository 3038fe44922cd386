// Owns: a provider in plain JavaScript, as a package brings it: everything it is asked is a conflict.
// Never: finds the contract installed beside it.
import { Fault } from '@understudy/contract'

const any = { safeParse: (value) => ({ success: true, data: value }), describe: () => ({}) }

async function refuse() {
  throw new Fault({ code: 'lab.taken', class: 'conflict', summary: 'Taken.', detail: 'by somebody', hint: 'Wait.' })
}

export const provider = {
  kind: 'lab.thing',
  version: 1,
  schema: { spec: any, state: any, memento: any, part: any, out: any },
  prepares: () => 'beside',
  home: async () => ({}),
  want: refuse,
  read: refuse,
  fork: refuse,
  close: refuse,
  prepare: refuse,
  look: refuse,
  turn: refuse,
  release: refuse,
}
