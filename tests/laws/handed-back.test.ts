import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openFolder } from '../command-line/folder.ts'
import type { Folder } from '../command-line/folder.ts'

let folder: Folder
beforeEach(() => {
  folder = openFolder()
})
afterEach(() => folder.close())

type Want = Readonly<Record<string, string>>

/** Applies a stack of these resources; `a` is a file beside them, that makes a revision of its own. */
async function apply(a: string, want: Want = {}): Promise<void> {
  const resources = { a: `{ kind: files.file, spec: { path: a, content: "${a}" } }`, ...want }
  const lines = Object.entries(resources).map(([name, text]) => `  ${name}: ${text}`)
  folder.write('understudy.yaml', `stack: t\npolicy: { askAt: 100, refuseAt: 100 }\nresources:\n${lines.join('\n')}\n`)
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
}

const tree = { site: '{ kind: files.tree, spec: { path: site, source: src } }' }
const file = (content: string): Want => ({ conf: `{ kind: files.file, spec: { path: conf, content: ${content} } }` })
const names = async (): Promise<readonly string[]> => {
  const { lines } = await folder.run('status', '--json')
  const resources = lines.at(-1)?.['resources']
  return Array.isArray(resources) ? resources.map((row) => String(Object(row)['name'])) : []
}

describe('what was there before it was looked after', () => {
  beforeEach(() => {
    mkdirSync(folder.path('site'))
    writeFileSync(folder.path('site/theirs'), 'written by hand')
    folder.write('src/ours', '1')
  })
  const site = (): Want => Object.fromEntries(readdirSync(folder.path('site')).map((name) => [name, folder.read(`site/${name}`)]))

  test('goes back to how it was found with a rollback over several changes, and comes again with the next', async () => {
    await apply('1')
    await apply('1', tree)
    folder.write('src/ours', '2')
    await apply('1', tree)
    expect(site()).toEqual({ ours: '2' })
    const back = await folder.run('rollback', '--to', '1')
    expect(back).toMatchObject({ code: 0 })
    expect(back.stdout).toContain('site: it was there before: it goes back to what it was')
    expect(site()).toEqual({ theirs: 'written by hand' })
    expect(await names()).toEqual(['a'])
    expect(await folder.run('rollback', '--to', '3')).toMatchObject({ code: 0 })
    expect(site()).toEqual({ ours: '2' })
    expect(await folder.run('rollback', '--to', '4')).toMatchObject({ code: 0 })
    expect(site()).toEqual({ theirs: 'written by hand' })
  })

  test('comes back from beside the live thing where somebody wrote to that since', async () => {
    await apply('1')
    await apply('1', tree)
    writeFileSync(folder.path('site/ours'), 'edited')
    expect(await folder.run('rollback')).toMatchObject({ code: 11 })
    expect(await folder.run('rollback', '--resolve', 'ours')).toMatchObject({ code: 0 })
    expect(site()).toEqual({ theirs: 'written by hand' })
    expect(await folder.run('rollback', '--to', '2')).toMatchObject({ code: 0 })
    expect(site()).toEqual({ ours: '1' }) // as the revision has it; a plain rollback of the undo would bring back the edit
  })

  test('stays when it was imported and is as it was, and is no longer looked after', async () => {
    await apply('1')
    folder.write('understudy.yaml', `${folder.read('understudy.yaml')}  site: ${tree.site}\n`)
    expect(await folder.run('import', 'site')).toMatchObject({ code: 0 })
    await apply('2', { conf: '{ kind: files.file, spec: { path: conf, content: x } }', ...tree })
    expect(site()).toEqual({ ours: '1' })
    expect(await folder.run('rollback', '--to', '1')).toMatchObject({ code: 0 })
    expect(site()).toEqual({ theirs: 'written by hand' })
    expect([existsSync(folder.path('conf')), folder.read('a'), await names()]).toEqual([false, '1', ['a']])
  })

  test('comes back when the stack deleted it since', async () => {
    await apply('1')
    await apply('1', tree)
    await apply('1')
    expect(existsSync(folder.path('site'))).toBe(false)
    await apply('2')
    expect(await folder.run('rollback', '--to', '1')).toMatchObject({ code: 0 })
    expect([site(), folder.read('a'), await names()]).toEqual([{ theirs: 'written by hand' }, '1', ['a']])
  })

  test('is left to who made it anew after the stack deleted it', async () => {
    await apply('1')
    await apply('1', tree)
    await apply('1')
    await apply('2')
    mkdirSync(folder.path('site'))
    writeFileSync(folder.path('site/new'), 'by hand again')
    const back = await folder.run('rollback', '--to', '1')
    expect(back).toMatchObject({ code: 0 })
    expect(back.stdout).toContain('site: somebody made it anew since it was deleted: it stays as it is')
    expect(site()).toEqual({ new: 'by hand again' })
  })

  test('what somebody wrote to it since is named', async () => {
    writeFileSync(folder.path('conf'), 'by hand')
    await apply('1')
    await apply('1', file('ours'))
    await apply('2', file('ours too'))
    writeFileSync(folder.path('conf'), 'by hand again')
    const refused = await folder.run('rollback', '--to', '1')
    expect(refused.code).toBe(11)
    expect(refused.stderr).toContain('rollback.conflict')
    expect(folder.read('conf')).toBe('by hand again')
    expect(await folder.run('rollback', '--to', '1', '--resolve', 'theirs')).toMatchObject({ code: 0 })
    expect([folder.read('conf'), folder.read('a'), await names()]).toEqual(['by hand again', '1', ['a']])
    expect(await folder.run('rollback', '--to', '3')).toMatchObject({ code: 11 }) // it is theirs by now
    expect(await folder.run('rollback', '--to', '3', '--resolve', 'ours')).toMatchObject({ code: 0 })
    expect(folder.read('conf')).toBe('ours too')
  })

  test('is not deleted with --only either; what the stack made is', async () => {
    await apply('1')
    await apply('1', { ...tree, ...file('made') })
    await apply('2', { ...tree, ...file('made') })
    expect(await folder.run('rollback', '--to', '1', '--only', 'site', '--only', 'conf')).toMatchObject({ code: 0 })
    expect([site(), existsSync(folder.path('conf')), folder.read('a')]).toEqual([{ theirs: 'written by hand' }, false, '2'])
  })
})

test('a database that was there keeps its rows, also those written since', async () => {
  const open = <T>(work: (db: DatabaseSync) => T): T => {
    const db = new DatabaseSync(folder.path('app.db'))
    try {
      return work(db)
    } finally {
      db.close()
    }
  }
  open((db) => db.exec("CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people VALUES (1, 'Ada')"))
  folder.write('db/1-add.sql', 'ALTER TABLE people ADD COLUMN mail TEXT;\n')
  const db = { db: '{ kind: sqlite.database, spec: { path: app.db, migrations: db } }' }
  await apply('1')
  await apply('1', db)
  await apply('2', db)
  open((one) => one.exec("INSERT INTO people(id, name) VALUES (2, 'Grace')"))
  expect(await folder.run('rollback', '--to', '1')).toMatchObject({ code: 0 })
  expect(open((one) => one.prepare('SELECT * FROM people ORDER BY id').all())).toEqual([
    { id: 1, name: 'Ada' },
    { id: 2, name: 'Grace' },
  ])
  expect(await names()).toEqual(['a'])
  rmSync(folder.path('db'), { recursive: true })
  expect(readFileSync(folder.path('a'), 'utf8')).toBe('1')
})
