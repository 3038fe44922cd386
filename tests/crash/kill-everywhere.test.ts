import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadStack, recover } from '@understudy/engine'
import { applyTo, openTestStack, rollBackOn } from '../kit.ts'
import { crashStack, liveDigest, writeSources } from './stack.ts'

const SHARE = Number(process.env['UNDERSTUDY_CRASH_SHARE'] ?? 6) // every sixth boundary in CI; `npm run long -- crash` takes all

let work = ''
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'understudy-crash-'))
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

function victim(dir: string, what: 'apply' | 'rollback' | 'one-file', killAt: number) {
  const args = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'victim.ts'), dir, what, 'v2', String(killAt)]
  const { stdout, stderr, signal } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const end = /^END (\d+) (\w+)$/m.exec(stdout)
  return { killed: signal === 'SIGKILL', boundaries: Number(end?.[1] ?? 0), outcome: end?.[2] ?? '', stderr }
}

/** A folder with release v1 live (and v2 over it for `rollback`), made once and copied for every kill. */
async function template(name: string, over: boolean): Promise<{ dir: string; v1: string; v2: string }> {
  const dir = join(work, name)
  const made = mkdtempSync(join(work, `${name}-`))
  rmSync(dir, { recursive: true, force: true })
  writeSources(made)
  const stack = await openTestStack({ dir: made })
  expect((await applyTo(stack, crashStack('v1'))).outcome).toBe('ended')
  const v1 = liveDigest(made)
  let v2 = ''
  if (over) {
    expect((await applyTo(stack, crashStack('v2'))).outcome).toBe('ended')
    v2 = liveDigest(made)
  }
  await stack.close()
  return { dir: made, v1, v2 }
}

describe.each([
  ['apply', false],
  ['rollback', true],
  ['one-file', true],
] as const)('L8: killed at every boundary of %s', (what, over) => {
  test('recovery is automatic, whole, and needed once; nothing is left over', async () => {
    const { dir, v1, v2 } = await template(what, over)
    const through = victim(dir, what, 0)
    expect(through.stderr).toBe('')
    expect(through.boundaries).toBeGreaterThan(10)
    const after = liveDigest(dir)
    const kills = Array.from({ length: through.boundaries }, (_, n) => n + 1).filter((n) => n % SHARE === 1 || SHARE === 1)
    const harmed: string[] = []
    for (const killAt of kills) {
      // A copy would be another inode, and slots are known by theirs: each kill gets a stack made anew.
      const fresh = await template(`${what}-${killAt}`, over)
      const hit = victim(fresh.dir, what, killAt)
      if (!hit.killed) harmed.push(`boundary ${killAt}: not reached: ${hit.outcome} ${hit.stderr}`)
      harmed.push(...(await inspect(fresh.dir, what, killAt, fresh)))
      rmSync(fresh.dir, { recursive: true, force: true })
    }
    expect(harmed).toEqual([])
    expect([v1, v2, after].every((digest) => typeof digest === 'string')).toBe(true)
  }, 600_000)
})

async function inspect(dir: string, what: string, killAt: number, known: { v1: string; v2: string }): Promise<readonly string[]> {
  const wrong: string[] = []
  const say = (text: string): void => void wrong.push(`boundary ${killAt} of ${what}: ${text}`)
  const stack = await openTestStack({ dir })
  try {
    await recover(stack.ports)
    const state = await loadStack(stack.store, 'test')
    const open = Object.values(state.changes).filter(({ phase }) => phase !== 'committed' && phase !== 'undone')
    if (open.length > 0) say(`${open.map(({ phase }) => phase).join()} after recovery`)
    const live = state.revisions.at(-1)
    const digest = liveDigest(dir)
    const wanted =
      what === 'apply' ? (live?.n === 1 ? known.v1 : null) : live?.how === 'undone' ? known.v1 : live?.n === 2 ? known.v2 : null
    // After a kill behind the commit v2 is live; its digest is only known through its own revision.
    if (wanted !== null && digest !== wanted) say(`revision ${live?.n} (${live?.how}) is live, but the files are another state`)
    const { seq } = state
    if ((await recover(stack.ports)).length > 0 || (await loadStack(stack.store, 'test')).seq !== seq)
      say('the second recovery was not a no-op')
    const worlds = readdirSync(join(dir, '.understudy', 'rooms.test')).filter((name) => name !== 'primary' && name !== 'planning')
    if (worlds.length > 0 || (await stack.store.streams('worlds/')).length > 0) say(`worlds left over: ${worlds.join()}`)
    const again = what === 'apply' ? await applyTo(stack, crashStack('v2')) : await rollBackOn(stack)
    if (again.outcome === 'refused' || again.outcome === 'failed') say(`cannot go on: ${JSON.stringify(again).slice(0, 300)}`)
  } catch (thrown) {
    say(String(thrown))
  } finally {
    await stack.close()
  }
  return wrong
}
