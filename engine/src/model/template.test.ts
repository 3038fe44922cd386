import fc from 'fast-check'
import { expect, test } from 'vitest'
import { escapeTemplate, parseTemplate } from './template.ts'

const partsOf = (text: string) => {
  const template = parseTemplate(text)
  return template.ok ? template.parts : template.problem
}

test('references and text come apart', () => {
  expect(partsOf('a${config.slot}b${ var.x }')).toEqual(['a', { name: 'config', output: 'slot' }, 'b', { name: 'var', output: 'x' }])
  expect(partsOf('${a.b}')).toEqual([{ name: 'a', output: 'b' }])
  expect(partsOf('')).toEqual([])
})

test('dollars that begin no reference are plain text', () => {
  expect(partsOf('$5 $$ $HOME {x} $')).toEqual(['$5 $$ $HOME {x} $'])
  expect(partsOf('$${HOME} and $$${x}')).toEqual(['${HOME} and $${x}'])
})

test('what looks like a reference and is none is refused', () => {
  expect(partsOf('${HOME}')).toBe('it is not NAME.OUTPUT')
  expect(partsOf('${a.b.c}')).toBe('it is not NAME.OUTPUT')
  expect(partsOf('x ${a.b')).toBe('the } is missing')
  expect(partsOf('${}')).toBe('it is not NAME.OUTPUT')
})

test('any text, escaped, comes back as itself', () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', '.', '\\', '${', '$${') }))
  fc.assert(
    fc.property(text, (plain) => {
      expect(partsOf(escapeTemplate(plain))).toEqual(plain === '' ? [] : [plain])
    }),
  )
})

test('any text is either parsed or refused, in time that grows with its length only', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', '.'), maxLength: 200 }), (text) => void partsOf(text)))
  expect(partsOf('$'.repeat(1_000_000))).toEqual(['$'.repeat(1_000_000)])
  expect(partsOf('${'.repeat(500_000))).toBe('the } is missing')
})
