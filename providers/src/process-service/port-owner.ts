// Owns: who listens on a port, in words, as far as the system tells us (`ss`).
// Never: faults for not knowing it.
import { Fault } from '@understudy/contract'
import type { Hands } from '@understudy/contract'

const ASK_MS = 2_000 // `ss` reads /proc; it is only asked when something has failed already

export async function portOwner(port: number, call: Hands): Promise<string> {
  try {
    const { stdout } = await call.fx.process.run(['ss', '-Hltnp', `sport = :${port}`], { timeoutMs: ASK_MS })
    const owners = [...stdout.matchAll(/\("([^"]*)",pid=(\d+)/g)].map(([, name, pid]) => `${name} (pid ${pid})`)
    return owners.length === 0 ? 'somebody' : [...new Set(owners)].join(', ')
  } catch (thrown) {
    if (call.signal.aborted || !(thrown instanceof Fault)) throw thrown
    return 'somebody'
  }
}
