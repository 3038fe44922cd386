import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DirWrites, Hands } from '@understudy/contract'
import { openStage } from '@understudy/engine/testing'
import { filesTree } from './provider.ts'
import type { TreeState } from './tree-schemas.ts'

const WRITES = [
  'create',
  'mkdir',
  'symlink',
  'hardlink',
  'chmod',
  'chown',
  'setMtime',
  'setXattrs',
  'copyFrom',
  'remove',
  'rename',
  'exchange',
  'sync',
  'syncAll',
]

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'files-tree-kill-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/**
 * One whole change (or undo) of `DIR/config` in a process of its own, with content kept in `DIR/objects`; it kills itself
 * with SIGKILL before its effect number `dies`. What is known between processes lies in `DIR/journal.json`.
 */
function life(goal: string, key: string, dies: number): { readonly killed: boolean; readonly effects: number } {
  const path = (name: string): string => JSON.stringify(join(import.meta.dirname, name))
  const program = `
    import { createHash } from 'node:crypto'
    import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
    import { createRecorder, handsCall } from ${path('../../../engine/src/index.ts')}
    import { openEffects } from ${path('../../../engine/src/fx/open-effects.ts')}
    import { filesTree } from ${path('provider.ts')}
    const dir = ${JSON.stringify(dir)}
    let effects = 0
    const recorder = createRecorder({ now: Date.now, monotonic: () => performance.now() }, new AbortController().signal)
    const fx = openEffects(recorder)
    const open = (path) => {
      const opened = fx.effects.fs.open(path)
      for (const verb of ${JSON.stringify(WRITES)}) {
        const real = opened[verb]
        opened[verb] = (...args) => { if (effects++ === ${dies}) process.kill(process.pid, 'SIGKILL'); return real(...args) }
      }
      return opened
    }
    const name = (bytes) => 'h:' + createHash('sha256').update(bytes).digest('hex')
    const file = (digest) => dir + '/objects/' + digest.slice(2)
    const save = (path, text) => { writeFileSync(path + '.new', text); renameSync(path + '.new', path) }
    const objects = { name, put: async (bytes) => (save(file(name(bytes)), bytes), name(bytes)), get: async (digest) => readFileSync(file(digest)) }
    const call = handsCall({ objects, recorder, fx: { reads: fx.reads, effects: { ...fx.effects, fs: { ...fx.effects.fs, open } } }, room: dir + '/room' }, ${JSON.stringify(key)}, 1)
    const at = { world: 'w', id: 'i', part: { path: dir + '/config' } }
    const journal = dir + '/journal.json'
    let entry = existsSync(journal) ? JSON.parse(readFileSync(journal, 'utf8')) : {}
    const note = (more) => { entry = { ...entry, ...more }; save(journal, JSON.stringify(entry)) }
    const goal = ${JSON.stringify(goal)}
    if (goal === 'undo') {
      await filesTree.turn(at, entry.memento, 'before', call)
      await filesTree.release(at, entry.memento, call)
      rmSync(journal)
    } else {
      if (entry.memento === undefined) {
        if (entry.to === undefined) {
          const spec = filesTree.schema.spec.safeParse(await filesTree.source.freeze({ path: at.part.path, source: goal }, dir, call)).data
          note({ from: (await filesTree.read(at, null, call))?.state ?? null, to: (await filesTree.want(at, spec, call)).state })
        }
        note({ memento: (await filesTree.prepare(at, entry.from, entry.to, call)).memento })
      }
      await filesTree.turn(at, entry.memento, 'after', call)
    }
    console.log(effects)`
  const child = spawnSync(process.execPath, ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program], {
    encoding: 'utf8',
  })
  if (child.signal === 'SIGKILL') return { killed: true, effects: dies }
  if (child.status !== 0) throw new Error(`${goal} ${dies}: ${child.stderr}`)
  return { killed: false, effects: Number(child.stdout) }
}

function fill(name: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, name, path, '..'), { recursive: true })
    writeFileSync(join(dir, name, path), text)
  }
}

function contents(name: string): Readonly<Record<string, string>> {
  const entries = readdirSync(join(dir, name), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    entries.map((entry) => [
      join(entry.parentPath, entry.name).slice(join(dir, name).length + 1),
      readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    ]),
  )
}

test('L8: SIGKILL at any effect, then again: the change ends, its undo ends, and nothing is left over', { timeout: 240_000 }, () => {
  mkdirSync(join(dir, 'objects'))
  fill('config', { a: 'old', 'd/b': 'old b', 'd/same': 's' })
  fill('next', { a: 'new', 'e/c': 'c', 'd/same': 's' })
  const old = contents('config')
  const seen: string[] = []
  // About every third effect on the way there, each time one further, and the same on the way back.
  for (let dies = 0; ; dies += 3) {
    const there = life('next', `key-${dies}`, dies)
    expect(contents('config')).toEqual(readFileSync(join(dir, 'config', 'a'), 'utf8') === 'old' ? old : contents('next'))
    if (there.killed) expect(life('next', `key-${dies}`, -1).killed).toBe(false)
    expect(contents('config')).toEqual(contents('next'))
    const back = life('undo', `key-${dies}`, dies)
    expect(contents('config')).toEqual(readFileSync(join(dir, 'config', 'a'), 'utf8') === 'old' ? old : contents('next'))
    if (back.killed) expect(life('undo', `key-${dies}`, -1).killed).toBe(false)
    expect(contents('config')).toEqual(old)
    expect(readdirSync(join(dir, '.config.understudy')).filter((name) => !/^(i\d+|known\.json|clock|spare)$/.test(name))).toEqual([])
    seen.push(`${there.killed} ${back.killed}`)
    if (!there.killed && !back.killed) break
  }
  expect(seen.length).toBeGreaterThan(8)
})

test('L8: parts killed at every effect go on either way, and nothing is left over', { timeout: 120_000 }, async () => {
  for (let dies = 0; ; dies += 1) {
    const stage = await openStage()
    try {
      if (!(await livesThrough(stage, dies))) break
    } finally {
      await stage.close()
    }
  }
})

/** False once nothing dies any more. */
async function livesThrough(stage: Awaited<ReturnType<typeof openStage>>, dies: number): Promise<boolean> {
  const live = join(stage.dir, 'config')
  const at = { world: 'w', id: 'i', part: { path: live } }
  const look = stage.look('w', 'i')
  const write = (files: Readonly<Record<string, string>>): void => {
    rmSync(live, { recursive: true, force: true })
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(live, path, '..'), { recursive: true })
      writeFileSync(join(live, path), text)
    }
  }
  const now = async (): Promise<TreeState> => (await filesTree.read(at, null, look))?.state ?? never()
  write({ a: 'old', 'd/gone': 'g', stays: 's' })
  for (const text of ['old', 'g', 'new', 'n']) await look.put(Buffer.from(text))
  const old = await now()
  write({ a: 'new', stays: 's', 'e/new': 'n' })
  const from = await now()
  const pointers = (await filesTree.components?.differ(from, old, look)) ?? []
  const prepare = (call: Hands) => filesTree.inPlaceParts?.prepareParts(at, from, old, pointers, call) ?? never()

  const first = await killed(stage, dies, prepare)
  expect(await now()).toEqual(from)
  if (first) {
    await filesTree.release(at, null, stage.hands('w', 'i', 'k'))
    expect(left(stage.dir)).toEqual([])
  }
  const { memento } = await prepare(stage.hands('w', 'i', 'k'))
  let died = first
  for (const [side, onward] of [
    ['after', 'after'],
    ['before', 'after'],
    ['before', 'before'],
    ['after', 'before'],
  ] as const) {
    died = (await killed(stage, dies, (call) => filesTree.turn(at, memento, side, call))) || died
    expect(['before', 'after', 'mixed']).toContain((await filesTree.look(at, memento, 'full', look)).side)
    expect(await filesTree.turn(at, memento, onward, stage.hands('w', 'i', 'k'))).toEqual({ side: onward, standby: 'fit' })
    expect(await now()).toEqual(onward === 'after' ? old : from)
  }
  died = (await killed(stage, dies, (call) => filesTree.release(at, memento, call))) || died
  await filesTree.release(at, memento, stage.hands('w', 'i', 'k'))
  expect(await now()).toEqual(from)
  expect(left(stage.dir)).toEqual([])
  return died
}

function left(folder: string): string[] {
  const slots = join(folder, '.config.understudy')
  return existsSync(slots) ? readdirSync(slots).filter((name) => !/^(i\d+|known\.json|clock|spare)$/.test(name)) : []
}

/** Runs a call whose every effect from number `dies` on fails, as if the process were gone. True if it got that far. */
async function killed(
  stage: Awaited<ReturnType<typeof openStage>>,
  dies: number,
  act: (call: Hands) => Promise<unknown>,
): Promise<boolean> {
  const call = stage.hands('w', 'i', 'k')
  let effects = 0
  const open = (path: string): DirWrites => {
    const opened = call.fx.fs.open(path)
    const gate =
      <A extends readonly unknown[], R>(real: (...args: A) => R) =>
      (...args: A): R => {
        if (effects >= dies) throw new Error('killed')
        effects += 1
        return real(...args)
      }
    return Object.assign(opened, {
      create: gate(opened.create.bind(opened)),
      mkdir: gate(opened.mkdir.bind(opened)),
      symlink: gate(opened.symlink.bind(opened)),
      hardlink: gate(opened.hardlink.bind(opened)),
      chmod: gate(opened.chmod.bind(opened)),
      chown: gate(opened.chown.bind(opened)),
      setMtime: gate(opened.setMtime.bind(opened)),
      setXattrs: gate(opened.setXattrs.bind(opened)),
      copyFrom: gate(opened.copyFrom.bind(opened)),
      remove: gate(opened.remove.bind(opened)),
      rename: gate(opened.rename.bind(opened)),
      exchange: gate(opened.exchange.bind(opened)),
      sync: gate(opened.sync.bind(opened)),
      syncAll: gate(opened.syncAll.bind(opened)),
    })
  }
  try {
    await act({ ...call, fx: { ...call.fx, fs: { ...call.fx.fs, open } } })
    return false
  } catch (thrown) {
    if (thrown instanceof Error && thrown.message === 'killed') return true
    throw thrown
  }
}

function never(): never {
  throw new Error('missing')
}
