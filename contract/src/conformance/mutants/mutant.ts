// Owns: what a mutant is: a provider broken in one way, and the checks that must find it out.
// Never: holds a mutant itself.
import type { Hands } from '../../provider.ts'
import { powerfulNote as note } from '../note-powers.ts'
import type { NotePart } from '../note-provider.ts'
import type { NoteProvider } from '../note-subject.ts'

export interface Mutant {
  readonly name: string
  /** A new one each time: it may remember. */
  readonly make: () => NoteProvider
  /** Names of checks. */
  readonly caughtBy: readonly string[]
}

/** The names of a law's three checks; `*` stands for create, change, delete. */
export function each(law: string): readonly string[] {
  return ['create', 'change', 'delete'].map((name) => law.replace('*', name))
}

export function mutant(name: string, changes: Partial<NoteProvider>, caughtBy: readonly string[]): Mutant {
  return { name, make: () => ({ ...note, ...changes }), caughtBy }
}

/** Makes a file, works, removes it; faults when it is there. Who dies in between shuts himself out. */
export function locked<A extends { readonly part: NotePart | null }, Rest extends readonly unknown[], T>(
  verb: (at: A, ...rest: Rest) => Promise<T>,
): (at: A, ...rest: Rest) => Promise<T> {
  return async (at, ...rest) => {
    const call = rest.find((value): value is Rest[number] & Hands => typeof value === 'object' && value !== null && 'fx' in value)
    if (call === undefined || at.part === null) return verb(at, ...rest)
    const dir = call.fx.fs.open(folderOf(at.part))
    dir.create('.lock', new Uint8Array(), 0o600)
    const result = await verb(at, ...rest)
    dir.remove('.lock')
    dir.close()
    return result
  }
}

export function folderOf({ path }: NotePart): string {
  return path.slice(0, path.lastIndexOf('/'))
}

export function nameOf({ path }: NotePart): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
