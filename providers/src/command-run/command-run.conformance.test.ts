import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '@understudy/contract'
import type { Json } from '@understudy/contract'
import { conformance } from '@understudy/contract/conformance'
import type { Bench } from '@understudy/contract/conformance'
import { openStage } from '@understudy/engine/testing'
import { commandRun } from './provider.ts'

const etc = (bench: Bench): string => join(bench.dir, 'etc')

/** The ground that all commands start from. */
function ground(bench: Bench): void {
  if (existsSync(etc(bench))) return
  mkdirSync(join(etc(bench), 'old.d'), { recursive: true })
  writeFileSync(join(etc(bench), 'app.conf'), 'port = 1\n')
  writeFileSync(join(etc(bench), 'old.d', 'x'), 'x')
}

const shell = (script: string) => (bench: Bench) => {
  ground(bench)
  return { command: ['sh', '-c', script], cwd: 'etc', writes: ['etc'] }
}

const many = (count: number, text: string) => shell(`i=0; while [ $i -lt ${count} ]; do echo ${text} > f$i; i=$((i+1)); done`)

conformance({
  provider: commandRun,
  stage: openStage,
  specs: {
    a: shell('sed -i s/1/2/ app.conf && mkdir new.d && echo y > new.d/y && rm -r old.d && echo done'),
    b: shell('sed -i s/1/3/ app.conf && ln -s app.conf link && chmod 700 old.d && mv old.d/x old.d/z'),
    c: shell('echo third > third'),
  },
  touch: (bench) => appendFileSync(join(etc(bench), 'app.conf'), 'written by somebody else\n'),
  touchOff(bench, _at, memento) {
    const key = keyIn(memento)
    const slots = join(etc(bench), `.understudy-${key}`)
    const slot = ['0', '1', '2', '3', '4', '5'].find((name) => existsSync(join(slots, name)) && isText(join(slots, name)))
    appendFileSync(join(slots, slot ?? 'none'), 'late')
  },
  sizes: { small: [many(2, 'old'), many(2, 'new')], large: [many(80, 'old'), many(80, 'new')] },
  async secretSpec(bench) {
    ground(bench)
    const text = 'hunter2-in-the-environment'
    const mac = await bench.hands('planning', 'thing', 'secret').put(Buffer.from(text))
    const command = ['sh', '-c', 'echo $TOKEN; echo $TOKEN > token']
    return { spec: { command, cwd: 'etc', writes: ['etc'], env: { TOKEN: { secret: 'vault:token', mac } } }, text }
  },
  killPointsMax: 12,
  timeoutMs: 180_000,
})

function isText(path: string): boolean {
  try {
    return readFileSync(path).length > 0
  } catch {
    return false
  }
}

function keyIn(memento: Json): string {
  const key = isObject(memento) ? memento['key'] : undefined
  return typeof key === 'string' ? key : 'none'
}
