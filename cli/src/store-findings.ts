// Owns: what a whole look at the store found, in words, with what can still be gone back to.
// Never: changes anything.
import { faultOf } from '@understudy/contract'
import { verifyStore } from '@understudy/engine'
import type { StackReport, StoreReport } from '@understudy/engine'
import type { Context } from './context.ts'
import { amount } from './render/amounts.ts'
import type { Session } from './session.ts'

export interface Finding {
  readonly what: string
  readonly good: boolean
  readonly detail: string
  readonly fix: string
}

const backup = 'restore `.understudy` from a backup; nothing here repairs it by guessing'

/** Reads all of the store. `damaged`: names of streams that cannot be read to their end. */
export async function storeFindings({
  store,
}: Session): Promise<{ readonly findings: readonly Finding[]; readonly damaged: ReadonlySet<string> }> {
  const report = await verifyStore(store)
  const { bytes } = await store.objects.usage()
  const broken = report.streams.filter(({ damage }) => damage !== null)
  const findings = [
    ...report.stacks.map((stack) => stackFinding(stack, report, `${report.objects} objects, ${amount(bytes)}`)),
    ...(report.stacks.length === 0
      ? [
          {
            what: 'store',
            good: true,
            detail: `no stack was applied here, or its log is gone; ${report.objects} objects, ${amount(bytes)}`,
            fix: '',
          },
        ]
      : []),
    ...broken.map(({ stream, entries, damage }) => ({
      what: 'log',
      good: false,
      detail: `${damage ?? ''} (${entries === 0 ? `nothing of ${stream} can be read` : `${stream} can be read up to entry ${entries}`})`,
      fix: backup,
    })),
    ...report.damaged.map(({ digest, why, usedBy }) => ({
      what: 'object',
      good: false,
      detail: `${digest} ${why === 'gone' ? 'is gone' : 'does not verify'}; ${usedBy.length === 0 ? 'no log speaks of it' : `needed by ${usedBy.join(', ')}`}`,
      fix: usedBy.length === 0 ? 'nothing is lost by it' : backup,
    })),
  ]
  return { findings, damaged: new Set(broken.map(({ stream }) => stream)) }
}

function stackFinding({ stack, blocked, whole, lost, standing }: StackReport, { streams }: StoreReport, kept: string): Finding {
  const entries = streams.find(({ stream }) => stream === stack)?.entries ?? 0
  const none = `no revision can be gone back to${blocked.length === 0 ? '' : ` without ${blocked.join(', ')}`}`
  const back = whole.length === 0 ? none : `revisions that can be gone back to: ${ranges(whole)}`
  const not = lost.map(({ n, resources }) => `${n} (${resources.join(', ')})`)
  const beside = standing === 0 ? '' : `; ${standing} objects are not kept, which is right while they stand live or beside it`
  return {
    what: 'store',
    good: lost.length === 0 && blocked.length === 0,
    detail: `stack ${stack}, ${entries} entries verified, ${kept}; ${back}${not.length === 0 ? '' : `; not: ${not.join(', ')}`}${beside}`,
    fix: backup,
  }
}

/** `1-4, 6`. */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = []
  for (const n of numbers) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] === n - 1) last[1] = n
    else runs.push([n, n])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}

export function showFindings(context: Context, verb: 'doctor' | 'verify-store', findings: readonly Finding[]): 'ok' | 'failed' {
  context.renderer.result(verb, { findings }, () =>
    findings
      .map(({ what, good, detail, fix }) => `${good ? 'ok ' : 'BAD'} ${what}: ${detail}${good || fix === '' ? '' : `\n    fix: ${fix}`}`)
      .join('\n'),
  )
  return findings.every(({ good }) => good) ? 'ok' : 'failed'
}

/** A store that cannot even be opened. */
export function faultFinding(thrown: unknown): Finding {
  const { code, summary, detail, hint } = faultOf(thrown)
  return {
    what: 'store',
    good: code === 'stack.none',
    detail: `${code}: ${summary} ${detail}`,
    fix: code === 'store.damaged' ? backup : hint,
  }
}
