// Owns: reading single values of a tree with a complaint where they are not what is wanted.
// Never: stops at the first thing that is wrong; gives null and goes on.
import type { Complaints } from './complaints.ts'
import { didYouMean } from './did-you-mean.ts'
import { parseDuration } from './duration.ts'
import { nameOfType } from './located.ts'
import type { Mapping, Member, Tree } from './located.ts'
import { quoted } from './snippet.ts'

export const NAME = /^[a-z][a-z0-9-]{0,62}$/
export const nameHint = 'Small letters, digits and hyphens, beginning with a letter, at most 63.'

/** Reads one value; `what` says in errors what it is. Null where there is nothing usable; then it has been complained about. */
export interface Fields {
  mapping(tree: Tree | undefined, what: string): Mapping | null
  list(tree: Tree | undefined, what: string): readonly Tree[]
  text(tree: Tree | undefined, what: string): string | null
  flag(tree: Tree | undefined, what: string): boolean | null
  count(tree: Tree | undefined, what: string, min: number, max: number): number | null
  duration(tree: Tree | undefined, what: string): number | null
  choice<T extends string>(tree: Tree | undefined, what: string, choices: readonly T[]): T | null
  /** Complains about members that are not among the known keys. */
  known(map: Mapping, keys: readonly string[], where: string, hint?: (key: string) => string | null): void
}

export function fieldsOf(complaints: Complaints, resource?: string): Fields {
  const named = resource === undefined ? {} : { resource }
  const wrongType = (tree: Tree, what: string, wanted: string, hint: string): null => {
    if (tree.type === 'unknown') return null
    complaints.add({
      code: 'intent.wrong-type',
      span: tree.span,
      detail: `${what} must be ${wanted}, not ${nameOfType(tree)}`,
      hint,
      ...named,
    })
    return null
  }
  const wrongValue = (tree: Tree, detail: string, hint: string): null => {
    complaints.add({ code: 'intent.wrong-value', span: tree.span, detail, hint, ...named })
    return null
  }
  return {
    mapping(tree, what) {
      if (tree === undefined) return null
      if (tree.type === 'map') return tree
      return wrongType(tree, what, 'a mapping', 'Write `key: value` lines, indented below it.')
    },
    list(tree, what) {
      if (tree === undefined) return []
      if (tree.type === 'list') return tree.items
      wrongType(tree, what, 'a list', 'Write `[one, two]`, or a line with `- ` for each.')
      return []
    },
    text(tree, what) {
      if (tree === undefined) return null
      if (tree.type === 'leaf' && typeof tree.value === 'string') return tree.value
      return wrongType(tree, what, 'text', 'Put it in quotes.')
    },
    flag(tree, what) {
      if (tree === undefined) return null
      if (tree.type === 'leaf' && typeof tree.value === 'boolean') return tree.value
      return wrongType(tree, what, 'true or false', 'Write true or false, without quotes (yes and no are text in YAML 1.2).')
    },
    count(tree, what, min, max) {
      if (tree === undefined) return null
      if (tree.type !== 'leaf' || typeof tree.value !== 'number')
        return wrongType(tree, what, 'a number', 'Write it in digits, without quotes.')
      const { value } = tree
      if (Number.isInteger(value) && value >= min && value <= max) return value
      return wrongValue(tree, `${what} is ${value}`, `It must be a whole number from ${min} to ${max}.`)
    },
    duration(tree, what) {
      if (tree === undefined) return null
      if (tree.type === 'leaf' && tree.value === 0) return 0
      const hint = 'Write a number with its unit: 500ms, 30s, 5m, 2h, 1d, 1h30m.'
      if (tree.type !== 'leaf' || typeof tree.value !== 'string') return wrongType(tree, what, 'a duration', hint)
      return parseDuration(tree.value) ?? wrongValue(tree, `${what} is ${quoted(tree.value)}`, hint)
    },
    choice(tree, what, choices) {
      if (tree === undefined) return null
      if (tree.type !== 'leaf' || typeof tree.value !== 'string')
        return wrongType(tree, what, 'text', `Write one of: ${choices.join(', ')}.`)
      const { value } = tree
      const found = choices.find((choice) => choice === value)
      return found ?? wrongValue(tree, `${what} is ${quoted(value)}`, didYouMean(value, choices, 'choices'))
    },
    known(map, keys, where, hint) {
      for (const [key, { key: span }] of map.members) {
        if (keys.includes(key)) continue
        const advice = () => hint?.(key) ?? didYouMean(key, keys, 'keys')
        complaints.add({ code: 'intent.unknown-key', span, detail: `key ${quoted(key)} in ${where}`, hint: advice, ...named })
      }
    },
  }
}

/** The members of a mapping with names as the rule wants them; complains about the others and leaves them out. */
export function namedMembers(
  map: Mapping | null,
  what: string,
  rule: RegExp,
  hint: string,
  complaints: Complaints,
): readonly [string, Member][] {
  return [...(map?.members ?? [])].filter(([name, { key }]) => {
    if (rule.test(name)) return true
    complaints.add({ code: 'intent.wrong-name', span: key, detail: `${quoted(name)} as the name of a ${what}`, hint })
    return false
  })
}
