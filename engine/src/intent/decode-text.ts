// Owns: from bytes to text: size, encoding, byte order mark.
// Never: guesses an encoding.
import { FILE_BYTES_MAX } from '../world/sources.ts'
import type { Complaints } from './complaints.ts'
import type { Source } from './located.ts'

/** The file as a source, or null when it is no text. `shown`: its lines may be quoted in errors. */
export function decodeText(file: string, bytes: Uint8Array, shown: boolean, complaints: Complaints): Source | null {
  const nowhere: Source = { file, text: null, shown: false, root: null }
  const span = { source: nowhere, start: 0, end: 0 }
  if (bytes.length > FILE_BYTES_MAX) {
    const hint = `The limit is ${FILE_BYTES_MAX / 1_048_576} MiB, for 100,000 resources. Keep data in files that the stack refers to.`
    complaints.add({ code: 'intent.too-big', span, detail: 'more than 16 MiB', hint })
    return null
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { file, text, shown, root: null }
  } catch {
    const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
    const detail = wide ? 'it is UTF-16' : `byte ${firstBad(bytes)} (line ${lineAt(bytes, firstBad(bytes))}) is not UTF-8`
    complaints.add({ code: 'intent.not-utf8', span, detail, hint: 'Save the file as UTF-8.' })
    return null
  }
}

/** Offset of the first byte that is not part of UTF-8. */
function firstBad(bytes: Uint8Array): number {
  let good = 0
  let bad = bytes.length
  // The longest prefix that decodes as a stream (an incomplete last character is fine there).
  while (good < bad) {
    const middle = Math.ceil((good + bad) / 2)
    if (decodes(bytes.subarray(0, middle), true)) good = middle
    else bad = middle - 1
  }
  // A character of which only the beginning is there is bad from its first byte.
  while (good > 0 && !decodes(bytes.subarray(0, good), false)) good -= 1
  return good
}

function decodes(bytes: Uint8Array, stream: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream })
    return true
  } catch {
    return false
  }
}

function lineAt(bytes: Uint8Array, offset: number): number {
  let line = 1
  for (let at = 0; at < offset; at += 1) if (bytes[at] === 0x0a) line += 1
  return line
}
