// Owns: writing a file that the user named, and what it means when that fails.
// Never: writes anything of the store.
import { Fault } from '@understudy/contract'

const forbidden = new Set(['EACCES', 'EPERM', 'EROFS'])

/** What `write` gives; faults `cli.cannot-write` where the system refuses. */
export function writing<T>(path: string, write: () => T): T {
  try {
    return write()
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null
    if (code === null) throw thrown
    throw new Fault({
      code: 'cli.cannot-write',
      class: forbidden.has(code) ? 'forbidden' : 'invalid',
      summary: 'It cannot be written there.',
      detail: `${path}: the system says ${code}`,
      hint: forbidden.has(code) ? 'Get the right to write there, or choose another place.' : 'Check the path, and the space on that disk.',
    })
  }
}
