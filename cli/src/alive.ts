// Owns: that the program ends when its verb has, and not before; and seeing that something waited for can never come.
// Never: a time limit.

const LONGEST_MS = 2_147_483_647 // the longest a timer can be: it has nothing to do

let alive: NodeJS.Timeout | null = null

/** Deadlines do not keep Node alive: waiting for something that never settles, it would end before its time limit. Gives the end of it. */
export function stayAlive(): () => void {
  const timer = setInterval(() => undefined, LONGEST_MS)
  alive = timer
  return () => {
    clearInterval(timer)
    alive = null
  }
}

/** As the promise; `never` where it has not settled and nothing is left that could settle it. */
export async function orNever<T>(promise: Promise<T>, never: () => Error): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const end = (): void => reject(never())
  alive?.unref()
  process.once('beforeExit', end)
  try {
    return await Promise.race([promise, ended])
  } finally {
    process.off('beforeExit', end)
    alive?.ref()
  }
}
