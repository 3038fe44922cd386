// Owns: what an author gives of a provider so that the suite can check it: specs, and edits made behind its back.
// Never: anything that the suite could find out by itself.
import type { Json } from '../json.ts'
import type { Path } from '../effects.ts'
import type { At, Provider } from '../provider.ts'
import type { Bench } from './bench.ts'

/** A spec as a user writes it, or what makes one on this bench (with its sources, in its folder). Called once a bench. */
export type SpecSource = Json | ((bench: Bench) => Json | Promise<Json>)

/** Does something to the real thing, not through the provider. */
export type Edit = (bench: Bench, at: At<Json>) => void | Promise<void>

/** Makes something so that it cannot be read, and gives what mends it. */
export type Spoil = (bench: Bench, at: At<Json>) => (() => void | Promise<void>) | Promise<() => void | Promise<void>>

export interface Subject<Spec, State, Memento, Part, Out> {
  readonly provider: Provider<Spec, State, Memento, Part, Out>
  /** A fresh bench. The suite closes it. Called often: cheap, please. */
  readonly stage: () => Bench | Promise<Bench>
  /** Specs of one thing (one `home`) that ask for different states. `c` differs from both; merging is checked with it. */
  readonly specs: { readonly a: SpecSource; readonly b: SpecSource; readonly c?: SpecSource }
  /** Changes the live thing in a way that `turn` must see as a conflict. */
  readonly touch: Edit
  /** Makes the thing where nothing is, as somebody else would. */
  readonly appear?: Edit
  /** Writes to the side that is not live (after a `turn(after)` of a → b), as somebody with an open file would. */
  readonly touchOff?: (bench: Bench, at: At<Json>, memento: Json) => void | Promise<void>
  /** Takes the right to read it away. */
  readonly forbid?: Spoil
  /** Makes it impossible to tell what is there. */
  readonly unknown?: Spoil
  /** Two pairs of specs, from and to, of one home each: a small thing and a big one (100 times, say). */
  readonly sizes?: { readonly small: readonly [SpecSource, SpecSource]; readonly large: readonly [SpecSource, SpecSource] }
  /** A spec that holds a secret as `{secret, mac}`, and the text that must never show. */
  readonly secretSpec?: (bench: Bench) => Promise<{ readonly spec: Json; readonly text: string }>
  /** Files that the real thing writes by itself, by path below `bench.dir`: a log, a database's shared memory. */
  readonly ignores?: (path: Path) => boolean
  /** Points of a call at which it is killed, at most; spread evenly. All when not given. For what takes a second to stand up. */
  readonly killPointsMax?: number
  /** Longest time for one check, ms. Default: 60 s. */
  readonly timeoutMs?: number
  /** Checks that cannot hold here: the check's name → why. Shown with the reason, and counted as skipped. */
  readonly flags?: Readonly<Record<string, string>>
}
