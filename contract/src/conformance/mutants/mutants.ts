// Owns: the list of all mutants.
// Never: runs them.
import type { Mutant } from './mutant.ts'
import { conflictMutants } from './conflict-mutants.ts'
import { forkMutants } from './fork-mutants.ts'
import { killMutants } from './kill-mutants.ts'
import { powerMutants } from './power-mutants.ts'
import { readMutants } from './read-mutants.ts'
import { selfMutants } from './self-mutants.ts'
import { turnMutants } from './turn-mutants.ts'

export const mutants: readonly Mutant[] = [
  ...selfMutants(),
  ...readMutants(),
  ...turnMutants(),
  ...conflictMutants(),
  ...killMutants(),
  ...forkMutants(),
  ...powerMutants(),
]
