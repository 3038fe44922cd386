// Owns: what a rehearsal proved, as a certificate.
// Never: calls an undo exact that was not executed twice and compared.
import type { Certificate, Rehearsal } from '../model/artefacts.ts'
import type { PreparedStep } from '../model/journal.ts'

export interface Evidence {
  readonly turnMs: number[]
  readonly undoMs: number[]
  prepareMs: number
  /** What going back left different from what it was, though the state is the same. */
  readonly differences: string[]
  prepared: PreparedStep | null
  idle: boolean
}

export function certify(evidence: Evidence | null, failed: Rehearsal['failed']): Certificate {
  if (failed !== null) {
    const reason = `rehearsal failed${failed.step === '' ? '' : ` at ${failed.step}`} (${failed.during}): ${failed.fault.summary} ${failed.fault.detail}`
    return { grade: 'impossible', except: [], losses: [], reason: reason.trim() }
  }
  if (evidence === null) return { grade: 'impossible', except: [], losses: [], reason: 'it was not rehearsed' }
  const { prepared, idle } = evidence
  if (idle || prepared === null) return { grade: 'exact', except: [], losses: [], reason: 'nothing to do' }
  if (prepared.reversal === 'none') return { grade: 'impossible', except: [], losses: prepared.losses, reason: 'there is no way back' }
  const except = [...new Set(evidence.differences)]
  if (prepared.losses.length > 0) return { grade: 'lossy', except, losses: prepared.losses, reason: '' }
  if (prepared.reversal === 'compensate') except.push('compensated: traces remain')
  return { grade: except.length > 0 ? 'exact-except' : 'exact', except, losses: [], reason: '' }
}

const order = ['exact', 'exact-except', 'lossy', 'impossible'] as const

/** The worst of them, with everything that any of them names. */
export function joinCertificates(all: readonly Certificate[]): Certificate {
  const grade = order[Math.max(0, ...all.map((one) => order.indexOf(one.grade)))] ?? 'exact'
  const names = (of: (one: Certificate) => readonly string[]): string[] => [...new Set(all.flatMap(of))]
  return {
    grade,
    except: names((one) => one.except),
    losses: names((one) => one.losses),
    reason: names((one) => (one.grade === grade && one.reason !== 'nothing to do' ? [one.reason] : []))
      .filter((text) => text !== '')
      .join('; '),
  }
}
