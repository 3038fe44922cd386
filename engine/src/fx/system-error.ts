// Owns: the code of an error of the operating system, as text.
// Never: decides what it means.

/** `ENOENT` and the like; `unknown` for anything that carries none. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code
  return 'unknown'
}
