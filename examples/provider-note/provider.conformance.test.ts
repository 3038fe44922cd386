import { appendFileSync, mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { provider } from './provider.ts'

const spec = (text: string, mode: number) => (bench: Bench) => ({ path: `${bench.dir}/note.txt`, text, mode })

conformance({
  provider,
  stage: openStage,
  specs: { a: spec('one line\n', 0o644), b: spec('two\nlines\n', 0o600) },
  // Edits behind the provider's back.
  touch: (_bench, at) => appendFileSync(pathIn(at.part), 'written by somebody else\n'),
  appear: (_bench, at) => writeFileSync(pathIn(at.part), 'made by somebody else\n'),
  touchOff: (bench, _at, memento) => appendFileSync(`${bench.dir}/${textIn(memento, 'beside')}`, 'written late\n'),
  unknown(_bench, at) {
    const path = pathIn(at.part)
    renameSync(path, `${path}.aside`)
    mkdirSync(path)
    return () => {
      rmdirSync(path)
      renameSync(`${path}.aside`, path)
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
})

const pathIn = (part: Json): string => textIn(part, 'path')

function textIn(value: Json, key: string): string {
  const found = isObject(value) ? value[key] : undefined
  if (typeof found !== 'string') throw new TypeError(`no ${key} in ${JSON.stringify(value)}`)
  return found
}
