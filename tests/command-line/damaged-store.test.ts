import { chmodSync, cpSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { machineClock, openSqliteStore, verifyStore } from '@understudy/engine'
import { openFolder } from './folder.ts'
import type { Folder, Ran } from './folder.ts'

/** Three revisions of a file, a tree, a command and a database; the first is long let go of. */
const version = (n: number): string => `stack: shop
resources:
  conf: { kind: files.file, spec: { path: app.conf, content: "conf ${n}" } }
  tree: { kind: files.tree, spec: { path: live, source: src, files: { inline: "inline ${n}" } } }
  data: { kind: sqlite.database, spec: { path: shop.db, migrations: migrations } }
  said: { kind: command.run, spec: { command: [sh, -c, "echo ${n} > out/said"], writes: [out] } }
`

let folder: Folder
const store = (): string => folder.path('.understudy')

async function applyThree(): Promise<Folder> {
  folder = openFolder()
  for (const n of [1, 2, 3]) {
    folder.write('understudy.yaml', version(n))
    folder.write('src/index', `index ${n}`)
    folder.write('src/deep/er/same', 'the same')
    folder.write('out/there', 'there')
    folder.write(`migrations/00${n}_t.sql`, `create table t${n} (a);`)
    expect(await folder.run('apply', '-y')).toMatchObject({ code: 0 })
  }
  await folder.run('keeper', 'stop')
  cpSync(store(), folder.path('whole'), { recursive: true })
  return folder
}

beforeAll(async () => {
  folder = await applyThree()
}, 120_000)
afterAll(() => folder.close())
beforeEach(() => fresh())

function fresh(): void {
  rmSync(store(), { recursive: true, force: true })
  cpSync(folder.path('whole'), store(), { recursive: true })
  chmodSync(store(), 0o700)
}

function inStore<T>(work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(folder.path('.understudy', 'store.db'))
  try {
    return work(db)
  } finally {
    db.close()
  }
}

interface Finding {
  readonly what: string
  readonly good: boolean
  readonly detail: string
}

/** What is not good, and that nothing was changed by looking. */
async function bad(verb: 'doctor' | 'verify-store' = 'doctor'): Promise<{ code: number | null; found: readonly string[]; stack: string }> {
  const before = inStore((db) => JSON.stringify(contents(db)))
  const ran: Ran = await folder.run('--json', verb)
  expect(inStore((db) => JSON.stringify(contents(db)))).toBe(before)
  const findings = ran.lines.flatMap((line) => (line.type === verb ? (line['findings'] as unknown as readonly Finding[]) : []))
  const stack = findings.find(({ detail }) => detail.startsWith('stack shop'))?.detail ?? ''
  return { code: ran.code, found: findings.filter(({ good }) => !good).map(({ what, detail }) => `${what}: ${detail}`), stack }
}

const contents = (db: DatabaseSync) => ['heads', 'entries', 'objects'].map((table) => db.prepare(`select * from ${table}`).all())

/** Digests that entries of the stack's log name under one of these. */
const named = (...names: readonly string[]): readonly string[] => [
  ...new Set(
    inStore((db) => db.prepare(`select body from entries where stream = 'shop' order by seq`).all())
      .flatMap(({ body }) => Object.entries(JSON.parse(String(body))))
      .flatMap(([name, value]) => (names.includes(name) && typeof value === 'string' ? [value] : [])),
  ),
]
const revision = (n: number): string => named('revision')[n - 1] ?? ''
const keyOf = (digest: string): Uint8Array => Buffer.from(digest.slice(2), 'hex')
const digests = (where = 'true'): readonly string[] =>
  inStore((db) => db.prepare(`select hex(digest) as name from objects where piece = 0 and ${where}`).all()).map(
    ({ name }) => `h:${String(name).toLowerCase()}`,
  )
const remove = (digest: string): void => void inStore((db) => db.prepare('delete from objects where digest = ?').run(keyOf(digest)))
/** One bit of what is kept. */
const flip = (where: string): void =>
  inStore((db) => {
    const set = db.prepare('update objects set sealed = ? where id = ?')
    for (const { id, sealed } of db.prepare(`select id, sealed from objects where ${where}`).all()) {
      if (sealed instanceof Uint8Array)
        set.run(
          sealed.map((byte, at) => (at === sealed.length - 1 ? byte ^ 1 : byte)),
          id ?? null,
        )
    }
  })

test('a whole store is good, and says which revisions can be gone back to', async () => {
  for (const verb of ['doctor', 'verify-store'] as const) {
    const { code, found, stack } = await bad(verb)
    expect([code, found]).toEqual([0, []])
    expect(stack).toMatch(/revisions that can be gone back to: 1-3/)
  }
})

test('every object that is flipped is named, whichever it is', async () => {
  const all = digests()
  expect(all.length).toBeGreaterThan(60)
  flip('true')
  const { code, found } = await bad()
  expect(code).toBe(1)
  for (const digest of all) expect(found.filter((line) => line.includes(`${digest} does not verify`))).toHaveLength(1)
})

describe('one object', () => {
  test('of a revision, flipped: named with the revision, the others can be gone back to', async () => {
    flip(`hex(digest) = '${revision(2).slice(2).toUpperCase()}'`)
    const { code, found, stack } = await bad()
    expect(code).toBe(1)
    expect(found).toContainEqual(expect.stringMatching(/^object: h:[0-9a-f]{64} does not verify; needed by .*revision 2 of shop/))
    expect(stack).toMatch(/gone back to: 1, 3; not: 2 \(all of it\)/)
  })

  test('of a revision, deleted', async () => {
    remove(revision(1))
    const { code, found, stack } = await bad('verify-store')
    expect(code).toBe(1)
    expect(found).toContainEqual(expect.stringContaining(`object: ${revision(1)} is gone; needed by revision 1 of shop`))
    expect(stack).toMatch(/gone back to: 2-3; not: 1 \(all of it\)/)
  })

  test('of the live revision, or the plan of a change that still holds what it replaced: nothing can be gone back to', async () => {
    const plan = named('plan').at(-1) ?? ''
    for (const [digest, what] of [
      [revision(3), 'revision 3, which is live'],
      [plan, 'the plan of change'],
    ] as const) {
      remove(digest)
      const { code, stack } = await bad()
      expect([code, stack]).toEqual([1, expect.stringContaining(`no revision can be gone back to without ${what}`)])
      expect(await folder.run('rollback', '-y')).toMatchObject({ code: 3 })
      expect([folder.read('app.conf'), folder.read('live/index')]).toEqual(['conf 3', 'index 3'])
      fresh()
    }
  })

  test.each(['revision', 'plan'])('a %s in between: who goes further back does not need it', async (what) => {
    const shared = folder
    await applyThree()
    try {
      remove(named(what)[1] ?? '')
      expect((await bad()).stack).toMatch(/gone back to: 1/)
      expect(await folder.run('rollback', '-y', '--to', '1')).toMatchObject({ code: 0 })
      expect([folder.read('app.conf'), folder.read('live/index')]).toEqual(['conf 1', 'index 1'])
    } finally {
      await folder.close()
      folder = shared
    }
  })

  test('that a plan, a rehearsal, a receipt or a log of what was done is', async () => {
    const lost = named('plan', 'rehearsal', 'assessment', 'receipt', 'verdict', 'log')
    expect(lost.length).toBeGreaterThan(12)
    for (const digest of lost) remove(digest)
    const { code, found } = await bad()
    expect(code).toBe(1)
    for (const digest of lost) expect(found).toContainEqual(expect.stringContaining(`${digest} is gone; needed by change`))
  })

  test('that is deleted, whichever it is: what would be lost with it is named, what stands live or beside it is counted', async () => {
    const [needed, standing]: [string[], string[]] = [[], []]
    for (const digest of digests()) {
      remove(digest)
      const opened = await openSqliteStore({ dir: store(), clock: machineClock })
      const { damaged, stacks } = await verifyStore(opened)
      await opened.close()
      fresh()
      needed.push(...damaged.flatMap(({ usedBy }) => usedBy))
      if (damaged.length > 0) expect(damaged).toMatchObject([{ digest, why: 'gone' }])
      else if ((stacks[0]?.standing ?? 0) > 0) standing.push(digest)
    }
    for (const name of ['revision 1 of shop (conf)', 'revision 1 of shop (tree)', 'revision 1 of shop (data)', 'revision 1 of shop (said)'])
      expect(needed).toContain(name)
    const opened = await openSqliteStore({ dir: store(), clock: machineClock })
    const texts = ['inline 3', 'inline 2'].map((text) => opened.objects.name(Buffer.from(text)))
    await opened.close()
    expect(standing).toEqual(expect.arrayContaining(texts))
  }, 120_000)
})

describe('the log', () => {
  /** Nothing can be gone back to while the log cannot be read to its end. */
  const stuck = expect.stringMatching(/^store: stack shop, .* no revision can be gone back to without a log that can be read to its end/)
  const verbs = [['status'], ['history'], ['rollback', '-y'], ['apply', '-y']] as const

  /** Says so in every verb, and touches nothing. */
  async function refused(detail: RegExp): Promise<void> {
    for (const verb of verbs) {
      const { code, stderr } = await folder.run(...verb)
      expect([verb, code, stderr]).toEqual([verb, 3, expect.stringMatching(detail)])
    }
    expect([folder.read('app.conf'), folder.read('live/index')]).toEqual(['conf 3', 'index 3'])
  }

  test('whose head is gone is damaged, and no stack that was never applied', async () => {
    inStore((db) => db.exec(`delete from heads where stream = 'shop'`))
    await refused(/store\.damaged[^]*the head of its stream is gone/)
    const { code, found } = await bad()
    expect([code, found]).toEqual([1, expect.arrayContaining([expect.stringMatching(/^log: .*shop: the head of its stream is gone/)])])
  })

  test('whose entries are gone, but not its head', async () => {
    inStore((db) => db.exec(`delete from entries where stream = 'shop'`))
    await refused(/store\.damaged[^]*entry 1 of shop: it is gone/)
    expect(await bad()).toMatchObject({ code: 1, found: [stuck, expect.stringMatching(/^log: entry 1 of shop: it is gone/)] })
  })

  test('whose entry was changed is named with what can be read before it', async () => {
    inStore((db) => db.exec(`update entries set body = replace(body, '"message":""', '"message":"x"') where stream = 'shop' and seq = 1`))
    const { code, found } = await bad()
    expect([code, found]).toEqual([
      1,
      [stuck, expect.stringMatching(/^log: entry 1 of shop: its hash does not fit \(nothing of shop can be read\)/)],
    ])
    inStore((db) => db.exec(`update entries set body = replace(body, '"message":"x"', '"message":""') where stream = 'shop' and seq = 1`))
    expect(await bad()).toMatchObject({ code: 0 })
    inStore((db) => db.exec(`update entries set at = at + 1 where stream = 'shop' and seq = 20`))
    const later = await bad()
    expect(later.found).toEqual([
      stuck,
      expect.stringMatching(/^log: entry 20 of shop: its hash does not fit \(shop can be read up to entry 19\)/),
    ])
    expect(later.stack).toMatch(/19 entries verified/)
  })

  test('whose head says another end', async () => {
    inStore((db) => db.exec(`update heads set seq = seq - 1 where stream = 'shop'`))
    expect(await bad()).toMatchObject({
      code: 1,
      found: [stuck, expect.stringMatching(/^log: .*of shop: the stream has \d+ entries where \d+ were written/)],
    })
  })
})

test('a file that is no database any more is one finding, not a report of a bug', async () => {
  const file = folder.path('.understudy', 'store.db')
  for (const name of ['store.db-wal', 'store.db-shm']) rmSync(folder.path('.understudy', name), { force: true })
  writeFileSync(file, 'not a database, long enough to be looked at. '.repeat(50))
  const ran = await folder.run('doctor')
  expect(ran).toMatchObject({ code: 1, stdout: expect.stringMatching(/BAD store: store\.damaged/) })
  expect(existsSync(file)).toBe(true)
})
