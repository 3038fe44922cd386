// Owns: the code of an error of the operating system, as text.
// Never: decides what it means.
import { getSystemErrorName } from 'node:util'

/** `ENOENT` and the like; `unknown` for anything that carries none. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code
  return 'unknown'
}

/** An error as node:fs throws it, for a native call that gave minus an errno. */
export function systemError(result: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(result)
  return Object.assign(new Error(code), { code, errno: result })
}
