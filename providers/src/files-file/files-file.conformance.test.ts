import { appendFileSync, chmodSync, mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { filesFile } from './provider.ts'

const isRoot = process.getuid?.() === 0
const live = (bench: Bench): string => join(bench.dir, 'app.conf')

conformance({
  provider: filesFile,
  stage: openStage,
  specs: {
    a: { path: 'app.conf', content: 'one\n', mode: '0640' },
    b: (bench) => {
      writeFileSync(join(bench.dir, 'source.conf'), 'two\nlines\n')
      return { path: 'app.conf', source: 'source.conf', mode: '0600' }
    },
    c: { path: 'app.conf', content: 'one\n', mode: '0600' },
  },
  touch: (bench) => appendFileSync(live(bench), 'written by somebody else\n'),
  appear: (bench) => writeFileSync(live(bench), 'made by somebody else\n'),
  touchOff(bench, _at, memento) {
    const key = keyIn(memento)
    appendFileSync(join(bench.dir, '.app.conf.understudy', key), 'late\n')
  },
  unknown(bench) {
    renameSync(live(bench), `${live(bench)}.aside`)
    mkdirSync(live(bench))
    return () => {
      rmdirSync(live(bench))
      renameSync(`${live(bench)}.aside`, live(bench))
    }
  },
  ...(isRoot
    ? {}
    : {
        forbid(bench: Bench) {
          chmodSync(live(bench), 0)
          return () => chmodSync(live(bench), 0o640)
        },
      }),
  sizes: {
    small: [
      { path: 'app.conf', content: 'a' },
      { path: 'app.conf', content: 'b' },
    ],
    large: [
      { path: 'app.conf', content: 'a'.repeat(100_000) },
      { path: 'app.conf', content: 'b'.repeat(100_000) },
    ],
  },
  async secretSpec(bench) {
    const text = 'correct horse "battery" staple'
    const mac = await bench.hands('planning', 'thing', 'secret').put(Buffer.from(text))
    return { spec: { path: 'app.conf', content: { secret: 'vault:app', mac } }, text }
  },
  // The link to the live file stays for who was given it as a slot; links are named for inode numbers.
  ignores: (path) => /(^|\/)\.app\.conf\.understudy(\/i\d+~?)?$/.test(path),
})

function keyIn(memento: Json): string {
  const key = isObject(memento) ? memento['key'] : undefined
  return typeof key === 'string' ? key : 'none'
}
