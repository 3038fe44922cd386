// Owns: the name under which a path is claimed: with the symbolic links on the way to it resolved, so that two names of
// one place are seen to be one.
// Never: follows the last name itself; faults: what cannot be told stays as it is written.
import { posix } from 'node:path'
import { Fault } from '@understudy/contract'
import type { Look } from '@understudy/contract'

const LINKS_MAX = 40 // as many as Linux follows

export function realPath(path: string, call: Look): string {
  const root = call.fx.fs.open('/')
  try {
    const todo = namesIn(posix.dirname(path))
    let done = ''
    for (let links = 0; todo.length > 0;) {
      const name = todo.shift() ?? ''
      const next = name === '..' ? posix.dirname(`/${done}`).slice(1) : posix.join(done, name)
      const stat = next === '' ? null : root.stat(next)
      if (stat?.type !== 'link') {
        done = next
        continue
      }
      links += 1
      if (links > LINKS_MAX) return path
      const target = root.readlink(next)
      if (target.startsWith('/')) done = ''
      todo.unshift(...namesIn(target))
    }
    return posix.join('/', done, posix.basename(path))
  } catch (thrown) {
    if (thrown instanceof Fault) return path
    throw thrown
  } finally {
    root.close()
  }
}

function namesIn(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}
