// Owns: which names of stacks, streams and messages a store takes, and the order of names.
// Never: changes a name.
import { storeFault } from './store-fault.ts'

const BYTES_MAX = 512 // long enough for STACK/world/id, short enough for an index

/** Refuses what a store could not keep apart or give back as it was. */
export function checkName(name: string): string {
  const fine = name !== '' && name.isWellFormed() && !hasControl(name) && Buffer.byteLength(name) <= BYTES_MAX
  if (!fine) throw storeFault('store.bad-name', `${JSON.stringify(name.slice(0, 100))}`)
  return name
}

export function checkStack(stack: string): string {
  if (stack.includes('/')) throw storeFault('store.bad-name', `${JSON.stringify(stack)} has a slash in it`)
  return checkName(stack)
}

/** The stack that a stream `STACK` or `STACK/…` belongs to. */
export function stackOf(stream: string): string {
  checkName(stream)
  return checkName(stream.split('/', 1)[0] ?? '')
}

/** By bytes of UTF-8, as a database compares them. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function hasControl(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const unit = name.charCodeAt(at)
    if (unit < 0x20 || unit === 0x7f) return true
  }
  return false
}
