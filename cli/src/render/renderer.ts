// Owns: where output goes: JSON lines, or text for people; data on stdout, messages on stderr.
// Never: changes what is said between the two; never prints a control character that came from data.
import type { FaultData } from '@understudy/contract'
import { shownName } from '@understudy/engine'
import type { EngineEvent } from '@understudy/engine'

export interface Renderer {
  readonly json: boolean
  event(event: EngineEvent): void
  /** The outcome of a verb: `data` for programs, `text` for people. */
  result(type: string, data: object, text: () => string): void
  fault(fault: FaultData): void
  /** For people only. */
  note(text: string): void
}

export const uiVersion = '1.0'

let write: NodeJS.WriteStream['write'] | null = null

/** Where results go, also after a module of the user's was given another standard output. */
export function standardOutput(): NodeJS.WriteStream['write'] {
  write ??= process.stdout.write.bind(process.stdout)
  return write
}

/** Terminal controls in names and messages are shown, not obeyed; bytes of a name that are not UTF-8 as `--only` takes them. */
export function printable(text: string): string {
  return shownName(text.replace(CONTROL, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`))
}

// oxlint-disable-next-line no-control-regex -- that is what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** The same for what has to stay on one line: a row of a table, a name. */
export function oneLine(text: string): string {
  return printable(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}
