// Owns: completion for bash, zsh and fish; names of resources and revisions come from the store.
// Never: fails loudly: a shell asks at every key.
import { readFileSync } from 'node:fs'
import type { Command, Option } from 'commander'
import { Fault, isObject } from '@understudy/contract'
import { componentsOf, headRevision, loadStack, namedResources } from '@understudy/engine'
import type { Ports, Revision, StackState } from '@understudy/engine'
import { openContext } from '../context.ts'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'
import { oneLine } from '../render/renderer.ts'
import { stackFile } from '../session.ts'

const scripts: Readonly<Record<string, string>> = {
  bash: `_understudy() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _understudy understudy
`,
  zsh: `#compdef understudy
_understudy() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _understudy understudy
`,
  fish: `complete -c understudy -f -a '(set -l words (commandline -opc) (commandline -ct); $words[1] __complete -- $words[2..] 2>/dev/null)'
`,
}

/** The verb for a shell that is to complete. */
export async function completionVerb(context: Context, _values: object, args: readonly string[]): Promise<Exit> {
  const script = scripts[args[0] ?? '']
  if (script === undefined) {
    throw new Fault({
      code: 'cli.no-such-shell',
      class: 'invalid',
      summary: 'There is no completion for this shell.',
      detail: JSON.stringify(args[0] ?? ''),
      hint: 'There is for bash, zsh and fish.',
    })
  }
  context.renderer.result('completion', { script }, () => script)
  return 'ok'
}

/** What is asked of the store and the stack file, by what stands at a place of the command line. */
type Wanted = 'names' | 'parts' | 'revisions' | 'changes' | 'outputs' | 'tombstones'

const ofOption: Readonly<Record<string, readonly Wanted[]>> = {
  '--only': ['names', 'parts'],
  '--replace': ['names'],
  '--accept-loss': ['names'],
  '--accept-irreversible': ['names'],
  '--skip': ['names'],
  '--force': ['names'],
  '--to': ['revisions'],
}
const ofVerb: Readonly<Record<string, readonly Wanted[]>> = {
  show: ['names', 'revisions', 'changes'],
  log: ['revisions', 'changes'],
  diff: ['revisions'],
  output: ['outputs'],
  forget: ['names'],
  import: ['names'],
  'tombstone lift': ['tombstones'],
}
const fixed: Readonly<Record<string, readonly string[]>> = {
  keeper: ['start', 'run', 'stop', 'status'],
  completion: Object.keys(scripts),
}

/** The verb that a shell asks at every key; it knows the program's own verbs and options. */
export function completeVerb(program: Command) {
  return async (context: Context, values: Readonly<Record<string, unknown>>, typed: readonly string[]): Promise<Exit> => {
    const words = withoutEquals(typed)
    const last = words.at(-1) ?? ''
    const { command, path, waiting, given } = walk(program, words.slice(0, -1))
    const asked = async (wanted: readonly Wanted[]): Promise<readonly string[]> => {
      const there = openContext({ ...values, ...given }, context.renderer, context.signal, context.version)
      return (await Promise.all(wanted.map((what) => found(there, what, last)))).flat()
    }
    const choices = async (): Promise<readonly string[]> => {
      if (waiting !== null) return waiting.argChoices ?? (await asked(ofOption[waiting.long ?? ''] ?? []))
      if (last.startsWith('-')) return [command, program].flatMap(({ options }) => options.flatMap(({ long }) => long ?? []))
      const below = command.commands.map((one) => one.name()).filter((name) => !name.startsWith('__'))
      return below.length > 0 ? below : (fixed[path] ?? asked(ofVerb[path] ?? []))
    }
    const fitting = [...new Set(await choices())].filter((word) => word.startsWith(last))
    context.renderer.result('complete', { words: fitting }, () => fitting.join('\n'))
    return 'ok'
  }
}

/** bash takes `--to=3` apart into three words. */
function withoutEquals(words: readonly string[]): readonly string[] {
  const apart = words.flatMap((word) => {
    const found = /^(--[a-z-]+)=(.*)$/s.exec(word)
    return found === null ? [word] : [found[1] ?? '', found[2] ?? '']
  })
  return apart.filter((word, index) => word !== '=' || index === apart.length - 1).map((word) => (word === '=' ? '' : word))
}

/** Where in the command line the next word stands: at which verb, and at which option that waits for its value. */
function walk(program: Command, words: readonly string[]) {
  let command = program
  const path: string[] = []
  let waiting: Option | null = null
  const given: Record<string, string> = {}
  for (const word of words) {
    if (waiting !== null) {
      if (waiting.long === '--file' || waiting.long === '--stack') given[waiting.attributeName()] = word
      waiting = null
    } else if (word.startsWith('-')) {
      const option = [...command.options, ...program.options].find(({ long, short }) => word === long || word === short)
      waiting = option !== undefined && (option.required || option.optional) ? option : null
    } else {
      const next = command.commands.find((one) => one.name() === word)
      if (next === undefined) continue
      command = next
      path.push(word)
    }
  }
  return { command, path: path.join(' '), waiting, given }
}

async function found(context: Context, wanted: Wanted, last: string): Promise<readonly string[]> {
  const words: string[] = []
  if (wanted === 'names') words.push(...writtenNames(context))
  try {
    await context.withStore(async ({ ports, stack }) => {
      const state = await loadStack(ports.store, stack)
      const head = await headRevision(ports.store, state)
      words.push(...(await storedWords(ports, state, head, wanted, last)))
      return 'ok'
    })
  } catch {
    // no store, or not readable: a shell that completes is told nothing, not shown an error
  }
  return words
}

async function storedWords(
  ports: Ports,
  state: StackState,
  head: Revision | null,
  wanted: Wanted,
  last: string,
): Promise<readonly string[]> {
  const held = Object.entries(head?.resources ?? {})
  switch (wanted) {
    case 'names':
      return held.map(([name]) => name)
    case 'parts': {
      const name = last.split('#')[0] ?? ''
      if (head === null || !last.includes('#')) return []
      return (await componentsOf(ports, head, name)).map((pointer) => `${name}#${oneLine(pointer)}`)
    }
    case 'revisions':
      return state.revisions.map(({ n }) => String(n))
    case 'changes':
      return state.order
    case 'outputs':
      return held.flatMap(([name, { out }]) => [name, ...(isObject(out) ? Object.keys(out).map((key) => `${name}.${key}`) : [])])
    case 'tombstones':
      return Object.values(state.tombstones)
    default:
      return wanted satisfies never
  }
}

function writtenNames({ options }: Context): readonly string[] {
  const file = stackFile(options.file)
  try {
    return /\.[cm]?[jt]s$/.test(file) ? [] : namedResources(readFileSync(file))
  } catch {
    return [] // no file: only the store says names
  }
}
