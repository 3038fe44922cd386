// Owns: the main job, end to end, on a real little stack under load: `npm run demo`. Runs the command line as a user does.
// Never: waits for time to pass: it waits for what it waits for. Leaves nothing behind.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { at, numberAt, textAt, understudy } from './command-line.ts'
import type { Ran } from './command-line.ts'
import { columnsOf, directoryDigest, fileDigest, itemsDigest, itemsOf, pricesOf, schemaDigest } from './digests.ts'
import { send, startLoad } from './load.ts'
import type { Counts, Load } from './load.ts'

interface StepRow {
  readonly step: string
  readonly certificate: string
  readonly risk: number
  readonly forecastMs: number
  readonly prepareMs: number
  readonly turnMs: number
  readonly undoMs: number
  /** Since the row before. */
  readonly requests: Counts
}

const json = process.argv.includes('--json')
const folder = mkdtempSync(join(tmpdir(), 'understudy-shop-'))
const file = join(folder, 'understudy.yaml')
const port = await freePort()
const rows: StepRow[] = []
const wrong: string[] = []
const running: { load: Load | null } = { load: null }
let counts: Counts = { answered: 0, failed: 0, lost: 0 }
let before: Counts = counts

cpSync(import.meta.dirname, folder, {
  recursive: true,
  filter: (path) => !/\.ts$|\/live(\/|$)|\/\.understudy(\/|$)/.test(path.slice(import.meta.dirname.length)),
})
say(`The shop: a directory, a database, a service and a front, in ${folder}; no root, no server.`)
// The commands under way end by themselves; then everything is taken away. A second signal does not wait for that.
let interrupted: string | null = null
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => (interrupted = signal))
try {
  await perform()
} catch (thrown) {
  wrong.push(thrown instanceof Error ? thrown.message : String(thrown))
} finally {
  await running.load?.stop()
  if (running.load !== null && wrong.length === 0) counts = await running.load.counts().catch(() => counts)
  await understudy(file, [...vars('v1'), 'destroy'])
  await understudy(file, ['keeper', 'stop'])
  rmSync(folder, { recursive: true, force: true })
}
finish()

async function perform(): Promise<void> {
  heading('1', 'Apply v1: four resources that do not exist yet')
  changed('apply v1', await run(0, ...vars('v1'), 'apply', '-m', 'first release'))
  const client = new Agent()
  running.load = startLoad(port, 3, 2)
  const v1 = { config: directoryDigest(live('config')), schema: schemaDigest(live('shop.db')), columns: columnsOf(live('shop.db')) }
  check('the service answers through the front', textAt(await home(client), 'release'), 'v1')

  heading('2', 'What if v2? It breaks the service: caught in the shadow')
  const whatif = await run(5, ...vars('v2'), 'whatif')
  foreseen('what-if v2', result(whatif, 'whatif'), null)
  say(`  refused: ${textAt(result(whatif, 'whatif'), 'rehearsal', 'certificate', 'reason').replaceAll('\n', '\n    ')}`)
  check('the primary is untouched', directoryDigest(live('config')), v1.config)
  check('its database too', schemaDigest(live('shop.db')), v1.schema)

  heading('3', 'Apply v3: configuration, database, service and front change together')
  changed('apply v3', await run(0, ...vars('v3'), 'apply', '-m', 'stock and reviews'))
  check('the new service answers', textAt(await home(client), 'release'), 'v3')
  const v3 = {
    config: directoryDigest(live('config')),
    banner: fileDigest(live('config/banner.txt')),
    schema: schemaDigest(live('shop.db')),
  }
  check('the database has the new columns', columnsOf(live('shop.db')), 'items(id name price_cents stock) reviews(item author stars)')
  check('and the new service serves them', await bread(client), '12 in stock, 1 review')

  heading('4', 'Roll the whole stack back')
  const written = itemsOf(live('shop.db')) // by the clients, through both services
  const items = itemsDigest(live('shop.db'), written)
  rolledBack('rollback', await run(0, 'rollback'))
  check('the directory is what it was (names, contents, modes, times)', directoryDigest(live('config')), v1.config)
  check('the schema of the database is what it was', schemaDigest(live('shop.db')), v1.schema)
  check('its columns', columnsOf(live('shop.db')), v1.columns)
  check(`the ${written.length} items written until then stayed`, itemsDigest(live('shop.db'), written), items)
  check('the old service answers', textAt(await home(client), 'release'), 'v1')

  heading('5', 'Apply v3 again: refused until its tombstone is lifted')
  const again = await run(5, ...vars('v3'), 'apply')
  say(`  refused: ${gates(result(again, 'apply'))}`)
  await run(0, 'tombstone', 'lift')
  const reapplied = await run(0, ...vars('v3'), 'apply', '-m', 'stock and reviews, again')
  changed('apply v3 again', reapplied)
  check('the banner is that of v3', fileDigest(live('config/banner.txt')), v3.banner)
  check('the schema is that of v3', schemaDigest(live('shop.db')), v3.schema)

  heading('6', 'Roll back only the configuration directory')
  const closure = await run(5, 'rollback', '--only', 'config')
  say(`  refused without --with-closure: ${textAt(result(closure, 'rollback'), 'text')}`)
  rolledBack('rollback config', await run(0, 'rollback', '--only', 'config', '--with-closure'))
  check('the file is that of v1', fileDigest(live('config/shop.json')), fileDigest(join(folder, 'releases/v1/config/shop.json')))
  check(
    'the service is still that of v3, on the old configuration',
    `${textAt(await home(client), 'release')} ${String(at(await home(client), 'pageSize'))}`,
    'v3 20',
  )
  check('the database is still that of v3', schemaDigest(live('shop.db')), v3.schema)

  heading('7', 'Then one file of it: back to how it was in v3')
  const n = String(numberAt(result(reapplied, 'apply'), 'result', 'n'))
  rolledBack('rollback one file', await run(0, 'rollback', '--only', 'config#/files/banner.txt', '--to', n))
  check('that file is that of v3 again', fileDigest(live('config/banner.txt')), v3.banner)
  check('the others are as they were', fileDigest(live('config/shop.json')), fileDigest(join(folder, 'releases/v1/config/shop.json')))

  heading('8', 'Apply v3 once more and kill its service: a guard undoes the change by itself')
  const mixed = directoryDigest(live('config'))
  for (;;) if ((await understudy(file, ['tombstone', 'lift'])).code !== 0) break
  changed('apply v3, guarded', await run(0, ...vars('v3'), 'apply', '-m', 'stock and reviews, guarded'))
  const pid = numberAt(await home(client), 'pid')
  const killed = performance.now()
  process.kill(pid, 'SIGKILL')
  const status = await until(async () => {
    const row = result(await run(0, 'status'), 'status')
    return textAt(row, 'revision', 'how') === 'undone' ? row : null
  })
  const ms = performance.now() - killed
  say(`  killed pid ${pid}; undone by the guard ${Math.round(ms)} ms later, as revision ${numberAt(status, 'revision', 'n')}`)
  const guarded = await run(0, 'show', textAt(status, 'revision', 'change'))
  const seen = result(guarded, 'show')
  undone('guard', { proof: seen, undoing: at(seen, 'undone') })
  check('the directory is what it was before', directoryDigest(live('config')), mixed)
  check('the database too', schemaDigest(live('shop.db')), v3.schema)
  client.destroy()
}

function vars(release: string): readonly string[] {
  return ['--var', `release=${release}`, '--var', `port=${port}`, '--var', `node=${process.execPath}`]
}

function live(path: string): string {
  return join(folder, 'live', path)
}

/** Runs a command that has to end with this exit code. */
async function run(code: number, ...args: readonly string[]): Promise<Ran> {
  if (interrupted !== null) throw new Error(`${interrupted}: the rest is left out`)
  say(`  $ understudy ${args.filter((arg, n) => !/^(port|node)=/.test(args[arg === '--var' ? n + 1 : n] ?? '')).join(' ')}`)
  const ran = await understudy(file, args)
  if (json) for (const line of ran.lines) process.stdout.write(`${JSON.stringify(line)}\n`)
  if (ran.code === code) return ran
  const errors = ran.lines.filter(
    (line) => line['type'] === 'error' || line['type'] === 'shadow.failed' || line['type'] === 'apply.step-failed',
  )
  throw new Error(`understudy ${args.join(' ')} ended with ${ran.code} instead of ${code}: ${JSON.stringify(errors)} ${ran.stderr}`)
}

function result(ran: Ran, type: string): unknown {
  return ran.lines.findLast((line) => line['type'] === type)
}

function gates(value: unknown): string {
  const all = at(value, 'assessment', 'gates')
  return Array.isArray(all) ? all.map((gate) => textAt(gate, 'text')).join('; ') : ''
}

/** A change with its rehearsal: what the shadow measured, and what the primary took. */
function changed(step: string, ran: Ran): void {
  const value = result(ran, 'apply')
  foreseen(step, value, at(value, 'result', 'receipt'))
}

/** `receipt` null: only the shadow did it. Its undo is that of the rehearsal, the last time back. */
function foreseen(step: string, value: unknown, receipt: unknown): void {
  const steps = listAt(value, 'rehearsal', 'steps')
  const last = (row: unknown, name: string): number => Number(listAt(row, name).at(-1) ?? 0)
  const sum = (each: (row: unknown) => number): number => steps.reduce<number>((total, row) => total + each(row), 0)
  add(step, value, numberAt(value, 'assessment', 'forecast', 'undoMs', 'mid'), {
    prepareMs: receipt === null ? sum((row) => numberAt(row, 'prepareMs')) : numberAt(receipt, 'prepareMs'),
    turnMs: receipt === null ? sum((row) => last(row, 'turnMs')) : numberAt(receipt, 'turnMs'),
    undoMs: sum((row) => last(row, 'undoMs')),
  })
}

function rolledBack(step: string, ran: Ran): void {
  const value = result(ran, 'rollback')
  undone(step, { proof: value, undoing: at(value, 'undoing') })
}

/**
 * An undo. What proved it and forecast it is the rehearsal of the change that it turned back, or its own where it had to be
 * planned: then that was measured, and what follows it forecast. It took what it took from the request to the verdict.
 */
function undone(step: string, { proof, undoing }: { readonly proof: unknown; readonly undoing: unknown }): void {
  const mid = (name: string): number => numberAt(proof, 'assessment', 'forecast', name, 'mid')
  const compiled = textAt(undoing, 'how') === 'compiled'
  const foretold = compiled ? numberAt(proof, 'rehearsal', 'totalMs') + mid('prepareMs') + mid('turnMs') : mid('undoMs')
  add(step, proof, foretold, {
    prepareMs: numberAt(undoing, 'prepareMs'),
    turnMs: numberAt(undoing, 'turnMs'),
    undoMs: numberAt(undoing, 'totalMs'),
  })
}

function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

function add(step: string, proof: unknown, forecastMs: number, took: Pick<StepRow, 'prepareMs' | 'turnMs' | 'undoMs'>): void {
  const now = running.load?.countsNow(() => pricesOf(live('shop.db'))) ?? before
  const row: StepRow = {
    step,
    certificate: textAt(proof, 'rehearsal', 'certificate', 'grade'),
    risk: numberAt(proof, 'assessment', 'risk'),
    forecastMs,
    ...took,
    requests: { answered: now.answered - before.answered, failed: now.failed - before.failed, lost: now.lost - before.lost },
  }
  before = now
  rows.push(row)
  if (json) process.stdout.write(`${JSON.stringify({ type: 'demo.step', ...row })}\n`)
  const ms = (value: number): string => `${Math.round(value * 10) / 10} ms`
  say(
    `  certificate ${row.certificate} · risk ${row.risk} · forecast ${ms(row.forecastMs)} · prepare ${ms(row.prepareMs)} · turn ${ms(row.turnMs)} · undo ${ms(row.undoMs)}`,
  )
  say(`  requests since: ${row.requests.answered} answered, ${row.requests.failed} failed, ${row.requests.lost} acknowledged writes lost`)
}

async function home(client: Agent): Promise<unknown> {
  const { status, text } = await send(client, port, 'GET', '/')
  return status === 200 ? JSON.parse(text) : {}
}

async function bread(client: Agent): Promise<string> {
  const { text } = await send(client, port, 'GET', '/items/bread')
  const item: unknown = JSON.parse(text)
  const reviews = at(item, 'reviews')
  return `${String(at(item, 'stock'))} in stock, ${Array.isArray(reviews) ? reviews.length : 0} review`
}

async function until<T>(body: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    const found = await body()
    if (found !== null) return found
    await sleep(50)
  }
  throw new Error('it did not happen within a minute')
}

function check(what: string, seen: string, wanted: string): void {
  const good = seen === wanted
  if (!good) wrong.push(`${what}: ${seen} instead of ${wanted}`)
  say(`  ${good ? 'ok' : 'WRONG'}  ${what} (${seen})`)
  if (json) process.stdout.write(`${JSON.stringify({ type: 'demo.checked', what, good, seen, wanted })}\n`)
}

function heading(n: string, text: string): void {
  say(`\n${n}. ${text}`)
  if (json) process.stdout.write(`${JSON.stringify({ type: 'demo.heading', n, text })}\n`)
}

function say(text: string): void {
  if (!json) process.stdout.write(`${text}\n`)
}

function finish(): void {
  const verified = wrong.length === 0 && counts.failed === 0 && counts.lost === 0
  for (const error of running.load?.errors.slice(0, 5) ?? []) say(`  a client saw: ${error}`)
  for (const text of wrong) say(`\nWRONG: ${text}`)
  say(`\nRequests: ${counts.answered} answered, ${counts.failed} failed, ${counts.lost} acknowledged writes lost.`)
  say(verified ? 'Everything came back as it was, verified by digests.' : 'NOT verified.')
  if (json) {
    if (wrong.length > 0)
      process.stdout.write(`${JSON.stringify({ type: 'demo.wrong', wrong, errors: running.load?.errors.slice(0, 20) })}\n`)
    process.stdout.write(`${JSON.stringify({ type: 'demo.finished', verified, requests: counts, steps: rows })}\n`)
  }
  process.exitCode = verified ? 0 : 1
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port)))
    })
  })
}
