// Owns: resources of the simulated machine: one kind that stands beside and is exchanged, and two that are written in place.
// Never: writes but through `effect`, where chance and the rules come in.
import { isObject } from '@understudy/contract'
import type { Hands, Json, Side, Stand } from '@understudy/contract'
import type { Kind } from '@understudy/engine'
import { fileOf, sameFile, simFault, textOf } from './machine.ts'
import type { File, Machine } from './machine.ts'
import type { Effect } from './universe.ts'

type Do = (effect: Effect) => Promise<void>

export function simulatedKinds(machine: Machine, effect: Do): readonly Kind[] {
  return [
    besideKind(machine, effect),
    inPlaceKind(machine, effect, 'sim.inplace', 'restore'),
    inPlaceKind(machine, effect, 'sim.remote', 'compensate'),
  ]
}

const textIn = (value: Json | undefined, key: string): string => (isObject(value) && typeof value[key] === 'string' ? value[key] : '')
const pathIn = (part: Json): string => textIn(part, 'path')
const stateText = (state: Json | null): string | null => (state === null ? null : textIn(state, 'text'))

/** What the text of a spec is with the outputs that it uses. */
function wantedText(spec: Json): string {
  const uses = isObject(spec) && Array.isArray(spec['uses']) ? spec['uses'].map(String) : []
  return [textIn(spec, 'text'), ...uses].join('+')
}

function commonOf(machine: Machine, effect: Do) {
  const read = (path: string) => {
    const file = machine.live.get(path)
    if (file === undefined) return null
    const text = textOf(file)
    return { state: { text }, out: { path, text }, unmanaged: null, volatile: null }
  }
  return {
    version: 1,
    lasting: ['path'],
    parseSpec: (value: Json) => ({ ok: true, value, issues: [] }),
    describeSpec: (): Json => ({}),
    describeOut: (): Json => ({}),
    home: (spec: Json): Json => ({ path: `p/${textIn(spec, 'path')}` }),
    want: async (at: { readonly part: Json }, spec: Json) => ({ state: { text: wantedText(spec) }, claims: [`sim:${pathIn(at.part)}`] }),
    read: async ({ part }: { readonly part: Json }) => read(pathIn(part)),
    async fork(_from: unknown, to: { readonly world: string; readonly id: string }, live: Json | null, _spec: Json, call: Hands) {
      const path = `${to.world}/${to.id}`
      const text = stateText(live)
      await effect({ path, verb: 'fork', call, write: () => void (text === null || machine.live.set(path, fileOf(machine, text))) })
      return { part: { path }, out: read(path)?.out ?? null, fidelity: 'exact' as const, because: '' }
    },
    async close({ world, id }: { readonly world: string; readonly id: string }, call: Hands) {
      const path = `${world}/${id}`
      const write = (): void => {
        machine.live.delete(path)
        for (const name of machine.beside.keys()) if (name.startsWith(`${path}!`)) machine.beside.delete(name)
      }
      await effect({ path, verb: 'close', call, write })
    },
    source: null,
    components: null,
    merge: null,
    probe: null,
    mortal: null,
    liveBytes: null,
    aside: null,
    prepareParts: null,
    heldParts: null,
  }
}

interface Sides {
  readonly path: string
  readonly key: string
  readonly before: File | null
  readonly after: File | null
}

function fileIn(value: Json | undefined): File | null {
  if (!isObject(value)) return null
  const text = textIn(value, 'text')
  return { inode: Number(value['inode']), halves: [text, text] }
}

function fileJson(file: File | null): Json {
  return file === null ? null : { inode: file.inode, text: textOf(file) }
}

/** Both sides stand side by side and are exchanged: a switch. */
function besideKind(machine: Machine, effect: Do): Kind {
  const sidesIn = (memento: Json): Sides => {
    const value = isObject(memento) ? memento : {}
    return { path: textIn(memento, 'path'), key: textIn(memento, 'key'), before: fileIn(value['before']), after: fileIn(value['after']) }
  }
  const look = ({ path, key, before, after }: Sides, full: boolean): Stand => {
    const live = machine.live.get(path) ?? null
    const side = sameFile(live, after) ? 'after' : sameFile(live, before) ? 'before' : 'other'
    const beside = machine.beside.get(`${path}!${key}`)
    const wanted = side === 'after' ? before : after
    const standby = beside === undefined ? 'gone' : sameFile(beside, wanted) ? 'fit' : 'stale'
    return { side, standby, ...(full && standby === 'stale' ? { late: [path] } : {}) }
  }
  return {
    ...commonOf(machine, effect),
    kind: 'sim.beside',
    prepares: () => 'beside',
    async prepare({ part }, from, to, call) {
      const path = pathIn(part)
      const live = machine.live.get(path) ?? null
      if ((live === null ? null : textOf(live)) !== stateText(from)) throw simFault('sim.changed', 'conflict')
      const text = stateText(to)
      let made: File | null = null
      const write = (): void => {
        made = text === null ? null : fileOf(machine, text)
        machine.beside.set(`${path}!${call.key}`, made)
      }
      await effect({ path, verb: 'prepare', call, write })
      const memento = { path, key: call.key, before: fileJson(live), after: fileJson(made) }
      return { memento, out: text === null ? null : { path, text }, reversal: 'switch', bytesHeld: 1, losses: [] }
    },
    look: async (_at, memento, depth) => look(sidesIn(memento), depth === 'full'),
    async turn(_at, memento, to, call) {
      const sides = sidesIn(memento)
      const stand = look(sides, false)
      if (stand.side === to) return stand
      if (stand.side === 'other' || stand.standby === 'gone') throw simFault('sim.changed', 'conflict')
      const slot = `${sides.path}!${sides.key}`
      const write = (): void => {
        // Compared and exchanged at once: what somebody wrote meanwhile is not written over.
        const { side, standby } = look(sides, false)
        if (side === 'other' || standby === 'gone') throw simFault('sim.changed', 'conflict')
        if (side === to) return
        const [old, next] = [machine.live.get(sides.path) ?? null, machine.beside.get(slot) ?? null]
        if (next === null) machine.live.delete(sides.path)
        else machine.live.set(sides.path, next)
        machine.beside.set(slot, old)
      }
      await effect({ path: sides.path, verb: 'turn', side: to, call, write })
      return look(sides, false)
    },
    async release({ part }, memento, call) {
      const path = pathIn(part)
      const write = (): void => {
        const slot = `${path}!${call.key}`
        const late = memento === null ? null : look(sidesIn(memento), true).late
        const file = machine.beside.get(slot) ?? null
        if (late !== null && late !== undefined && file !== null) machine.kept.add(textOf(file))
        machine.beside.delete(slot)
      }
      await effect({ path, verb: 'release', call, write })
    },
  }
}

/** One after the other half is written: who comes in between finds it half done. */
function inPlaceKind(machine: Machine, effect: Do, kind: string, reversal: 'restore' | 'compensate'): Kind {
  const look = (memento: Json): Stand => {
    const value = isObject(memento) ? memento : {}
    const sideText = (side: Side): string | null => stateText(value[side] ?? null)
    const live = machine.live.get(textIn(memento, 'path')) ?? null
    const halves = live?.halves ?? null
    const is = (side: Side): boolean => (halves === null ? sideText(side) === null : halves.every((half) => half === sideText(side)))
    if (is('after')) return { side: 'after', standby: 'fit' }
    if (is('before')) return { side: 'before', standby: 'fit' }
    const ours = halves !== null && halves.every((half) => half === sideText('before') || half === sideText('after'))
    return { side: ours ? 'mixed' : 'other', standby: 'fit' }
  }
  return {
    ...commonOf(machine, effect),
    kind,
    prepares: () => 'in-place',
    async prepare({ part }, from, to, call) {
      const path = pathIn(part)
      const live = machine.live.get(path)
      if ((live === undefined ? null : textOf(live)) !== stateText(from)) throw simFault('sim.changed', 'conflict')
      await effect({ path, verb: 'prepare', call, write: () => undefined })
      const text = stateText(to)
      const memento = { path, before: from, after: to }
      return { memento, out: text === null ? null : { path, text }, reversal, bytesHeld: 1, losses: [] }
    },
    look: async (_at, memento) => look(memento),
    async turn(_at, memento, to, call) {
      const path = textIn(memento, 'path')
      const text = stateText((isObject(memento) ? memento[to] : null) ?? null)
      const half = (which: 0 | 1) => (): void => {
        if (look(memento).side === 'other') throw simFault('sim.changed', 'conflict')
        if (text === null) return void machine.live.delete(path)
        const now = machine.live.get(path)
        const halves: [string, string] = now === undefined ? [text, text] : [...now.halves]
        halves[which] = text
        machine.live.set(path, { inode: now?.inode ?? fileOf(machine, '').inode, halves })
      }
      const { side } = look(memento)
      if (side === to) return { side, standby: 'fit' }
      if (side === 'other') throw simFault('sim.changed', 'conflict')
      for (const which of [0, 1] as const) await effect({ path, verb: 'turn', side: to, call, write: half(which) })
      return look(memento)
    },
    async release({ part }, _memento, call) {
      await effect({ path: pathIn(part), verb: 'release', call, write: () => undefined })
    },
  }
}
