import { expect, test } from 'vitest'
import { createComplaints } from './complaints.ts'
import { decodeText } from './decode-text.ts'
import { loadText } from './load-stack-file.ts'
import type { Tree } from './located.ts'
import { placeOf } from './located.ts'

const read = (text: string | Uint8Array) => {
  const complaints = createComplaints()
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const tree = loadText('f.yaml', bytes, true, complaints)
  return { tree, faults: complaints.faults() }
}
const faultsOf = (text: string | Uint8Array) => read(text).faults.map(({ code, detail }) => `${code} ${detail}`)

const plain = (tree: Tree | null): unknown => {
  if (tree === null || tree.type === 'unknown') return undefined
  if (tree.type === 'leaf') return tree.value
  if (tree.type === 'list') return tree.items.map(plain)
  return Object.fromEntries([...tree.members].map(([key, { value }]) => [key, plain(value)]))
}

test('every value and key has its place', () => {
  const { tree } = read('a: 1\nb:\n  - x\n  - "ä y"\n')
  const b = tree?.type === 'map' ? tree.members.get('b') : undefined
  expect(b && placeOf(b.key)).toEqual({ line: 2, column: 1 })
  const second = b?.value.type === 'list' ? b.value.items[1] : undefined
  expect(second && placeOf(second.span)).toEqual({ line: 4, column: 5 })
})

test('the core schema of YAML 1.2, whatever a directive says', () => {
  const text = 'a: no\nb: 0o17\nc: 0x1f\nd: 1e3\ne: ~\nf: 2026-11-24\ng: 12:30:45\nh: True\ni: .5\nj:\n'
  const values = { a: 'no', b: 15, c: 31, d: 1000, e: null, f: '2026-11-24', g: '12:30:45', h: true, i: 0.5, j: null }
  expect(plain(read(text).tree)).toEqual(values)
  expect(plain(read(`%YAML 1.1\n---\n${text}`).tree)).toEqual(values)
})

test('JSON is read as it is, indented with tabs too', () => {
  expect(plain(read('{\n\t"a": [\n\t\t1,\n\t\t"x"\n\t]\n}\n').tree)).toEqual({ a: [1, 'x'] })
})

test('a key that is there twice is refused with both places', () => {
  expect(faultsOf('a: 1\nb: {x: 1, "x": 2}\na: 2\n')).toEqual([
    'intent.duplicate-key f.yaml:2:11: key "x" is also at f.yaml:2:5',
    'intent.duplicate-key f.yaml:3:1: key "a" is also at f.yaml:1:1',
  ])
})

test('numbers that would not be kept as they are written are refused', () => {
  expect(faultsOf('a: 0644\nb: 9007199254740993\nc: .inf\nd: 1e999\ne: -0123\n')).toEqual([
    'intent.refused-value f.yaml:1:4: a number with a leading zero (YAML reads it as 644)',
    'intent.refused-value f.yaml:2:4: a number too big to be kept exactly',
    'intent.refused-value f.yaml:3:4: a number too big to be kept exactly',
    'intent.refused-value f.yaml:4:4: a number too big to be kept exactly',
    'intent.refused-value f.yaml:5:4: a number with a leading zero (YAML reads it as -123)',
  ])
})

test('tags, keys that are no text, aliases to nothing and to what holds them are refused', () => {
  expect(faultsOf('a: !!js/function "x"\n? [b]\n: 1\n~: 2\nc: *d\ne: &e [*e]\n')).toEqual([
    'intent.refused-value f.yaml:1:18: tag "tag:yaml.org,2002:js/function"',
    'intent.refused-key f.yaml:2:3: a key must be text',
    'intent.refused-key f.yaml:4:1: a key must be text',
    'intent.not-yaml f.yaml:5:4: there is no anchor of this name',
    'intent.not-yaml f.yaml:6:8: there is no anchor of this name',
  ])
})

test('nothing reaches the prototype of objects', () => {
  const text = 'a: {__proto__: {polluted: 1}}\nb: {<<: {__proto__: {polluted: 1}, constructor: {prototype: 1}}}\n'
  const { tree, faults } = read(text)
  expect(faults.map(({ code }) => code)).toEqual(['intent.refused-key', 'intent.refused-key'])
  expect(plain(tree)).toEqual({ a: {}, b: { constructor: { prototype: 1 } } })
  expect(Object.prototype).not.toHaveProperty('polluted')
})

test('tabs, a second document, broken quotes: the place and what to do', () => {
  expect(read('a:\n\tb: 1\n').faults[0]).toMatchObject({
    detail: 'f.yaml:2:1: Tabs are not allowed as indentation',
    hint: 'Indent with spaces.',
  })
  expect(faultsOf('a: 1\n---\nb: 2\n')).toEqual(['intent.not-yaml f.yaml:2:1: a second document begins here'])
  expect(faultsOf('a: "x\nb: 1\n')[0]).toMatch(/^intent\.not-yaml f\.yaml:/)
})

test('what is not UTF-8 is refused with the byte and line', () => {
  expect(faultsOf(Buffer.from('a: 1\nb: "caf\xe9"\n', 'latin1'))).toEqual(['intent.not-utf8 f.yaml: byte 12 (line 2) is not UTF-8'])
  expect(faultsOf(Buffer.from('\uFEFFa: 1', 'utf16le'))).toEqual(['intent.not-utf8 f.yaml: it is UTF-16'])
  expect(faultsOf(Buffer.from('a: \xc3', 'latin1'))).toEqual(['intent.not-utf8 f.yaml: byte 3 (line 1) is not UTF-8'])
})

test('a file bigger than any stack is refused before it is read', () => {
  const complaints = createComplaints()
  expect(decodeText('f.yaml', new Uint8Array(16 * 1024 * 1024 + 1), true, complaints)).toBeNull()
  expect(complaints.faults()[0]).toMatchObject({ code: 'intent.too-big', detail: 'f.yaml: more than 16 MiB' })
})

test('bombs of aliases are refused', () => {
  const rows = Array.from({ length: 9 }, (_, index) => `a${index + 1}: &a${index + 1} [${Array(9).fill(`*a${index}`).join(',')}]`)
  expect(faultsOf(['a0: &a0 [x,x,x,x,x,x,x,x,x]', ...rows].join('\n')).at(-1)).toMatch(/^intent\.too-many-aliases f\.yaml:6:/)
  expect(faultsOf(`a: &a 1\nb: [${'*a,'.repeat(101)}]`).at(-1)).toMatch(/more than 100 aliases$/)
  expect(faultsOf(`a: &a 1\nb: [${'*a,'.repeat(100)}]`)).toEqual([])
})

test.each(['[', '{a: ', '- ', '? ', 'a: ', '&a ', '!a ', '[[]', '[[],', '- [', '{[', '"', '*a ', '<<: '])(
  'a hundred thousand times %j neither crashes nor recurses',
  (sign) => {
    for (const text of [sign.repeat(100_000), `resources: ${sign.repeat(100_000)}`]) {
      const { faults } = read(text)
      expect(faults.length).toBeGreaterThan(0)
      expect(faults.length).toBeLessThanOrEqual(20)
    }
  },
)

test('indentation as deep as a stair is refused, a hundred levels are not', () => {
  const stair = (levels: number) => Array.from({ length: levels }, (_, index) => `${' '.repeat(index)}a:\n`).join('')
  expect(faultsOf(stair(1_000))[0]).toMatch(/^intent\.too-deep /)
  expect(faultsOf(stair(90))).toEqual([])
})

test.each([
  ['alias', '{*%, b}'],
  ['anchor', '{&%'],
  ['tag', '{!<%'],
  ['tag with a handle', '{!%!b c: d}'],
  ['quoted text', '{"%'],
  ['key twice', '{%: 1, %: 2}'],
  ['head of a block', 'a: |%\n  b'],
  ['sign that nothing begins with', '{@%}'],
  ['text behind the end', '{} %'],
  ['refused key', '{__proto__: %, ? [%] : 1}'],
])('a %s of 200,000 letters is not repeated whole', (_what, text) => {
  const { faults } = read(text.replaceAll('%', 'a'.repeat(200_000)))
  expect(faults.length).toBeGreaterThan(0)
  expect(JSON.stringify(faults).length).toBeLessThan(20_000)
})
