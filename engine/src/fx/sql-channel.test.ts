import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '@understudy/contract'
import type { FaultData } from '@understudy/contract'
import { createRecorder } from './recorder.ts'
import { sqlChannel } from './sql-channel.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }

let dir: string
let file: string
let abort: AbortController
let recorder: ReturnType<typeof createRecorder>
let sql: ReturnType<typeof sqlChannel>

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'us-sql-'))
  file = join(dir, 'a.db')
  abort = new AbortController()
  recorder = createRecorder(clock, abort.signal)
  sql = sqlChannel(recorder)
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

function make(script: string, path = file): void {
  const db = new DatabaseSync(path)
  db.exec(script)
  db.close()
}

function faultOf(act: () => unknown): FaultData {
  try {
    act()
  } catch (error) {
    if (error instanceof Fault) return error.fault
    throw error
  }
  throw new Error('no fault')
}

/** Runs a script in a process of its own that kills itself with SIGKILL at its end, the database still open. */
function killedWhile(script: string): void {
  const code = `const {DatabaseSync}=require('node:sqlite');const d=new DatabaseSync(process.argv[1]);d.exec(process.argv[2]);process.kill(process.pid,'SIGKILL')`
  expect(spawnSync(process.execPath, ['-e', code, '--', file, script]).signal).toBe('SIGKILL')
}

test('a database is written, and read again with every kind of value', () => {
  const db = sql.writes.open(file)
  db.script('CREATE TABLE t(a, b TEXT); CREATE TABLE u(x)')
  const values = [null, 1, 1.5, 2n ** 62n, 'a\0b é', Uint8Array.of(0, 255), Number.MAX_SAFE_INTEGER]
  for (const value of values) expect(db.run('INSERT INTO t(a) VALUES (?)', value)).toBe(1)
  db.close()
  const reads = sql.reads.open(file)
  expect(reads.all('SELECT a FROM t ORDER BY rowid').map(({ a }) => a)).toEqual(values)
  expect([...reads.each('SELECT typeof(a) AS t FROM t ORDER BY rowid')].map(({ t }) => t)).toEqual([
    'null',
    'integer',
    'real',
    'integer',
    'text',
    'blob',
    'integer',
  ])
  reads.close()
  reads.close()
})

test('what is opened to read cannot be written', () => {
  make('CREATE TABLE t(a)')
  const reads = sql.reads.open(file)
  expect(() => reads.all('INSERT INTO t VALUES (1)')).toThrow(Fault)
  reads.close()
})

test('a WAL database that nobody has open is read without leaving files behind', () => {
  make('PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES (1)')
  expect(readdirSync(dir)).toEqual(['a.db'])
  const reads = sql.reads.open(file)
  expect(reads.all('SELECT a FROM t')).toEqual([{ a: 1 }])
  expect(readdirSync(dir)).toEqual(['a.db'])
  reads.close()
  expect(readdirSync(dir)).toEqual(['a.db'])
})

test('a WAL database is read while somebody writes to it', () => {
  make('PRAGMA journal_mode=WAL; CREATE TABLE t(a)')
  const writer = new DatabaseSync(file)
  writer.exec('INSERT INTO t VALUES (1); BEGIN IMMEDIATE; INSERT INTO t VALUES (2)')
  const reads = sql.reads.open(file)
  expect(reads.all('SELECT a FROM t')).toEqual([{ a: 1 }])
  writer.exec('COMMIT')
  expect(reads.all('SELECT a FROM t')).toHaveLength(2)
  reads.close()
  writer.close()
})

test('a writer that comes after opening is noticed: the first statement is read again, a later one is a transient fault', () => {
  make('PRAGMA journal_mode=WAL; CREATE TABLE t(a)')
  const first = sql.reads.open(file)
  const second = sql.reads.open(file)
  expect(second.all('SELECT a FROM t')).toEqual([])
  const writer = new DatabaseSync(file)
  writer.exec('INSERT INTO t VALUES (1)')
  expect(first.all('SELECT a FROM t')).toEqual([{ a: 1 }])
  expect(faultOf(() => second.all('SELECT a FROM t'))).toMatchObject({ code: 'sql.busy', class: 'transient' })
  first.close()
  second.close()
  writer.close()
})

test('L8: what a killed writer left over is read as it was before its transaction, in both journal modes', () => {
  make('CREATE TABLE t(a); INSERT INTO t VALUES (1)')
  killedWhile(
    `PRAGMA cache_size=2; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<900) INSERT INTO t SELECT zeroblob(5000) FROM n`,
  )
  expect(existsSync(`${file}-journal`)).toBe(true)
  const rolledBack = sql.reads.open(file)
  expect(rolledBack.all('SELECT count(*) AS n FROM t')).toEqual([{ n: 1 }])
  expect(() => rolledBack.all('DELETE FROM t')).toThrow(Fault)
  rolledBack.close()
  make('PRAGMA journal_mode=WAL')
  killedWhile('INSERT INTO t VALUES (2); BEGIN; INSERT INTO t VALUES (3)')
  const wal = sql.reads.open(file)
  expect(wal.all('SELECT count(*) AS n FROM t')).toEqual([{ n: 2 }])
  wal.close()
})

test('names with any bytes and with letters that mean something in a URI work', () => {
  for (const name of ['a b?mode=memory#%41.db', 'é.db', '\udcff.db']) {
    const path = join(dir, name)
    sql.writes.open(path).script('CREATE TABLE t(a)')
    const reads = sql.reads.open(path)
    expect(reads.all('SELECT name FROM sqlite_master')).toEqual([{ name: 't' }])
    reads.close()
  }
  expect(readdirSync(dir, { encoding: 'buffer' })).toHaveLength(3)
})

test('statements that write are recorded, parameters and reads are not', () => {
  const db = sql.writes.open(file)
  db.script(`CREATE TABLE t(a); -- ${'x'.repeat(3_000)}`)
  db.run('INSERT INTO t VALUES (?)', 'hush-hush')
  expect(() => db.script('CREATE TABLE t(a)')).toThrow(Fault)
  db.close()
  sql.reads.open(file).all('SELECT a FROM t')
  const rows = recorder.take()
  expect(rows.map(({ channel, verb, result }) => [channel, verb, result])).toEqual([
    ['sql', 'statement', 'ok'],
    ['sql', 'statement', '1 rows'],
    ['sql', 'statement', 'sql.failed'],
  ])
  expect(rows[0]?.target.length).toBe(2_001)
  expect(JSON.stringify(rows)).not.toContain('hush')
})

test('a lock of somebody else is transient, after the busy timeout', { timeout: 20_000 }, () => {
  make('CREATE TABLE t(a)')
  const other = new DatabaseSync(file)
  other.exec('BEGIN EXCLUSIVE')
  expect(faultOf(() => sql.writes.open(file).script('BEGIN IMMEDIATE'))).toMatchObject({ code: 'sql.busy', class: 'transient' })
  other.close()
})

test('waiting for a lock, that keeps the thread, ends with the step: at its deadline nothing is begun any more', () => {
  make('CREATE TABLE t(a)')
  let now = 0
  const timed = sqlChannel(createRecorder({ now: () => now, monotonic: () => now }, abort.signal, 10_000))
  const db = timed.writes.open(file)
  expect(db.all('PRAGMA busy_timeout')).toEqual([{ timeout: 5_000 }])
  now = 9_700
  expect(db.all('PRAGMA busy_timeout')).toEqual([{ timeout: 300 }])
  expect(timed.reads.open(file).all('PRAGMA busy_timeout')).toEqual([{ timeout: 300 }])
  now = 10_000
  expect(faultOf(() => db.script('CREATE TABLE u(a)'))).toMatchObject({ code: 'sql.cancelled' })
  db.close()
})

test('absent, damaged, forbidden and wrong statements are different faults', () => {
  expect(faultOf(() => sql.reads.open(file))).toMatchObject({ code: 'sql.missing', class: 'conflict' })
  expect(faultOf(() => sql.writes.open(join(dir, 'no', 'a.db')))).toMatchObject({ code: 'sql.missing', class: 'conflict' })
  writeFileSync(file, 'this is no database, and long enough to look like one '.repeat(30))
  expect(faultOf(() => sql.reads.open(file))).toMatchObject({ code: 'sql.damaged', class: 'conflict' })
  expect(faultOf(() => sql.writes.open(file))).toMatchObject({ code: 'sql.damaged', class: 'conflict' })
  const folder = join(dir, 'folder')
  mkdirSync(folder)
  expect(faultOf(() => sql.reads.open(folder))).toMatchObject({ class: 'conflict' })
  const db = sql.writes.open(join(dir, 'b.db'))
  const wrong = faultOf(() => db.script('-- first\nSELEC 1\nFROM t'))
  expect(wrong).toMatchObject({ code: 'sql.failed', class: 'invalid' })
  expect(wrong.detail).toContain('SELEC 1')
  expect(wrong.detail).not.toContain('FROM')
  db.script('CREATE TABLE t(a CHECK (a > 0))')
  expect(faultOf(() => db.run('INSERT INTO t VALUES (?)', -5))).toMatchObject({ code: 'sql.failed', class: 'invalid' })
  db.close()
})

test.skipIf(process.getuid?.() === 0)('a file without rights is forbidden', () => {
  make('CREATE TABLE t(a)')
  chmodSync(file, 0)
  expect(faultOf(() => sql.reads.open(file))).toMatchObject({ class: 'forbidden' })
})

test('a scratch database is empty, and nothing can be attached to it', () => {
  const scratch = sql.reads.scratch()
  scratch.script('CREATE TABLE t(a); INSERT INTO t VALUES (1)')
  expect(scratch.all('SELECT a FROM t')).toEqual([{ a: 1 }])
  expect(() => scratch.script(`ATTACH '${file}' AS x`)).toThrow(Fault)
  scratch.close()
  expect(readdirSync(dir)).toEqual([])
  expect(recorder.take()).toEqual([])
})

test.each(['DELETE', 'WAL'])('a copy is consistent while others write (%s), and never overwrites', { timeout: 60_000 }, async (mode) => {
  make(`PRAGMA journal_mode=${mode}; CREATE TABLE t(a, b); CREATE TABLE u(a)`)
  make(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30000) INSERT INTO t SELECT i, zeroblob(900) FROM n`)
  // Both tables always hold the same number of new rows: a copy taken in between would show it.
  const code = `const {DatabaseSync}=require('node:sqlite');const d=new DatabaseSync(process.argv[1],{timeout:30000});let told=false
    process.stdin.once('end',()=>process.exit(0));process.stdin.resume()
    setInterval(()=>{d.exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (0, 'new'); INSERT INTO u VALUES (0); COMMIT");if(!told){told=true;console.log('writing')}},5)`
  const writer = spawn(process.execPath, ['-e', code, '--', file], { stdio: ['pipe', 'pipe', 'ignore'] })
  const exited = once(writer, 'exit')
  await once(writer.stdout, 'data')
  const to = join(dir, 'copy.db')
  await sql.writes.copy(file, to)
  writer.stdin.end()
  await exited
  const copy = sql.reads.open(to)
  expect(copy.all(`SELECT (SELECT count(*) FROM t WHERE b = 'new') - (SELECT count(*) FROM u) AS n`)).toEqual([{ n: 0 }])
  expect(copy.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
  copy.close()
  await expect(sql.writes.copy(file, to)).rejects.toThrow('sql.exists')
})

test('a cancelled step does nothing more', async () => {
  make('CREATE TABLE t(a)')
  const db = sql.writes.open(file)
  abort.abort()
  expect(faultOf(() => db.run('INSERT INTO t VALUES (1)'))).toMatchObject({ code: 'sql.cancelled', class: 'transient' })
  db.close()
  await expect(sql.writes.copy(file, join(dir, 'b.db'))).rejects.toThrow('sql.cancelled')
  expect(existsSync(join(dir, 'b.db'))).toBe(false)
})
