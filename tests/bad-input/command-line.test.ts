import { execFile, execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'understudy-bad-'))
  mkdirSync(join(dir, 'src'))
  mkdirSync(join(dir, 'live'))
  for (let n = 0; n < 400; n += 1) writeFileSync(join(dir, 'src', `f${n}`), `one ${n}\n`)
  stackFile('stack: t\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function stackFile(text: string): void {
  writeFileSync(join(dir, 'understudy.yaml'), text)
}

const program = join(import.meta.dirname, '../../cli/bin/understudy')

/** Starts the command line; `until` is called with each event and may act on the process. */
async function start(args: readonly string[], until: (type: string, child: ReturnType<typeof spawn>) => void = () => undefined) {
  const child = spawn(program, ['-f', join(dir, 'understudy.yaml'), '--json', ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  let seen = 0
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    const lines = text.split('\n').slice(0, -1)
    for (const line of lines.slice(seen)) until(String(JSON.parse(line).type), child)
    seen = lines.length
  })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): { type: string; code?: string; detail?: string; outcome?: string } => JSON.parse(line))
  return { code, lines, fault: lines.find(({ type }) => type === 'error') }
}

const live = (): string => readFileSync(join(dir, 'live/config/f7'), 'utf8')

describe('bad moments', () => {
  test('two applies at once: the second gets exit 9 and who holds it; the first is not disturbed', async () => {
    // The first turns until the second has ended: its command reads a line that comes only then.
    const gate = join(dir, 'gate')
    execFileSync('mkfifo', [gate])
    const held = `{ kind: command.run, spec: { command: [sh, -c, 'read -r line < gate'], cwd: ${dir}, confine: none, undo: ['true'] } }`
    stackFile(
      `stack: t\npolicy: { askAt: 101, refuseAt: 101 }\nresources:\n  config: { kind: files.tree, spec: { path: live/config, source: src } }\n  held: ${held}\n`,
    )
    const line = openSync(gate, 'r+')
    let pid: number | undefined
    let status = ''
    const second: ReturnType<typeof start>[] = []
    const first = await start(['apply', '--accept-loss', 'held'], (type, child) => {
      if (type !== 'apply.preparing' || second.length > 0) return
      pid = child.pid
      second.push(
        promisify(execFile)(program, ['status'], { cwd: dir })
          .then(({ stdout }) => (status = stdout))
          .then(() => start(['apply']))
          .finally(() => writeSync(line, 'go\n')),
      )
    }).finally(() => closeSync(line))
    expect(first.code).toBe(0)
    const [other] = await Promise.all(second)
    expect(other).toMatchObject({ code: 9, fault: { code: 'lease.held', detail: expect.stringContaining(`(pid ${pid}, apply)`) } })
    expect(status).toMatch(new RegExp(`under way: apply, by .*, pid ${pid};`))
    expect(status).not.toContain('understudy recover') // there is nothing to settle yet
    expect(live()).toBe('one 7\n')
  })

  test.each(['plan.started', 'plan.made', 'shadow.opening', 'shadow.prepared', 'shadow.rehearsed', 'apply.preparing', 'apply.turned'])(
    'Ctrl-C at %s: the old revision or the new one, whole, and the next command works',
    async (moment) => {
      expect((await start(['apply'])).code).toBe(0)
      for (let n = 0; n < 400; n += 4) writeFileSync(join(dir, 'src', `f${n + 3}`), `two ${n + 3}\n`)
      let sent = false
      const { code } = await start(['apply'], (type, child) => {
        if (type === moment && !sent) sent = child.kill('SIGINT')
      })
      expect(sent).toBe(true)
      expect([0, 8]).toContain(code)
      expect(live()).toBe(code === 0 ? 'two 7\n' : 'one 7\n')
      expect((await start(['drift', '--exit-code'])).code).toBe(0)
      expect((await start(['apply'])).code).toBe(0)
      expect(live()).toBe('two 7\n')
    },
  )

  test('a store made by a newer version is refused and left as it is', async () => {
    expect((await start(['apply'])).code).toBe(0)
    const db = new DatabaseSync(join(dir, '.understudy/store.db'))
    db.exec("UPDATE meta SET value = '99' WHERE name = 'format'")
    db.close()
    const refused = await start(['apply'])
    expect(refused).toMatchObject({ code: 3, fault: { code: 'store.newer-version' } })
    expect(live()).toBe('one 7\n')
  })

  test.each([
    ['an unknown key', 'stack: t\nresorces: {}\n', 'intent.unknown-key'],
    [
      'a cycle',
      'stack: t\nresources:\n  a: { kind: files.tree, dependsOn: [b], spec: { path: x, source: src } }\n  b: { kind: files.tree, dependsOn: [a], spec: { path: y, source: src } }\n',
      'intent.cycle',
    ],
    [
      'a reference to nothing',
      'stack: t\nresources:\n  a: { kind: files.tree, spec: { path: x, source: "${nobody.path}" } }\n',
      'intent.unknown-resource',
    ],
    [
      'a YAML bomb',
      `stack: t\na: &a [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 12 }, (_, n) => `${'bcdefghijklm'[n]}: &${'bcdefghijklm'[n]} [${Array.from({ length: 9 }, () => `*${'abcdefghijkl'[n]}`).join(', ')}]`).join('\n')}\n`,
      'intent.',
    ],
  ])('%s: exit 3, and nothing was touched', async (_what, text, code) => {
    expect((await start(['apply'])).code).toBe(0)
    stackFile(text)
    const refused = await start(['apply'])
    expect(refused.code).toBe(3)
    expect(refused.fault?.code).toContain(code)
    expect(live()).toBe('one 7\n')
  })
})
