import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeName, encodeName, shownName, sortByBytes } from './names.ts'

// Bytes that are often nearly UTF-8: pieces of characters, overlong forms, encoded surrogates.
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 4 }),
  fc.string({ unit: 'grapheme', maxLength: 3 }).map((text) => Buffer.from(text)),
  fc
    .constantFrom('c3', 'c3a9', 'e282', 'e282ac', 'f09f98', 'f09f9880', 'eda080', 'edb280', 'c0af', 'f5808080', 'efbfbd', '80')
    .map((hex) => Buffer.from(hex, 'hex')),
)
const someBytes = fc
  .array(piece, { maxLength: 8 })
  .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part))))
  .map((bytes) => bytes.filter((byte) => byte !== 0))

test('every name comes back as the bytes it was', () => {
  fc.assert(
    fc.property(someBytes, (bytes) => Buffer.compare(encodeName(decodeName(bytes)), bytes) === 0),
    { numRuns: 2_000 },
  )
})

test('names are equal as strings exactly if they are equal as bytes, and sort alike', () => {
  fc.assert(
    fc.property(fc.uniqueArray(someBytes, { selector: (bytes) => Buffer.from(bytes).toString('hex') }), (names) => {
      const sorted = sortByBytes(names.map((bytes) => ({ name: decodeName(bytes) })))
      expect(new Set(sorted.map(({ name }) => name)).size).toBe(names.length)
      const wanted = names.toSorted((a, b) => Buffer.compare(a, b)).map((bytes) => decodeName(bytes))
      expect(sorted.map(({ name }) => name)).toEqual(wanted)
    }),
  )
})

test('a byte that is not UTF-8 is a lone surrogate, as PEP 383 has it', () => {
  expect(decodeName(Buffer.from('61ff62', 'hex'))).toBe('a\udcffb')
  expect(decodeName(Buffer.from('c3', 'hex'))).toBe('\udcc3')
  expect(decodeName(Buffer.from('eda080', 'hex'))).toBe('\udced\udca0\udc80')
  expect(shownName('a\udcff/b')).toBe('a\\xff/b')
})

test('strings that no file can have, or a second string for the same file, are refused', () => {
  for (const name of ['a\0', '\ud800', '\udc41', '\udcc3\udca9']) expect(() => encodeName(name)).toThrow('fs.bad-name')
  expect(encodeName('é\udcc3x').toString('hex')).toBe('c3a9c378')
})
