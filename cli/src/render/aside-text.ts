// Owns: how it is said that something that was written lies aside.
// Never: leaves out what could not be asked.
import type { LyingAside } from '@understudy/engine'
import { oneLine } from './renderer.ts'

export function asideText(aside: readonly LyingAside[]): readonly string[] {
  return aside.flatMap(({ resource, names, fault }) =>
    fault === null
      ? names.map((name) => `kept aside: ${resource}: ${oneLine(name)}`)
      : [`kept aside: ${resource}: not known, ${fault.code}: ${oneLine(fault.detail)}`],
  )
}
