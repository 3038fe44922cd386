// Owns: the words and the exit for what was settled before anything else: changes that a kill left, those not confirmed in time, and those whose time is over.
// Never: says that something was undone that is held.
import type { Recovered } from '@understudy/engine'
import type { Exit } from '../exit-codes.ts'

const words: Readonly<Record<Recovered['why'], string>> = {
  interrupted: 'was interrupted',
  overdue: 'was not confirmed in time',
  over: 'was to last until now',
}

export function settledText(settled: readonly Recovered[]): readonly string[] {
  return settled.map(({ change, outcome, why }) => {
    const was = words[why]
    if (outcome === 'undone') return `Change ${change} ${was} and is undone.`
    if (outcome === 'held')
      return `Change ${change} ${was} and is HELD: \`understudy status\` says what stands; \`understudy recover\` decides.`
    return `Change ${change} ${was}; somebody else wrote to it since, it stands as it was.`
  })
}

/** The worst of them; `otherwise` where all is as it should be. */
export function settledExit(settled: readonly Recovered[], otherwise: Exit): Exit {
  const has = (wanted: Recovered['outcome']): boolean => settled.some(({ outcome }) => outcome === wanted)
  return has('held') ? 'held' : otherwise
}
