// Owns: columns of a row by their types; anything else there is damage.
// Never: converts.
import { storeFault } from './store-fault.ts'

export type Row = Readonly<Record<string, unknown>>

export function int(row: Row, column: string): number {
  const value = row[column]
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw storeFault('store.damaged', `column ${column} holds no number`)
}

export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  throw storeFault('store.damaged', `column ${column} holds no text`)
}

export function blob(row: Row, column: string): Uint8Array {
  const value = row[column]
  if (value instanceof Uint8Array) return value
  throw storeFault('store.damaged', `column ${column} holds no bytes`)
}

export function hex(row: Row, column: string): string {
  return Buffer.from(blob(row, column)).toString('hex')
}
