// Owns: all that is wrong with the input, collected, so that it is reported at once and in the order of the file.
// Never: repeats a secret; never reports more than a person reads.
import type { FaultData } from '@understudy/contract'
import { intentCodes } from './codes.ts'
import type { IntentCode } from './codes.ts'
import { placeOf, placeText, pointerOf } from './located.ts'
import type { Source, Span } from './located.ts'
import { snippetOf } from './snippet.ts'
import { writtenSpan } from './place-in-code.ts'

export interface Complaint {
  readonly code: IntentCode
  /** Null: it has no place in a file (a `--var`). */
  readonly span: Span | null
  readonly detail: string
  /** As a function where it is costly: only what is shown is worked out. */
  readonly hint: string | (() => string)
  readonly resource?: string
}

export interface Complaints {
  add(complaint: Complaint): void
  /** From now on this text is blanked out of everything reported. */
  hide(secret: string): void
  readonly count: number
  faults(): readonly FaultData[]
}

const SHOWN_MAX = 20 // what fits a screen or two; the rest is counted
const HIDDEN_MIN = 4 // characters: blanking out shorter texts would blank everything

export function createComplaints(): Complaints {
  const all: Complaint[] = []
  const hidden = new Set<string>()
  const redact = (text: string): string => {
    let clean = text
    for (const secret of hidden) clean = clean.replaceAll(secret, '***')
    return clean
  }
  return {
    get count() {
      return all.length
    },
    add(complaint) {
      all.push(complaint)
    },
    hide(secret) {
      for (const part of [secret, JSON.stringify(secret).slice(1, -1), ...secret.split('\n')]) {
        if (part.length >= HIDDEN_MIN) hidden.add(part)
      }
    },
    faults() {
      const more = all.length - SHOWN_MAX
      return inOrder(all)
        .slice(0, SHOWN_MAX)
        .map((complaint, index) => faultOfComplaint(complaint, redact, index === SHOWN_MAX - 1 ? more : 0))
    },
  }
}

/** File by file as they were first complained about, then from top to bottom. */
function inOrder(all: readonly Complaint[]): readonly Complaint[] {
  const files: (Source | null)[] = []
  for (const { span } of all) if (!files.includes(span?.source ?? null)) files.push(span?.source ?? null)
  const rank = ({ span }: Complaint) => files.indexOf(span?.source ?? null)
  return all.toSorted((a, b) => rank(a) - rank(b) || (a.span?.start ?? 0) - (b.span?.start ?? 0))
}

function faultOfComplaint(complaint: Complaint, redact: (text: string) => string, more: number): FaultData {
  const { code, detail, resource } = complaint
  const span = complaint.span === null ? null : writtenSpan(complaint.span)
  const hint = typeof complaint.hint === 'string' ? complaint.hint : complaint.hint()
  const fault: FaultData = {
    code,
    class: 'invalid',
    summary: intentCodes[code],
    detail: clipped(redact(span === null ? detail : `${placeText(span)}: ${detail}`)),
    hint: clipped(redact(more > 0 ? `${hint} (${more} more ${more === 1 ? 'error is' : 'errors are'} not shown.)` : hint)),
    stage: 'intent',
    ...(resource === undefined ? {} : { resource }),
  }
  if (span === null) return fault
  const place = placeOf(span)
  const snippet = snippetOf(span)
  return {
    ...fault,
    data: {
      file: span.source.file,
      line: place?.line ?? null,
      column: place?.column ?? null,
      snippet: snippet === null ? null : redact(snippet),
      pointer: complaint.span === null ? null : clipped(pointerOf(complaint.span)),
    },
  }
}

const TEXT_MAX = 1_000 // characters: a parser repeats what it stumbled over, which may be all of a file of 10 MB

/** After redacting: half a secret is not known as one. */
function clipped<T extends string | null>(text: T): T | string {
  return text === null || text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}… (${text.length} characters)`
}
