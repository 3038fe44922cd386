// Owns: the example provider as a subject of the suite: the honest one that all checks must let pass.
// Never: anything that an author of a real provider could not write.
import * as fs from 'node:fs'
import { isObject } from '../json.ts'
import type { Json } from '../json.ts'
import type { At, Provider } from '../provider.ts'
import type { Bench } from './bench.ts'
import { folderBench } from './folder-bench.ts'
import { provider } from './note-provider.ts'
import type { NoteMemento, NoteOut, NotePart, NoteSpec, NoteState } from './note-provider.ts'
import type { Subject } from './subject.ts'

export type NoteProvider = Provider<NoteSpec, NoteState, NoteMemento, NotePart, NoteOut>
export type NoteSubject = Subject<NoteSpec, NoteState, NoteMemento, NotePart, NoteOut>

/** The subject of a provider of notes, the honest one or a mutant of it. */
export function noteSubject(subject: NoteProvider = provider): NoteSubject {
  const spec = (text: string, mode: number) => (bench: Bench) => ({ path: `${bench.dir}/note.txt`, text, mode })
  return {
    provider: subject,
    stage: folderBench,
    specs: { a: spec('one line\n', 0o644), b: spec('two\nlines\n', 0o600), c: spec('two\nlines\n', 0o644) },
    touch: (_bench, at) => fs.appendFileSync(pathOf(at), 'written by somebody else\n'),
    appear: (_bench, at) => fs.writeFileSync(pathOf(at), 'made by somebody else\n'),
    touchOff: (bench, _at, memento) => fs.appendFileSync(`${bench.dir}/${textAt(memento, 'beside')}`, 'written late\n'),
    unknown(_bench, at) {
      const [path, aside] = [pathOf(at), `${pathOf(at)}.aside`]
      fs.renameSync(path, aside)
      fs.mkdirSync(path)
      return () => {
        fs.rmdirSync(path)
        fs.renameSync(aside, path)
      }
    },
    sizes: {
      small: [spec('a', 0o644), spec('b', 0o644)],
      large: [spec('a'.repeat(10_000), 0o644), spec('b'.repeat(10_000), 0o644)],
    },
    async secretSpec(bench) {
      const text = 'correct horse "battery" staple'
      const mac = await bench.look('planning', 'thing').put(Buffer.from(text))
      return { spec: { path: `${bench.dir}/note.txt`, text: { secret: 'vault:note', mac } }, text }
    },
    ...(process.getuid?.() === 0
      ? { flags: { 'what may not be read faults as forbidden, and is not taken for absent': 'root may read everything' } }
      : { forbid: forbidden }),
  }
}

function forbidden(_bench: Bench, at: At<Json>): () => void {
  const path = pathOf(at)
  const { mode } = fs.statSync(path)
  fs.chmodSync(path, 0)
  return () => fs.chmodSync(path, mode)
}

function pathOf(at: At<Json>): string {
  return textAt(at.part, 'path')
}

function textAt(value: Json, key: string): string {
  const found = isObject(value) ? value[key] : undefined
  if (typeof found !== 'string') throw new TypeError(`no ${key} in ${JSON.stringify(value)}`)
  return found
}
