// Owns: what a verb works with: the stack file's folder, its store, its kinds, the engine's ports; opened once, closed once.
// Never: changes anything but making the store's folder when a verb is going to write.
import { existsSync, realpathSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { Fault, faultOf } from '@understudy/contract'
import type { Digest } from '@understudy/contract'
import { kindTable, machineClock, namedStack, nodeSources, openPorts, openReserve, openSqliteStore, readIntent } from '@understudy/engine'
import type { EngineEvent, Intent, IntentInput, Kind, Ports, Store } from '@understudy/engine'
import { loadKinds } from './load-kinds.ts'
import { withModules } from './stack-module.ts'

export interface StackOptions {
  /** As given with -f; null looks for understudy.yaml, then understudy.ts, in the working directory. */
  readonly file: string | null
  /** As given with --stack; null: the one that the stack file names. */
  readonly stack: string | null
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
  /** Kinds that the stack file may use. */
  readonly named: readonly Kind[]
  /** Packages of the stack file that cannot be used, and why. */
  readonly unusable: Readonly<Record<string, string>>
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
  if (!existsSync(file) && (mayCreate || (options.file !== null && options.stack === null))) throw noFile(file, mayCreate)
  if (!mayCreate && !existsSync(dir)) throw noStack(`no store beside ${file}`)
  const open = (): Promise<Store> => openSqliteStore({ dir, clock: machineClock, place: realpathSync(base) })
  const store = await open().catch((thrown: unknown) => {
    if (!mayCreate && faultOf(thrown).code === 'fs.no-space' && openReserve(dir).lend()) return open() // for whoever wants to go back
    throw thrown
  })
  const { kinds, named, unusable } = await loadKinds(file, dir)
  return {
    file,
    base,
    dir,
    store,
    named,
    unusable,
    ports: (stack, through = 'cli') =>
      openPorts({ stack, dir, store, kinds, unusable, onEvent, who: whoAmI(), through, signal, parallelism: options.parallelism }),
    close: () => store.close(),
  }
}

/** The intent of the stack file. Faults are all that is wrong with it, at once. */
export async function readStack(
  session: Session,
  options: StackOptions,
): Promise<{ readonly ok: true; readonly intent: Intent } | { readonly ok: false; readonly faults: readonly Fault['fault'][] }> {
  const seal = (bytes: Uint8Array): Promise<Digest> => session.store.objects.put(bytes)
  const table = kindTable(new Map(session.named.map((kind) => [kind.kind, kind])))
  return withModules(session.file, () => readIntent(inputOf(session, options), nodeSources({ seal, environment: process.env }), table))
}

function inputOf({ file, unusable }: Session, { vars, varFiles, env }: StackOptions): IntentInput {
  return { file, vars, varFiles, unusable, ...(env === null ? {} : { env }) }
}

/** All stacks that the store holds, in the order of their names. */
export async function storedStacks({ store }: Session): Promise<readonly string[]> {
  return (await store.streams('')).filter((name) => !name.includes('/'))
}

/** Which stack of the store is meant: the one named by --stack, by the stack file, or the only one (an undo must not need the file: L3). */
export async function storedStack(session: Session, options: StackOptions): Promise<string> {
  const names = await storedStacks(session)
  const seal = (bytes: Uint8Array): Promise<Digest> => Promise.resolve(session.store.objects.name(bytes))
  const named = (): Promise<string | null> => namedStack(inputOf(session, options), nodeSources({ seal, environment: process.env }))
  const asked = options.stack ?? (await withModules(session.file, named).catch(() => null))
  if (asked !== null) {
    if (names.includes(asked)) return asked
    throw noStack(
      names.length === 0 ? `no store beside ${session.file}` : `${asked}; the store in ${session.dir} holds ${names.join(', ')}`,
    )
  }
  const [only, ...others] = names
  if (only === undefined) throw noStack(`no store beside ${session.file}`)
  if (others.length === 0) return only
  throw new Fault({
    code: 'stack.several',
    class: 'invalid',
    summary: 'The store holds several stacks, and no readable stack file says which is meant.',
    detail: names.join(', '),
    hint: 'Name the stack file with -f FILE, or the stack with --stack NAME.',
  })
}

function noStack(detail: string): Fault {
  return new Fault({
    code: 'stack.none',
    class: 'invalid',
    summary: 'Nothing was applied here yet.',
    detail,
    hint: 'Run `understudy apply` first, name the stack file with -f FILE, or the stack with --stack NAME.',
  })
}

function noFile(file: string, wanted: boolean): Fault {
  return new Fault({
    code: 'intent.missing-file',
    class: 'invalid',
    summary: 'The file is not there.',
    detail: `${file}: there is no stack file`,
    hint: wanted
      ? '`understudy init` makes one; `-f FILE` names another.'
      : 'Correct the path after -f; a stack whose file is lost is named with --stack NAME.',
  })
}

function whoAmI(): string {
  const { SUDO_USER, UNDERSTUDY_USER } = process.env
  return UNDERSTUDY_USER ?? SUDO_USER ?? userInfo().username
}
