// Owns: what of a sealed text is secret by itself: a text may hold a secret among other words, and whoever has it may show a part.
// Never: takes what the user wrote in the clear around it for secret.
import type { Secret } from '@understudy/contract'
import { parseTemplate } from './template.ts'

/**
 * The text, and what stands in it for the references to secrets in its label, which is how the user wrote it. What stands for
 * two references that touch is one piece; in a label that has none to `secret`, those to variables are secret.
 */
export function secretPieces({ secret: label }: Pick<Secret, 'secret'>, text: string): readonly string[] {
  const template = parseTemplate(label)
  const parts = template.ok ? template.parts : []
  const all = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.name]))
  if (all.length === 0) return [...new Set([text, ...linesOf(text)])]
  const pattern = parts.map((part) => (typeof part === 'string' ? RegExp.escape(part) : '([^]*?)')).join('')
  const stands = new RegExp(`^${pattern.replaceAll('([^]*?)([^]*?)', '([^]*?)')}$`).exec(text)?.slice(1) ?? []
  const touching = stands.length < all.length // then it is not known which is which
  const named = all.includes('secret')
  const secret = stands.filter((_, at) => touching || !named || all[at] === 'secret')
  return [...new Set([text, ...secret, ...secret.flatMap(linesOf)])]
}

/** Of a key in several lines each is secret: somebody may have written in between. */
function linesOf(text: string): readonly string[] {
  return text.includes('\n') ? text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()])) : []
}
