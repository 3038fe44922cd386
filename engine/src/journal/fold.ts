// Owns: what a stack's log says, as one value. Nothing else is remembered about a stack.
// Never: reads anything but entries; an illegal order of entries is an error, not a guess.

//   (none) ─begun→ applying ─committed→ committed ─undoing→ undoing ─undone→ undone ─redone→ committed
//                     └──────undoing──────────────────────────┘        undoing ─held→ held ─undoing→ undoing
//                                                                       undoing ─partial→ partial
import { Fault } from '@understudy/contract'
import type { ChangeState, JournalEntry, Phase, StackState, StepStand } from '../model/journal.ts'

/** A row of revisions that a change made: the change says who and why. */
const byChange = { recorded: false, back: null, by: null, message: '' } as const

export function emptyStack(stack: string): StackState {
  return { stack, seq: 0, revisions: [], changes: {}, order: [], tombstones: {} }
}

/** The state after one more entry. `at` is when it was written, ms since 1970. */
export function foldEntry(state: StackState, seq: number, at: number, entry: JournalEntry): StackState {
  const next: StackState = { ...state, seq }
  const change = (patch: (was: ChangeState) => ChangeState): StackState => {
    if (!('change' in entry)) throw illegal(seq, entry, 'it names no change')
    const was = next.changes[entry.change]
    if (was === undefined) throw illegal(seq, entry, `change ${entry.change} was never begun`)
    return { ...next, changes: { ...next.changes, [entry.change]: patch(was) } }
  }
  const from = (was: ChangeState, ...phases: readonly Phase[]): void => {
    if (!phases.includes(was.phase)) throw illegal(seq, entry, `change ${was.change} is ${was.phase}`)
  }
  const step = (was: ChangeState, name: string, patch: (stand: StepStand) => StepStand): ChangeState => {
    const stand = was.steps[name] ?? { step: name, key: null, prepared: null, idle: null, side: 'before' }
    return { ...was, steps: { ...was.steps, [name]: patch(stand) } }
  }
  switch (entry.type) {
    case 'change.begun': {
      if (next.changes[entry.change] !== undefined) throw illegal(seq, entry, 'it was begun before')
      const { change: id, plan, rehearsal, assessment, by, message } = entry
      const begun: ChangeState = {
        change: id,
        plan,
        rehearsal,
        assessment,
        by,
        message,
        at,
        endedAt: null,
        phase: 'applying',
        steps: {},
        turning: null,
        revision: null,
        back: null,
        undoneRevision: null,
        undoing: null,
        undoneBy: null,
        undoMessage: '',
        receipt: null,
        verdict: null,
        watch: null,
        confirmBy: null,
        confirmOn: null,
        lastsUntil: null,
        downgraded: false,
        released: false,
        logs: [],
        why: '',
        faults: [],
      }
      return { ...next, changes: { ...next.changes, [id]: begun }, order: [...next.order, id] }
    }
    case 'step.preparing':
      return change((was) => step(was, entry.step, (stand) => ({ ...stand, key: entry.key })))
    case 'step.prepared': {
      const { type: _type, change: _change, ...prepared } = entry
      return change((was) => step(was, entry.step, (stand) => ({ ...stand, key: entry.key, prepared })))
    }
    case 'step.idle':
      return change((was) => step(was, entry.step, (stand) => ({ ...stand, idle: { state: entry.state, out: entry.out } })))
    case 'turning':
      return change((was) => ({ ...was, turning: { to: entry.to, steps: entry.steps } }))
    case 'turned':
      return change((was) => {
        // What could not be turned is under way until somebody says what becomes of it.
        const left = (was.turning?.steps ?? []).filter((name) => !entry.steps.some((turned) => turned.step === name))
        let now: ChangeState = { ...was, turning: was.turning === null || left.length === 0 ? null : { ...was.turning, steps: left } }
        for (const { step: name } of entry.steps) now = step(now, name, (stand) => ({ ...stand, side: entry.to }))
        return now
      })
    case 'change.committed': {
      const { revision, n, receipt, verdict, watch, confirmBy, confirmOn = null, temporary = false, back = null } = entry
      const lastsUntil = temporary ? confirmBy : null
      const done = change((was) => {
        from(was, 'applying')
        return {
          ...was,
          phase: 'committed',
          turning: null,
          revision: n,
          back,
          receipt,
          verdict,
          watch,
          confirmBy,
          confirmOn,
          lastsUntil,
          endedAt: at,
        }
      })
      const how = back?.how ?? 'applied'
      return withRow(done, { n, digest: revision, change: entry.change, at, how, ...byChange, back })
    }
    case 'change.undoing':
      return change((was) => {
        from(was, 'applying', 'committed', 'held', 'undoing', 'partial')
        const { why, by, message = '' } = entry
        return { ...was, phase: 'undoing', why, undoneBy: by, undoMessage: message, watch: null }
      })
    case 'change.undone': {
      const undone = change((was) => {
        from(was, 'undoing')
        return { ...was, phase: 'undone', turning: null, undoing: entry.undoing, undoneRevision: entry.n, endedAt: at }
      })
      const marked =
        entry.tombstone === null ? undone : { ...undone, tombstones: { ...undone.tombstones, [entry.tombstone]: entry.change } }
      if (entry.revision === null || entry.n === null) return marked
      const { undoneBy: by = null, undoMessage: message = '', revision, back: was = null } = marked.changes[entry.change] ?? {}
      // What a change starts from is the revision before its own. The undo of an undo is a redo.
      const back = { to: (revision ?? entry.n) - 1, how: was?.how === 'undone' ? 'redone' : 'undone' } as const
      const row = { n: entry.n, digest: entry.revision, change: entry.change, at, how: back.how, recorded: false, back, by, message }
      return withRow(marked, row)
    }
    case 'change.redone': {
      const redone = change((was) => {
        from(was, 'undone')
        return { ...was, phase: 'committed', turning: null, revision: entry.n, undoing: entry.undoing, lastsUntil: null, endedAt: at }
      })
      const { by = null, message = '' } = entry
      const was = next.changes[entry.change]
      const back = { to: was?.revision ?? 0, how: was?.back?.how ?? 'redone' } as const // whole, and as it was left then
      const row = { n: entry.n, digest: entry.revision, change: entry.change, at, how: back.how, recorded: false, back, by, message }
      return withRow(redone, row)
    }
    case 'change.kept':
      return change((was) => {
        from(was, 'undoing')
        return { ...was, phase: 'committed', turning: null, why: entry.why }
      })
    case 'change.held':
      return change((was) => ({ ...was, phase: 'held', why: entry.why, faults: entry.faults }))
    case 'change.partial': {
      const partial = change((was) => ({
        ...was,
        phase: 'partial',
        turning: null,
        why: `left as they are: ${entry.left.join(', ')}`,
        confirmBy: null,
        endedAt: at,
      }))
      const row = { n: entry.n, digest: entry.revision, change: entry.change, at, how: 'partial', ...byChange }
      return withRow(partial, row)
    }
    case 'change.confirmed':
      return change((was) => ({ ...was, watch: null, confirmBy: null, lastsUntil: null }))
    case 'change.unwatched':
      return change((was) => ({ ...was, watch: null, why: entry.why }))
    case 'change.downgraded':
      return change((was) => ({ ...was, downgraded: true }))
    case 'change.released':
      return change((was) => ({ ...was, downgraded: true, released: true }))
    case 'step.logged':
      return change((was) => ({ ...was, logs: [...was.logs, entry.log] }))
    case 'tombstone.set':
      return { ...next, tombstones: { ...next.tombstones, [entry.content]: entry.change } }
    case 'tombstone.lifted': {
      const tombstones = { ...next.tombstones }
      delete tombstones[entry.content]
      return { ...next, tombstones }
    }
    case 'resource.adopted': {
      const { n, revision: digest, what: how, by, recorded = false, message = '', back = null } = entry
      return withRow(next, { n, digest, change: '', at, how, recorded, back, by, message })
    }
    case 'world.opened':
    case 'world.forked':
      return next
    default:
      throw illegal(seq, entry satisfies never, 'its type is unknown')
  }
}

/** One more revision. What a whole undo goes back past has nothing to wait for any more. */
function withRow(state: StackState, row: StackState['revisions'][number]): StackState {
  const { back } = row
  const revisions = [...state.revisions, row]
  if (back === null || back.inParts === true) return { ...state, revisions }
  const past = ({ confirmBy, revision }: ChangeState): boolean => confirmBy !== null && revision !== null && revision > back.to
  const changes = Object.entries(state.changes).map(([id, was]) => [id, past(was) ? { ...was, confirmBy: null } : was] as const)
  return { ...state, revisions, changes: Object.fromEntries(changes) }
}

/** The change that is undone by itself unless it is confirmed, a temporary one among them. What is recorded, put back or undone in part meanwhile does not end that. */
export function waitingChange({ changes }: StackState): ChangeState | null {
  return Object.values(changes).find(({ phase, confirmBy }) => phase === 'committed' && confirmBy !== null) ?? null
}

/** Changes that hold something: ended, and not let go of. */
export function holdingChanges(state: StackState): readonly string[] {
  return state.order.filter((id) => {
    const change = state.changes[id]
    return (
      change !== undefined &&
      !change.released &&
      (change.phase === 'committed' || (change.phase === 'undone' && change.undoneRevision !== null))
    )
  })
}

/** Changes whose standby side is not let go of yet: those that hold it, and those that went back and could not drop it. */
export function unreleasedChanges(state: StackState): readonly string[] {
  const holding = new Set(holdingChanges(state))
  return state.order.filter((id) => {
    const change = state.changes[id]
    return holding.has(id) || (change?.phase === 'undone' && change.undoneRevision === null && !change.released)
  })
}

/** The last revision that a change made, and none that was only recorded since. */
export function turnedLast({ revisions }: StackState): StackState['revisions'][number] | null {
  return revisions.findLast(({ recorded }) => !recorded) ?? null
}

function illegal(seq: number, entry: { readonly type: string }, why: string): Fault {
  return new Fault({
    code: 'journal.illegal-entry',
    class: 'bug',
    summary: 'The log of the stack holds an entry that cannot be there.',
    detail: `entry ${seq}, ${JSON.stringify(entry).slice(0, 200)}: ${why}`,
    hint: 'Nothing was changed. Run `understudy doctor` and report this.',
  })
}
