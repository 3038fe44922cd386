// Owns: gathering the change log of a run: what each call did, already redacted.
// Never: keeps reads that did nothing.
import type { Json } from '@understudy/contract'
import { jsonOf } from '../model/json-of.ts'
import type { CallLog } from './attempt.ts'

export interface CollectedLog {
  readonly add: CallLog
  readonly rows: () => readonly Json[]
}

export function collectLog(): CollectedLog {
  const rows: Json[] = []
  return {
    add: (row) => {
      if (row.rows.length === 0 && row.result === 'ok' && (row.during === 'read' || row.during === 'look' || row.during === 'want')) return
      rows.push(jsonOf(row))
    },
    rows: () => rows,
  }
}
