// Owns: the name of the directory, in each root, that holds the sides that are not live.
// Never: makes it.

export const SLOTS = '.understudy-'

export function slotsName(key: string): string {
  return `${SLOTS}${key.replaceAll('/', '-')}`
}
