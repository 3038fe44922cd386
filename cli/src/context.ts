// Owns: what every verb gets: options read once, the renderer, the way to ask a person, an opened session.
// Never: asks where nobody can answer: not interactive and no --yes is a refusal.
import { Fault } from '@understudy/contract'
import type { EngineEvent, Intent, Ports } from '@understudy/engine'
import type { Exit } from './exit-codes.ts'
import { watchOver } from './keeper-client.ts'
import { rememberPackages } from './named-packages.ts'
import type { Renderer } from './render/renderer.ts'
import { openSession, readStack, storedStack } from './session.ts'
import type { Session, StackOptions } from './session.ts'

export interface Context {
  readonly options: StackOptions
  readonly renderer: Renderer
  readonly signal: AbortSignal
  readonly version: string
  readonly yes: boolean
  /** Asks yes or no. Faults `cli.nobody-to-ask` without a terminal. */
  ask(question: string): Promise<boolean>
  /** Opens the store and reads the stack file; faults in it are shown, and the verb ends with `usage`. */
  withIntent(body: (opened: { readonly session: Session; readonly intent: Intent; readonly ports: Ports }) => Promise<Exit>): Promise<Exit>
  /** Opens an existing store; the stack file need not be readable. */
  withStore(body: (opened: { readonly session: Session; readonly stack: string; readonly ports: Ports }) => Promise<Exit>): Promise<Exit>
  /** Opens an existing store, for what concerns all of its stacks. */
  withStacks(body: (session: Session) => Promise<Exit>): Promise<Exit>
}

export function openContext(values: Readonly<Record<string, unknown>>, renderer: Renderer, signal: AbortSignal, version: string): Context {
  const options: StackOptions = {
    file: textIn(values, 'file'),
    stack: textIn(values, 'stack'),
    vars: varsOf(listIn(values, 'var')),
    varFiles: listIn(values, 'varFile'),
    env: textIn(values, 'env'),
    parallelism: Math.max(1, numberIn(values, 'parallelism') ?? 1),
  }
  const yes = values['yes'] === true
  const onEvent = (event: EngineEvent): void => renderer.event(event)
  const withStacks: Context['withStacks'] = async (body) => {
    const session = await openSession(options, onEvent, signal, false)
    try {
      return await body(session)
    } finally {
      await session.close()
    }
  }
  return {
    options,
    renderer,
    signal,
    version,
    yes,
    async ask(question) {
      if (yes) return true
      if (!process.stdin.isTTY || !process.stderr.isTTY || renderer.json) throw nobody(question)
      const { confirm, isCancel } = await import('@clack/prompts')
      const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
      return !isCancel(answer) && answer
    },
    async withIntent(body) {
      const session = await openSession(options, onEvent, signal, true)
      try {
        const read = await readStack(session, options)
        if (!read.ok) {
          for (const fault of read.faults) renderer.fault(fault)
          return 'usage'
        }
        const { intent } = read
        if (options.stack !== null && options.stack !== intent.stack)
          throw otherStack(`--stack ${options.stack}`, intent.stack, session.file)
        rememberPackages(session.dir, intent.providers)
        try {
          return await body({ session, intent, ports: session.ports(intent.stack) })
        } finally {
          await watchOver(session, intent.stack, renderer)
        }
      } finally {
        await session.close()
      }
    },
    withStore(body) {
      return withStacks(async (session) => {
        const stack = await storedStack(session, options)
        try {
          return await body({ session, stack, ports: session.ports(stack) })
        } finally {
          await watchOver(session, stack, renderer)
        }
      })
    },
    withStacks,
  }
}

export function listIn(values: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = values[key]
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

export function textIn(values: Readonly<Record<string, unknown>>, key: string): string | null {
  const value = values[key]
  return typeof value === 'string' ? value : null
}

export function numberIn(values: Readonly<Record<string, unknown>>, key: string): number | null {
  const value = values[key]
  return typeof value === 'number' ? value : null
}

function varsOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)]
      throw new Fault({
        code: 'cli.bad-variable',
        class: 'invalid',
        summary: 'A variable is set as NAME=VALUE.',
        detail: `--var ${pair}`,
        hint: 'For example: --var release=v2',
      })
    }),
  )
}

export function otherStack(asked: string, written: string, file: string): Fault {
  return new Fault({
    code: 'cli.other-stack',
    class: 'invalid',
    summary: 'The stack file is that of another stack.',
    detail: `${asked}, but ${file} is stack ${written}`,
    hint: 'Name the file of that stack with -f FILE; --stack is needed only where none can be read.',
  })
}

function nobody(question: string): Fault {
  return new Fault({
    code: 'cli.nobody-to-ask',
    class: 'invalid',
    summary: 'There is a question and nobody to answer it.',
    detail: question,
    hint: 'Run it in a terminal, or say --yes.',
  })
}
