import { mkdirSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openFolder } from '../command-line/folder.ts'
import type { Folder } from '../command-line/folder.ts'

const server = `import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
const path = /^db=(.*)$/m.exec(readFileSync(process.env.CONF + '/app.conf', 'utf8'))[1]
const db = new DatabaseSync(path)
db.prepare('insert into starts (path) values (?)').run(path)
db.close()
createServer((_, response) => response.end('ok')).listen(Number(process.env.PORT), '127.0.0.1')
`

let folder: Folder
beforeEach(() => {
  folder = openFolder()
  for (const name of ['migrations', 'code', 'live']) mkdirSync(folder.path(name))
  writeFileSync(folder.path('migrations/001_starts.sql'), 'create table starts (id integer primary key, path text);')
  writeFileSync(folder.path('code/server.mjs'), server)
  release('v1')
})
afterEach(async () => {
  await folder.run('-y', 'destroy')
  await folder.close()
})

/** The service finds its database through a text of the tree, as programs with a configuration file do. */
function release(name: string): void {
  folder.write(
    'understudy.yaml',
    `stack: t
policy: { askAt: 100, refuseAt: 100 }
resources:
  db: { kind: sqlite.database, spec: { path: live/t.db, migrations: migrations } }
  conf: { kind: files.tree, spec: { path: live/conf, files: { app.conf: "db=\${db.path}\\nrelease=${name}\\n" } } }
  api:
    kind: process.service
    spec:
      command: [${JSON.stringify(process.execPath)}, --disable-warning=ExperimentalWarning, server.mjs]
      code: code
      dirs: { CONF: "\${conf.slot}" }
      env: { RELEASE: ${name} }
      health: { http: / }
`,
  )
}

function starts(): readonly unknown[] {
  const db = new DatabaseSync(folder.path('live/t.db'), { readOnly: true })
  try {
    return db
      .prepare('select path from starts')
      .all()
      .map(({ path }) => path)
  } finally {
    db.close()
  }
}

test('a shadow service reads of the shadow where its database is, the old one too', async () => {
  const own = folder.path('live/t.db')
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  expect(starts()).toEqual([own])
  release('v2')
  expect(await folder.run('whatif')).toMatchObject({ code: 0 })
  expect(await folder.run('plan')).toMatchObject({ code: 0 })
  expect(starts()).toEqual([own])
  expect(await folder.run('apply')).toMatchObject({ code: 0 })
  expect(starts()).toEqual([own, own])
  expect(folder.read('live/conf/app.conf')).toBe(`db=${own}\nrelease=v2\n`)
  expect(await folder.run('rollback')).toMatchObject({ code: 0 })
  expect(folder.read('live/conf/app.conf')).toBe(`db=${own}\nrelease=v1\n`)
})
