// Owns: completion for bash, zsh and fish; names of resources and revisions come from the store.
// Never: fails loudly: a shell asks at every key.
import type { Command } from 'commander'
import { Fault } from '@understudy/contract'
import { headRevision, loadStack } from '@understudy/engine'
import type { Context } from '../context.ts'
import type { Exit } from '../exit-codes.ts'

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

let verbs: readonly { readonly name: string; readonly flags: readonly string[] }[] = []
let globals: readonly string[] = []

/** The verb for a program: it knows the program's own verbs and options. */
export function completionVerb(program: Command) {
  learn(program)
  return async (context: Context, _values: object, args: readonly string[]): Promise<Exit> => {
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
}

function learn(program: Command): void {
  const flags = (command: Command): string[] => command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long]))
  globals = flags(program)
  verbs = program.commands
    .filter((command) => !command.name().startsWith('__'))
    .map((command) => ({ name: command.name(), flags: flags(command) }))
}

const takesName = new Set(['--only', '--replace', '--accept-loss', '--accept-irreversible', '--skip', '--force'])
const namesFirst = new Set(['show', 'output', 'forget', 'import', 'log'])

export async function completeVerb(context: Context, _values: object, words: readonly string[]): Promise<Exit> {
  const last = words.at(-1) ?? ''
  const before = words.at(-2) ?? ''
  const verb = verbs.find(({ name }) => words.slice(0, -1).includes(name))
  const found: string[] = []
  if (takesName.has(before) || (verb !== undefined && namesFirst.has(verb.name) && !last.startsWith('-')))
    found.push(...(await storedNames(context)))
  else if (last.startsWith('-')) found.push(...globals, ...(verb?.flags ?? []))
  else if (verb === undefined) found.push(...verbs.map(({ name }) => name))
  const fitting = found.filter((word) => word.startsWith(last))
  context.renderer.result('complete', { words: fitting }, () => fitting.join('\n'))
  return 'ok'
}

async function storedNames(context: Context): Promise<readonly string[]> {
  const names: string[] = []
  try {
    await context.withStore(async ({ ports, stack }) => {
      const head = await headRevision(ports.store, await loadStack(ports.store, stack))
      names.push(...Object.keys(head?.resources ?? {}))
      return 'ok'
    })
  } catch {
    return [] // no store, or not readable: a shell that completes is told nothing, not shown an error
  }
  return names
}
