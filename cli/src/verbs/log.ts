// Owns: `log`: the process of a change: every command, statement, request and file edit, with duration and result.
// Never: shows what was not recorded; secrets were blanked out when it was.
import { Fault, isObject } from '@understudy/contract'
import type { Digest, Json } from '@understudy/contract'
import { artefactOf, loadStack } from '@understudy/engine'
import type { StackState } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { amount, duration } from '../render/amounts.ts'
import { printable } from '../render/renderer.ts'

export function logVerb(context: Context, values: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<Exit> {
  return context.withStore(async ({ ports, stack }) => {
    const state = await loadStack(ports.store, stack)
    const change = changeNamed(state, args[0] ?? null)
    const digests: Digest[] = [...change.logs]
    if (values['rehearsal'] === true) {
      digests.length = 0
      if (change.rehearsal !== null) digests.push((await artefactOf(ports.store, 'rehearsal', change.rehearsal)).log)
    }
    const calls: Json[] = []
    for (const digest of digests) {
      const rows: unknown = JSON.parse(Buffer.from(await ports.store.objects.get(digest)).toString('utf8'))
      if (Array.isArray(rows)) calls.push(...rows)
    }
    context.renderer.result('log', { change: change.change, calls }, () =>
      [`change ${change.change} (${change.phase})`, ...calls.flatMap((call) => callText(call))].join('\n'),
    )
    return 'ok'
  })
}

function changeNamed(state: StackState, name: string | null) {
  const id = name === null ? state.order.at(-1) : (state.revisions.findLast(({ n }) => String(n) === name)?.change ?? name)
  const change = state.changes[id ?? '']
  if (change !== undefined) return change
  throw new Fault({
    code: 'show.none',
    class: 'invalid',
    summary: 'There is no such change.',
    detail: JSON.stringify(name),
    hint: '`understudy history` lists them.',
  })
}

function callText(call: Json): readonly string[] {
  if (!isObject(call)) return []
  const rows = Array.isArray(call['rows']) ? call['rows'] : []
  const head = `${textOf(call['during']).padEnd(8)} ${textOf(call['resource']).padEnd(14)} ${duration(numberOf(call['durationMs']))}  ${textOf(call['result'])}`
  return [head, ...rows.flatMap((row: Json) => (isObject(row) ? [rowText(row)] : []))]
}

function rowText(row: { readonly [key: string]: Json }): string {
  const count = numberOf(row['count'])
  const bytes = numberOf(row['bytes'])
  const target = textOf(row['target']).replaceAll('\n', '\n             ')
  return `    ${textOf(row['channel']).padEnd(7)} ${textOf(row['verb']).padEnd(10)} ${target}${count > 1 ? ` (and ${count - 1} alike)` : ''}  ${duration(numberOf(row['durationMs']))}${bytes > 0 ? `, ${amount(bytes)}` : ''}  ${textOf(row['result'])}`
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string'
    ? value
        .split('\n')
        .map((line) => printable(line))
        .join('\n')
    : ''
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}
