// Owns: what must hold once all is calm: every resource as the log says, nothing left over, nothing of others lost.
// Never: believes what the engine says of the machine; it looks.
import { loadStack } from '@understudy/engine'
import type { StackState } from '@understudy/engine'
import { textOf } from './machine.ts'
import { rendered } from './scenario.ts'
import type { Contents, Scenario } from './scenario.ts'
import { STACK, violated } from './universe.ts'
import type { Universe } from './universe.ts'

/** What each revision should hold, by number, from what was asked for; null where nothing is known. */
export function contentsOf(scenario: Scenario, { revisions, changes }: StackState): ReadonlyMap<number, Contents | null> {
  const known = new Map<number, Contents | null>([[0, {}]])
  for (const { n, change, message, back, how } of revisions) {
    const said = message === '' ? (changes[change]?.message ?? '') : message
    const to = back === null ? null : (known.get(back.to) ?? null)
    const before = known.get(n - 1) ?? null
    const one = /^one (\w+)$/.exec(said)?.[1]
    const asked = /^asked (\d+)$/.exec(said)?.[1]
    if (how === 'partial') known.set(n, null)
    else if (back !== null && one !== undefined && back.inParts === true) {
      known.set(n, before === null || to === null ? null : withOne(scenario, before, to, one))
    } else if (back !== null) known.set(n, to)
    else if (asked !== undefined) known.set(n, wantedBy(scenario, Number(asked)))
    else known.set(n, null)
  }
  return known
}

/** One is as it was; where it was not, those who use it are as they were, too. */
function withOne(scenario: Scenario, before: Contents, to: Contents, one: string): Contents {
  const { [one]: _, ...rest } = before
  const was = to[one]
  if (was !== undefined) {
    const uses = scenario.resources.find(({ name }) => name === one)?.uses ?? []
    const [now, then] = [rendered(scenario, rest), rendered(scenario, to)]
    const needed = before[one] === undefined ? uses.filter((name) => then[name] !== undefined && now[name] !== then[name]) : []
    return needed.reduce<Contents>((contents, name) => withOne(scenario, contents, to, name), { ...rest, [one]: was })
  }
  const users = scenario.resources.filter(({ name, uses }) => uses.includes(one) && rest[name] !== undefined)
  return users.reduce<Contents>((contents, { name }) => withOne(scenario, contents, to, name), rest)
}

function wantedBy({ actions }: Scenario, at: number): Contents | null {
  const action = actions[at]
  return action?.act === 'apply' ? action.wanted : action?.act === 'destroy' ? {} : null
}

/** True where a person would have to decide: somebody else's write is in the way. */
export async function judge(universe: Universe, scenario: Scenario): Promise<boolean> {
  const { machine, store, foreign } = universe
  const state = await loadStack(store, STACK)
  const changes = Object.values(state.changes)
  const open = changes.filter(({ phase, turning }) => phase === 'applying' || phase === 'undoing' || (turning !== null && phase !== 'held'))
  for (const { change, phase } of open) violated(universe, 'I11', `${change} is still ${phase}`)
  const held = changes.filter(({ phase }) => phase === 'held')
  if (held.length > 0 && foreign.size === 0) violated(universe, 'I11', `${held[0]?.change} is held: ${held[0]?.why}`)
  judgeForeign(universe)
  judgeLeftovers(universe, state)
  if (held.length > 0) return true
  const head = state.revisions.at(-1)?.n ?? 0
  const contents = contentsOf(scenario, state).get(head) ?? null
  if (contents === null) return false
  const wanted = rendered(scenario, contents)
  for (const { name } of scenario.resources) {
    const path = `p/${name}`
    const file = machine.live.get(path)
    const text = file === undefined ? null : textOf(file)
    if (text === (wanted[name] ?? null) || foreign.has(path)) continue
    violated(universe, 'I2', `${name} is ${text}, and revision ${head} has ${wanted[name] ?? null}`)
  }
  return false
}

/** I3: what somebody else wrote is there, or lies where it can be found, or a plan saw it and went over it. */
function judgeForeign(universe: Universe): void {
  const { machine, foreign, plans } = universe
  for (const [path, text] of foreign) {
    const file = machine.live.get(path)
    const beside = [...machine.beside].some(([slot, one]) => slot.startsWith(`${path}!`) && one !== null && textOf(one) === text)
    const seen = [...plans.values()].some(({ steps }) =>
      steps.some(({ part, from }) => JSON.stringify(part).includes(`"${path}"`) && JSON.stringify(from).includes(text)),
    )
    const there = (file !== undefined && textOf(file) === text) || beside || seen || machine.kept.has(text)
    if (!there) violated(universe, 'I3', `${text} was written to ${path} and is nowhere`)
  }
}

function judgeLeftovers(universe: Universe, { changes }: StackState): void {
  const { machine } = universe
  for (const path of machine.live.keys()) if (!path.startsWith('p/')) violated(universe, 'I2', `${path} is left of a shadow`)
  for (const slot of machine.beside.keys()) {
    const key = slot.slice(slot.indexOf('!') + 1)
    const owner = Object.values(changes).find(({ change }) => key.startsWith(`${change}-`))
    // Until it is released the next change drops it.
    if (owner !== undefined && !owner.released && owner.phase !== 'applying') continue
    violated(universe, 'I2', `${slot} is left over${owner === undefined ? '' : ` of ${owner.change}, ${owner.phase}`}`)
  }
}
