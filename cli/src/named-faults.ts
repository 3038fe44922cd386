// Owns: what a package's provider does wrong, said with kind, verb and package: what it throws that is no fault, and
// answers that are not those of the contract.
// Never: changes a fault that a provider means; changes an answer.
import { Fault } from '@understudy/contract'
import type { Forked, Json, Prepared, Stand, Wanted } from '@understudy/contract'
import type { Kind } from '@understudy/engine'

/** The same kind, whose author is named where it fails. */
export function namedFaults(kind: Kind, from: string): Kind {
  const named = (verb: string, thrown: unknown): Fault => {
    if (thrown instanceof Fault) return thrown
    const said = thrown instanceof Error ? thrown.message : String(thrown)
    return fault('kind.threw', `Provider ${kind.kind} failed in a way that it did not foresee.`, verb, said)
  }
  const fault = (code: string, summary: string, verb: string, detail: string): Fault =>
    new Fault({
      code,
      class: 'bug',
      summary,
      detail: `${verb} of ${kind.kind} (package ${from}): ${detail}`,
      hint: 'This is a bug of the provider: report it to its author.',
    })
  const pure =
    <A extends readonly unknown[], R>(verb: string, call: (...given: A) => R) =>
    (...given: A): R => {
      try {
        return call(...given)
      } catch (thrown) {
        throw named(verb, thrown)
      }
    }
  const calling =
    <A extends readonly unknown[], R>(verb: string, call: (...given: A) => Promise<R>, wrong: (answer: R) => string | null = () => null) =>
    async (...given: A): Promise<R> => {
      let answer: R
      try {
        answer = await call(...given)
      } catch (thrown) {
        throw named(verb, thrown)
      }
      const problem = wrong(answer)
      if (problem === null) return answer
      throw fault('kind.bad-answer', `Provider ${kind.kind} gave an answer that is none.`, verb, problem)
    }
  const { source, probe, merge, prepareParts, liveBytes, aside } = kind
  return {
    ...kind,
    parseSpec: pure('schema.spec', (...given) => kind.parseSpec(...given)),
    prepares: pure('prepares', (...given) => kind.prepares(...given)),
    home: pure('home', (...given) => kind.home(...given)),
    want: calling('want', (...given) => kind.want(...given), wrongWanted),
    read: calling('read', (...given) => kind.read(...given)),
    fork: calling('fork', (...given) => kind.fork(...given), wrongForked),
    close: calling('close', (...given) => kind.close(...given)),
    prepare: calling('prepare', (...given) => kind.prepare(...given), wrongPrepared),
    look: calling('look', (...given) => kind.look(...given), wrongStand),
    turn: calling('turn', (...given) => kind.turn(...given), wrongStand),
    release: calling('release', (...given) => kind.release(...given)),
    source: source === null ? null : { ...source, freeze: calling('freeze', (...given) => source.freeze(...given)) },
    merge: merge === null ? null : calling('merge', merge),
    probe: probe === null ? null : calling('probe', probe),
    liveBytes: liveBytes === null ? null : calling('liveBytes', liveBytes),
    aside: aside === null ? null : calling('aside', aside, (answer) => textList('the answer', answer)),
    prepareParts: prepareParts === null ? null : calling('prepareParts', prepareParts, wrongPrepared),
  }
}

const oneOf = (what: string, value: unknown, choices: readonly string[]): string | null =>
  typeof value === 'string' && choices.includes(value) ? null : `${what} is ${shown(value)}, not one of ${choices.join(', ')}`

const textList = (what: string, value: unknown): string | null =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? null : `${what} is ${shown(value)}, not a list of texts`

function wrongWanted({ claims }: Wanted<Json>): string | null {
  return textList('claims', claims)
}

function wrongForked({ fidelity, because }: Forked<Json, Json>): string | null {
  if (typeof because !== 'string') return `because is ${shown(because)}, not text`
  return oneOf('fidelity', fidelity, ['exact', 'partial', 'modelled'])
}

function wrongPrepared({ reversal, bytesHeld, losses }: Prepared<Json, Json>): string | null {
  if (!Number.isFinite(bytesHeld)) return `bytesHeld is ${shown(bytesHeld)}, not a number`
  return oneOf('reversal', reversal, ['switch', 'restore', 'compensate', 'none']) ?? textList('losses', losses)
}

function wrongStand(stand: Stand | undefined): string | null {
  if (typeof stand !== 'object' || stand === null) return `the answer is ${shown(stand)}, not where it stands`
  if (stand.late !== undefined && textList('late', stand.late) !== null) return textList('late', stand.late)
  return oneOf('side', stand.side, ['before', 'after', 'mixed', 'other']) ?? oneOf('standby', stand.standby, ['fit', 'stale', 'gone'])
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value === 'object' && value !== null ? 'an object' : String(value)
}
