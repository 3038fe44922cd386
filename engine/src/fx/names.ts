// Owns: file names as strings: a byte that is not part of valid UTF-8 is the lone surrogate U+DC00 + byte (PEP 383).
// Never: guesses an encoding; never lets two strings stand for one name.
import { isUtf8 } from 'node:buffer'
import { Fault } from '@understudy/contract'

const REPLACEMENT = '\uFFFD' // what a lax decoder leaves where the bytes were not UTF-8 (or where it really stood)

/** The string of a name. Total, and its own inverse with `encodeName`. */
export function decodeName(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return buffer.toString('utf8')
  let text = ''
  let from = 0
  while (from < buffer.length) {
    const length = sequenceLength(buffer, from)
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + (buffer[from] ?? 0))
      from += 1
    } else {
      text += buffer.toString('utf8', from, from + length)
      from += length
    }
  }
  return text
}

/**
 * The bytes of a name.
 * @throws Fault `fs.bad-name` for a zero byte, a surrogate that stands for no byte, and surrogates that together would
 * be a character (the same file would have two names).
 */
export function encodeName(name: string): Buffer {
  if (name.includes('\0')) throw badName(name, 'A zero byte cannot be part of a name.')
  if (name.isWellFormed()) return Buffer.from(name, 'utf8')
  const parts: Buffer[] = []
  for (const letter of name) {
    const code = letter.codePointAt(0) ?? 0
    if (code < 0xd800 || code > 0xdfff) parts.push(Buffer.from(letter, 'utf8'))
    else if (code >= 0xdc80 && code <= 0xdcff) parts.push(Buffer.of(code - 0xdc00))
    else throw badName(name, 'A lone surrogate outside U+DC80 to U+DCFF stands for no byte.')
  }
  const bytes = Buffer.concat(parts)
  if (decodeName(bytes) !== name) throw badName(name, 'Its escaped bytes together are UTF-8; write them as that character.')
  return bytes
}

/** For people: bytes that are not UTF-8 as `\xNN`. */
export function shownName(name: string): string {
  if (name.isWellFormed()) return name
  return name.replace(/\p{Surrogate}/gu, (half) => `\\x${(half.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`)
}

/** True if a lax decoder may have lost bytes here, so that the name has to be read again as bytes. */
export function mayBeDamaged(name: string): boolean {
  return name.includes(REPLACEMENT)
}

/** Compares by bytes, as `LC_ALL=C sort`. UTF-16 order is the same as long as nothing at or above U+D800 is there. */
export function sortByBytes<T extends { readonly name: string }>(entries: T[]): T[] {
  if (!entries.some(({ name }) => /[\uD800-\uFFFF]/.test(name))) return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries
    .map((entry) => ({ entry, bytes: encodeName(entry.name) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ entry }) => entry)
}

/** Bytes of the UTF-8 sequence that starts here, 0 if none does (Unicode table 3-7: no overlong forms, no surrogates). */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer[at] ?? 0
  if (first < 0x80) return 1
  const length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  if (length === 0 || at + length > buffer.length) return 0
  return isUtf8(buffer.subarray(at, at + length)) ? length : 0
}

function badName(name: string, why: string): Fault {
  return new Fault({
    code: 'fs.bad-name',
    class: 'invalid',
    summary: 'This cannot be the name of a file.',
    detail: `${JSON.stringify(name)}: ${why}`,
    hint: 'Correct the name where it was written.',
  })
}
