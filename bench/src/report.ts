// Owns: figures with their goals, as the one line a machine reads and the table a person reads.
// Never: decides that a missed goal is a failure: it is a number like the others.
import { summarise } from './statistics.ts'
import type { Summary } from './statistics.ts'

export interface Goal {
  readonly op: '<=' | '>='
  readonly value: number
}

/** A figure without a goal is there to judge the others by; it always holds. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly goal: Goal | null
  readonly spread: Summary
}

/** The median of what was measured. */
export function figureOf(name: string, unit: string, goal: Goal | null, values: readonly number[]): Figure {
  const spread = summarise(values)
  return { name, value: spread.median, unit, goal, spread }
}

/** Run by run `over / under`: what ran side by side is compared side by side. */
export function ratioOf(name: string, goal: Goal | null, over: readonly number[], under: readonly number[]): Figure {
  if (over.length !== under.length) throw new RangeError(`${name}: ${over.length} runs against ${under.length}`)
  return figureOf(
    name,
    'x',
    goal,
    over.map((value, run) => value / (under[run] ?? Number.NaN)),
  )
}

/** For what cannot run side by side, being of different sizes: median over median, the spread from the quartiles. */
export function ratioOfMedians(name: string, goal: Goal | null, over: readonly number[], under: readonly number[]): Figure {
  const [above, below] = [summarise(over), summarise(under)]
  const spread = {
    runs: Math.min(above.runs, below.runs),
    median: above.median / below.median,
    low: above.low / below.high,
    high: above.high / below.low,
    min: above.min / below.max,
    max: above.max / below.min,
  }
  return { name, value: spread.median, unit: 'x', goal, spread }
}

export function holds({ value, goal }: Pick<Figure, 'value' | 'goal'>): boolean {
  if (goal === null) return true
  return goal.op === '<=' ? value <= goal.value : value >= goal.value
}

/** The last line of `--json`. */
export function reportLine(bench: string, figures: readonly Figure[], facts: Readonly<Record<string, string | number | boolean>>): string {
  const rows = figures.map((figure) => {
    const { name, value, unit, goal, spread } = figure
    return { name, value: rounded(value), unit, goal, holds: holds(figure), spread: roundedSpread(spread) }
  })
  return JSON.stringify({ bench, facts, figures: rows })
}

export function reportText(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const { name, value, unit, goal, spread } = figure
    const mark = goal === null ? '' : `${goal.op} ${goal.value}  ${holds(figure) ? 'holds' : 'MISSED'}`
    return [name, `${shown(value)} ${unit}`, `${shown(spread.low)} – ${shown(spread.high)}`, String(spread.runs), mark]
  })
  const table = [['figure', 'median', 'quartiles', 'runs', 'goal'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}

function roundedSpread(spread: Summary): Summary {
  const { runs, median, low, high, min, max } = spread
  return { runs, median: rounded(median), low: rounded(low), high: rounded(high), min: rounded(min), max: rounded(max) }
}

/** Three digits that count. */
export function shown(value: number): string {
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 4))
}
