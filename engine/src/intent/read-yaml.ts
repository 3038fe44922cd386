// Owns: from YAML 1.2 text (core schema; JSON is a part of it) to a tree with places, with a limit on everything.
// Never: makes an object with a prototype, runs a tag, reads `no` as false.
import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, Parser } from 'yaml'
import type { Alias, Document, Pair, Scalar as YamlScalar, YAMLMap } from 'yaml'
import type { Complaints } from './complaints.ts'
import type { Member, Source, Span, Tree } from './located.ts'
import { nameOfType, placeText } from './located.ts'
import type { IntentCode } from './codes.ts'
import { quoted } from './snippet.ts'

const DEPTH_MAX = 100 // open brackets and indentations at once; ten times a real stack's, and a tenth of what the stack bears
const TOKENS_MAX = 8_000_000 // 100,000 resources as people write them; about 20 s and 2 GB
/** Words and signs in one line with no comma between: a hundred levels have three each; more is nonsense that costs time. */
const SIGNS_MAX = 400
const ALIASES_MAX = 100
const ALIASED_MAX = 100_000 // values that aliases stand for in all: settings shared by some thousand resources, not a bomb
const ERRORS_MAX = 100 // tokens that make no sense; reading on would only cost time
const ERRORS_SHOWN = 5 // the first ones; later ones mostly follow from them

/** Ends reading: the fault has been reported. */
class Unreadable extends Error {}

/** Null when it is not YAML that can be used; why is among the complaints. */
export function readYaml(source: Source, complaints: Complaints): Tree | null {
  try {
    const document = compose(source, complaints)
    if (document === null) return null
    const tree = treeOfDocument(document, source, complaints)
    source.root = tree
    return tree
  } catch (thrown) {
    if (thrown instanceof Unreadable) return null
    throw thrown
  }
}

function compose(source: Source, complaints: Complaints): Document.Parsed | null {
  const text = source.text ?? ''
  const refuse = (code: IntentCode, start: number, end: number, detail: string, hint: string) =>
    complaints.add({ code, span: { source, start, end }, detail, hint })
  // Duplicate keys are found below: yaml's own search is quadratic. Version and schema are fixed: `%YAML 1.1` changes nothing.
  const options = { version: '1.2', schema: 'core', merge: false, prettyErrors: false, uniqueKeys: false } as const
  const composer = new Composer(options)
  const documents: Document.Parsed[] = []
  for (const document of composer.compose(tokensOf(text, refuse), true, text.length)) {
    documents.push(document)
    if (documents.length > 1 || document.errors.length > 0) break
  }
  const [first, second] = documents
  if (first === undefined) return null
  for (const { code, pos, message } of first.errors.slice(0, ERRORS_SHOWN)) {
    const [start, end] = pos
    refuse('intent.not-yaml', start, Math.max(end, start + 1), source.shown ? message : code, hintFor(code))
  }
  if (first.errors.length > 0) return null
  if (second !== undefined) {
    const start = second.range[0]
    refuse('intent.not-yaml', start, start + 1, 'a second document begins here', 'A stack file is one document: remove the `---`.')
    return null
  }
  return first
}

/** The tokens of a text as yaml's parser gives them, stopped before its recursion or its lists of errors could hurt. */
function* tokensOf(text: string, refuse: (code: IntentCode, start: number, end: number, detail: string, hint: string) => void) {
  const parser = new Parser()
  let count = 0
  let errors = 0
  let signs = 0
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') errors += 1
      yield token
    }
    if (errors > ERRORS_MAX) break
    count += 1
    if (lexeme === ',' || lexeme.endsWith('\n')) signs = 0
    else if (!lexeme.startsWith(' ')) signs += 1
    const at = parser.offset
    if (parser.stack.length > DEPTH_MAX || signs > SIGNS_MAX) {
      refuse('intent.too-deep', at, at + 1, `more than ${DEPTH_MAX} levels`, 'Keep data in files that the stack refers to.')
      throw new Unreadable()
    }
    if (count > TOKENS_MAX) {
      refuse('intent.too-big', at, at + 1, `more than ${TOKENS_MAX} words and signs`, 'Split the stack.')
      throw new Unreadable()
    }
  }
  yield* parser.end()
}

function hintFor(code: string): string {
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.'
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return 'Put the text in quotes, or the mapping on lines of its own.'
  if (code === 'BAD_SCALAR_START') return 'Put the text in quotes.'
  if (code === 'MISSING_CHAR') return 'Close the quote or bracket, or put a colon behind the key.'
  return 'Correct the YAML here; texts with special characters need quotes.'
}

function treeOfDocument(document: Document.Parsed, source: Source, complaints: Complaints): Tree {
  const anchors = new Map<string, { readonly tree: Tree; readonly size: number }>()
  const count = { nodes: 0, aliases: 0, aliased: 0 }

  const spanOf = (node: unknown, fallback: Span): Span => {
    if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return fallback
    const [start, end] = node.range ?? [fallback.start, fallback.end]
    return { source, start, end: Math.max(start, end) }
  }

  const read = (node: unknown, fallback: Span): Tree => {
    const before = count.nodes
    const span = spanOf(node, fallback)
    count.nodes += 1
    if (isAlias(node)) return aliased(node, span)
    let tree: Tree
    if (isMap(node)) tree = mapping(node, span)
    else if (isSeq(node)) tree = { type: 'list', span, items: node.items.map((item) => read(item, span)) }
    else tree = { type: 'leaf', span, value: isScalar(node) ? scalar(node, span) : null }
    if (isMap(node) || isSeq(node) || isScalar(node)) {
      refuseTag(node.tag, span)
      if (node.anchor !== undefined) anchors.set(node.anchor, { tree, size: count.nodes - before })
    }
    return tree
  }

  const aliased = (node: Alias, span: Span): Tree => {
    const anchor = anchors.get(node.source)
    if (anchor === undefined) {
      const hint = 'Anchors (&name) must stand before their aliases (*name); text that starts with * needs quotes.'
      complaints.add({ code: 'intent.not-yaml', span, detail: 'there is no anchor of this name', hint })
      return { type: 'leaf', span, value: null }
    }
    count.aliases += 1
    count.aliased += anchor.size
    count.nodes += anchor.size
    if (count.aliases > ALIASES_MAX || count.aliased > ALIASED_MAX) {
      const what = count.aliases > ALIASES_MAX ? `more than ${ALIASES_MAX} aliases` : `aliases for more than ${ALIASED_MAX} values`
      complaints.add({ code: 'intent.too-many-aliases', span, detail: what, hint: 'Use variables and layers for what resources share.' })
      throw new Unreadable()
    }
    return anchor.tree
  }

  const mapping = (node: YAMLMap, span: Span): Tree => {
    const members = new Map<string, Member>()
    const merged: Tree[] = []
    for (const pair of node.items) {
      const { key, value } = pair
      const keySpan = spanOf(key, span)
      if (isScalar(key) && key.value === '<<' && key.type === 'PLAIN') merged.push(read(value, keySpan))
      else addMember(members, pair, keySpan)
    }
    for (const tree of merged) mergeInto(members, tree)
    return { type: 'map', span, members }
  }

  const addMember = (members: Map<string, Member>, { key, value }: Pair, keySpan: Span): void => {
    const name = isScalar(key) ? nameOfKey(key) : null
    const tree = read(value, { ...keySpan, start: keySpan.end })
    const first = name === null ? undefined : members.get(name)
    if (name === null) {
      complaints.add({ code: 'intent.refused-key', span: keySpan, detail: 'a key must be text', hint: 'Put the key in quotes.' })
    } else if (name === '__proto__') {
      const hint = 'This name has a meaning of its own in JavaScript; choose another.'
      complaints.add({ code: 'intent.refused-key', span: keySpan, detail: `key "${name}"`, hint })
    } else if (first === undefined) {
      members.set(name, { key: keySpan, value: tree })
    } else {
      const detail = `key ${quoted(name)} is also at ${placeText(first.key)}`
      complaints.add({ code: 'intent.duplicate-key', span: keySpan, detail, hint: 'Keep one of the two.' })
    }
  }

  /** `<<: *name` and `<<: [*one, *two]`: what is not there yet. YAML 1.1's, but expected by everybody. */
  const mergeInto = (members: Map<string, Member>, tree: Tree): void => {
    if (tree.type === 'list') for (const item of tree.items) mergeInto(members, item)
    else if (tree.type === 'map') for (const [key, member] of tree.members) members.set(key, members.get(key) ?? member)
    else {
      const detail = `<< takes a mapping or a list of mappings, not ${nameOfType(tree)}`
      complaints.add({ code: 'intent.wrong-type', span: tree.span, detail, hint: 'Write `<<: *name` with an anchor `&name`.' })
    }
  }

  const scalar = ({ value, type, source: written = '' }: YamlScalar, span: Span) => {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
    if (typeof value !== 'number') {
      complaints.add({ code: 'intent.refused-value', span, detail: `a ${typeof value}`, hint: 'Put it in quotes.' })
      return null
    }
    const whole = /^[-+]?[0-9]+$|^0[xo]/.test(written)
    if (!Number.isFinite(value) || (whole && !Number.isSafeInteger(value))) {
      const hint = 'If it is a name or id and not an amount, put it in quotes.'
      complaints.add({ code: 'intent.refused-value', span, detail: 'a number too big to be kept exactly', hint })
    } else if (type === 'PLAIN' && /^[-+]?0[0-9]/.test(written)) {
      const hint = 'Put it in quotes if it is text; write 0o644 for an octal number.'
      complaints.add({ code: 'intent.refused-value', span, detail: `a number with a leading zero (YAML reads it as ${value})`, hint })
    }
    return value
  }

  const refuseTag = (tag: string | undefined, span: Span): void => {
    if (tag === undefined || /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/.test(tag)) return
    complaints.add({ code: 'intent.refused-value', span, detail: `tag ${quoted(tag)}`, hint: 'Remove the tag.' })
  }

  return read(document.contents, { source, start: 0, end: 1 })
}

/** Keys are text as it was written: `8080: x` has the key "8080", `no: x` has "no". */
function nameOfKey({ value, type, source }: YamlScalar): string | null {
  if (typeof value === 'string') return value
  if (value === null || type !== 'PLAIN' || source === undefined) return null
  return source
}
