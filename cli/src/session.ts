// Owns: what a verb works with: the stack file's folder, its store, its kinds, the engine's ports; opened once, closed once.
// Never: changes anything but making the store's folder when a verb is going to write.
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Fault } from '@understudy/contract'
import { machineClock, openPorts, openSqliteStore, readIntent, nodeSources, kindTable } from '@understudy/engine'
import type { EngineEvent, Intent, Kind, Ports, Store } from '@understudy/engine'
import { loadKinds } from './load-kinds.ts'

export interface StackOptions {
  /** As given with -f; null looks for understudy.yaml, then understudy.ts, in the working directory. */
  readonly file: string | null
  readonly vars: Readonly<Record<string, string>>
  readonly varFiles: readonly string[]
  readonly env: string | null
  readonly parallelism: number
}

export interface Session {
  readonly file: string
  /** Folder of the stack file. */
  readonly base: string
  /** `.understudy/` beside it. */
  readonly dir: string
  readonly store: Store
  readonly kinds: readonly Kind[]
  /** Ports for a stack; `through` says who acts. */
  readonly ports: (stack: string, through?: string) => Ports
  readonly close: () => Promise<void>
}

export const storeFolder = '.understudy'

/** Where the stack file is, whether or not it can be read. */
export function stackFile(given: string | null): string {
  if (given !== null) return resolve(given)
  for (const name of ['understudy.yaml', 'understudy.ts']) if (existsSync(name)) return resolve(name)
  return resolve('understudy.yaml')
}

export async function openSession(
  options: StackOptions,
  onEvent: (event: EngineEvent) => void,
  signal: AbortSignal,
  mayCreate: boolean,
): Promise<Session> {
  const file = stackFile(options.file)
  const base = dirname(file)
  const dir = join(base, storeFolder)
  if (!mayCreate && !existsSync(dir)) throw noStack(file)
  const store = await openSqliteStore({ dir, clock: machineClock })
  const kinds = await loadKinds(file)
  return {
    file,
    base,
    dir,
    store,
    kinds,
    ports: (stack, through = 'cli') =>
      openPorts({ stack, dir, store, kinds, onEvent, who: whoAmI(), through, signal, parallelism: options.parallelism }),
    close: () => store.close(),
  }
}

/** The intent of the stack file. Faults are all that is wrong with it, at once. */
export async function readStack(
  session: Session,
  options: StackOptions,
): Promise<{ readonly ok: true; readonly intent: Intent } | { readonly ok: false; readonly faults: readonly Fault['fault'][] }> {
  return readIntent(
    { file: session.file, vars: options.vars, varFiles: options.varFiles, ...(options.env === null ? {} : { env: options.env }) },
    nodeSources({ seal: (bytes) => session.store.objects.put(bytes), environment: process.env }),
    kindTable(new Map(session.kinds.map((kind) => [kind.kind, kind]))),
  )
}

/** The name of the stack that a store holds, without its stack file: an undo must not need one (L3). */
export async function storedStack(session: Session): Promise<string> {
  const names = (await session.store.streams('')).filter((name) => !name.includes('/'))
  const name = names[0]
  if (name === undefined) throw noStack(session.file)
  return name
}

function noStack(file: string): Fault {
  return new Fault({
    code: 'stack.none',
    class: 'invalid',
    summary: 'Nothing was applied here yet.',
    detail: `no store beside ${file}`,
    hint: 'Run `understudy apply` first, or name the stack file with -f FILE.',
  })
}

function whoAmI(): string {
  const { SUDO_USER, UNDERSTUDY_USER } = process.env
  return UNDERSTUDY_USER ?? SUDO_USER ?? userInfo().username
}
