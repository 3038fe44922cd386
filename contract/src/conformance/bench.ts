// Owns: what the suite needs of whoever runs it: a folder, calls into worlds, what was recorded, what still runs.
// Never: names the engine; `openStage` of `@understudy/engine/testing` fits by its shape.
import type { EffectRecord, Path, ProcessId } from '../effects.ts'
import type { Hands, Look } from '../provider.ts'

export interface Bench {
  /** An empty folder at first. The subject's real things stand in it. */
  readonly dir: Path
  /** A reading call in a world. Every world has a store in common and rooms of its own. */
  look(world: string, id: string): Look
  /** A writing call; made again with the same key it is the same step, tried again by a new process. */
  hands(world: string, id: string, key: string): Hands
  /** What was recorded, redacted: all of it, or what came since it was last asked. */
  records(): readonly EffectRecord[]
  /** Living processes of the subject that have nothing of `dir` open; the others are found without. */
  processes?(): readonly ProcessId[]
  /** Removes the folder. Every process that has something of it open was ended before. */
  close(): Promise<void>
}
