// Owns: which backend is the live one. A flip is a compare-and-swap on the live name, on disk before it is in memory, and
// in memory before it is acknowledged; so a front that is started again comes up where it was.
// Never: knows of requests.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'

/** One backend that the front knows, and who may still need it. */
export interface Side {
  readonly name: string
  /** `http://host:port` */
  readonly to: string
  /** Requests that can safely be sent twice are sent to the other side when this one fails. */
  readonly retry: boolean
  /** Time for the head of an answer, ms. */
  readonly timeoutMs: number
  /** Time that what is under way gets after it was turned away from, ms. */
  readonly drainMs: number
  readonly heldBy: readonly string[]
  /** The provider's own, kept for it as it is. */
  readonly state: unknown
}

export interface RoutingState {
  /** Grows with every flip. */
  readonly generation: number
  readonly live: string | null
  /** The one beside: turned away from last, or prepared last. */
  readonly standby: string | null
  readonly sides: readonly Side[]
}

export const STATE_FILE = 'front.json'
const EMPTY: RoutingState = { generation: 0, live: null, standby: null, sides: [] }

export interface Routing {
  get(): RoutingState
  /** Adds a side or replaces it. False: it is the live one and leads elsewhere. */
  know(side: Side): boolean
  /** False when the live one is not `from`, or `to` is not known. Being there already is true. */
  flip(from: string | null, to: string | null): boolean
  /** Takes a hold off all sides and forgets those that nobody holds and that are not live. */
  letGo(holder: string): void
}

export function openRouting(onFlip: (from: Side | null, to: Side | null) => void): Routing {
  let state = load()
  const sideNamed = (name: string | null): Side | null => state.sides.find((side) => side.name === name) ?? null
  const keep = (next: RoutingState): void => {
    persist(next)
    state = next
  }
  return {
    get: () => state,
    know(side) {
      if (side.name === state.live && side.to !== sideNamed(side.name)?.to) return false
      const others = state.sides.filter(({ name }) => name !== side.name)
      const standby = state.live === null || side.name === state.live ? state.standby : side.name
      keep({ ...state, standby, sides: [...others, side] })
      return true
    },
    flip(from, to) {
      if (state.live === to) return true
      const target = sideNamed(to)
      if (state.live !== from || (to !== null && target === null)) return false
      const left = sideNamed(from)
      keep({ ...state, generation: state.generation + 1, live: to, standby: from })
      onFlip(left, target)
      return true
    },
    letGo(holder) {
      const sides = state.sides
        .map((side) => ({ ...side, heldBy: side.heldBy.filter((each) => each !== holder) }))
        .filter((side) => side.heldBy.length > 0 || side.name === state.live)
      const standby = sides.some(({ name }) => name === state.standby) ? state.standby : null
      keep({ ...state, standby, sides })
    },
  }
}

/** A file that cannot be read as what we wrote stops the front: to guess would send traffic to the wrong place. */
function load(): RoutingState {
  let text
  try {
    text = readFileSync(STATE_FILE, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EMPTY
    throw error
  }
  const state: RoutingState = JSON.parse(text)
  if (!Array.isArray(state.sides) || !Number.isSafeInteger(state.generation)) throw new Error(`${STATE_FILE} is damaged`)
  return state
}

function persist(state: RoutingState): void {
  const part = `${STATE_FILE}.part`
  const file = openSync(part, 'w', 0o600)
  try {
    writeSync(file, JSON.stringify(state))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(part, STATE_FILE)
  const folder = openSync('.', 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
