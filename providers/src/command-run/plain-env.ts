// Owns: an environment with its secrets in it, for the moment of running.
// Never: keeps it.
import type { Look } from '@understudy/contract'
import type { Bare } from './spec.ts'

export async function plainEnv(
  env: Bare['env'],
  call: Pick<Look, 'reveal'>,
): Promise<{ readonly env: Readonly<Record<string, string>>; readonly secrets: readonly string[] }> {
  const plain: Record<string, string> = {}
  const secrets: string[] = []
  for (const [name, value] of Object.entries(env)) {
    let text = ''
    for (const part of typeof value === 'string' ? [value] : '$join' in value ? value.$join : [value]) {
      const known = typeof part === 'string' ? part : await call.reveal(part)
      if (typeof part !== 'string') secrets.push(known)
      text += known
    }
    plain[name] = text
  }
  return { env: plain, secrets }
}

export function holdsSecret(env: Bare['env']): boolean {
  return Object.values(env).some(
    (value) => typeof value !== 'string' && (!('$join' in value) || value.$join.some((part) => typeof part !== 'string')),
  )
}
