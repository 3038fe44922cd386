import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { filesTree } from './provider.ts'

const isRoot = process.getuid?.() === 0
const live = (bench: Bench): string => join(bench.dir, 'config')

/** Same path, so the same thing; what is in `files` and a folder of sources with a link and a mode. */
function sourced(bench: Bench, name: string, text: string) {
  const folder = join(bench.dir, `source-${name}`)
  mkdirSync(join(folder, 'conf.d'), { recursive: true })
  writeFileSync(join(folder, 'conf.d', 'shared.conf'), 'the same everywhere')
  writeFileSync(join(folder, 'conf.d', `${name}.conf`), text)
  writeFileSync(join(folder, 'run.sh'), '#!/bin/sh\n')
  chmodSync(join(folder, 'run.sh'), 0o750)
  symlinkSync(`conf.d/${name}.conf`, join(folder, 'current'))
  return { path: 'config', source: `source-${name}`, files: { 'site.conf': text } }
}

const many = (count: number, text: string) => ({
  path: 'config',
  files: Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index % 5}/f${index}`, `${text} ${index}`])),
})

conformance({
  provider: filesTree,
  stage: openStage,
  specs: {
    a: (bench) => sourced(bench, 'a', 'one'),
    b: (bench) => sourced(bench, 'b', 'two'),
    c: { path: 'config', files: { 'third.conf': 'three' } },
  },
  touch: (bench) => appendFileSync(join(live(bench), 'site.conf'), 'edited by hand'),
  appear(bench) {
    mkdirSync(live(bench))
    writeFileSync(join(live(bench), 'foreign'), 'somebody else')
  },
  touchOff(bench, _at, memento) {
    const known = filesTree.schema.memento.safeParse(memento)
    if (!known.success || known.data.form !== 'tree') throw new TypeError('not a memento of a tree')
    appendFileSync(join(bench.dir, '.config.understudy', known.data.standby, 'site.conf'), 'late')
  },
  ...(isRoot
    ? {}
    : {
        forbid(bench: Bench) {
          chmodSync(live(bench), 0)
          return () => chmodSync(live(bench), 0o755)
        },
      }),
  unknown(bench) {
    renameSync(live(bench), `${live(bench)}.aside`)
    writeFileSync(live(bench), 'a file where a directory was')
    return () => {
      rmSync(live(bench))
      renameSync(`${live(bench)}.aside`, live(bench))
    }
  },
  sizes: { small: [many(3, 'old'), many(3, 'new')], large: [many(300, 'old'), many(300, 'new')] },
  async secretSpec(bench) {
    const text = 'hunter2-in-a-file'
    const mac = await bench.hands('planning', 'thing', 'secret').put(Buffer.from(text))
    return { spec: { path: 'config', files: { key: { content: { secret: 'tls', mac }, mode: '0600' } } }, text }
  },
  // The spare and the record of what was where are kept for the next change; the clock is; links are named for inode numbers.
  ignores: (path) => /(^|\/)\.(config|live)\.understudy\/(spare(\/|$)|known\.json|clock$|i\d+~?$)/.test(path),
  timeoutMs: 180_000,
})
