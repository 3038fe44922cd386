// Owns: the words for what was settled before anything else: changes that a kill left, and those not confirmed in time.
// Never: says that something was undone that is held.
import type { Recovered } from '@understudy/engine'

export function settledText(settled: readonly Recovered[]): readonly string[] {
  return settled.map(({ change, outcome, why }) => {
    const was = why === 'overdue' ? 'was not confirmed in time' : 'was interrupted'
    if (outcome === 'undone') return `Change ${change} ${was} and is undone.`
    if (outcome === 'held')
      return `Change ${change} ${was} and is HELD: \`understudy status\` says what stands; \`understudy recover\` decides.`
    return `Change ${change} ${was}; somebody else wrote to it since, it stands as it was.`
  })
}
